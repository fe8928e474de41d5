"""How reviews come in, a day's files and a whole history, and what came of them."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from sentiment.core.config import EXPERTS, LONGEST_PLACE, MOST_DAYS, TEXT, Day, Share, VerbConfig
from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted

LATE_DAYS = 60


class IngestOptions(VerbConfig):
    """How raw lines become reviews, for a day's files and for a whole history alike."""

    max_bad_share: Share = Field(
        0.2,
        description="Between 0 and 1: 0.2 is 20 %. With more, nothing is written.",
        title="Fail above this share of bad lines",
    )
    expand_contractions: bool = Field(
        False,
        description="don't becomes do not. Changes the text that models see: train again after you change it.",
        title="Write contractions out",
        json_schema_extra=TEXT,
    )
    lower_case: bool = Field(
        False,
        description="Fold titles and texts to lower case. Changes the text that models see: train again after you "
        "change it.",
        title="Lower case",
        json_schema_extra=TEXT,
    )


class IngestConfig(IngestOptions):
    """Read one day's files from the landing into the lake."""

    day: Day = Field(
        description="Fill in when you trigger by hand: the Logical Date above is the present moment, whose file "
        "does not exist yet. Leave empty in a backfill.",
        title="Day (UTC)",
    )
    late_days: int = Field(
        LATE_DAYS,
        ge=0,
        le=MOST_DAYS,
        description="A day's file may hold reviews of so many days before it; they go into the days that they are of.",
        title="Take late reviews of (days)",
        json_schema_extra=EXPERTS,
    )


class ImportHistoryConfig(IngestOptions):
    """Read files of any number of days into the lake, in one Spark job."""

    source: str = Field(
        min_length=1,
        max_length=LONGEST_PLACE,
        description="A .jsonl or .jsonl.gz file, or a folder or s3:// prefix of them, as the worker sees it.",
        title="File, folder or s3:// prefix of reviews",
    )


class ImportResult(VerbResult):
    """What came of a delivery: lines read = kept + duplicate + rejected.

    `touched` are the days that were written; `gone` counts reviews that the delivery held before and holds no more,
    `cut` texts that were longer than the limit, `reasons` the rejected lines by what is wrong with them.
    """

    days: int
    touched: tuple[date, ...]
    read: int
    kept: int
    duplicate: int
    rejected: int
    gone: int
    cut: int
    reasons: dict[str, int]
    files: int
    reviews_version: int

    def sentences(self) -> list[str]:
        """Count the lines."""
        return [
            f"{counted(self.read, 'line')} read: {self.kept:,} kept, {self.duplicate:,} duplicate, "
            f"{self.rejected:,} rejected."
        ]


class IngestResult(ImportResult):
    """What came of a day's delivery."""

    day: date

    def sentences(self) -> list[str]:
        """Count the lines of the day."""
        return [f"{self.day}: {sentence}" for sentence in super().sentences()]
