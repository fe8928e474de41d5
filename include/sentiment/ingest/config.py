"""How reviews come in, a day's files and a whole history, and what came of them."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from sentiment.core.config import EXPERTS, LONGEST_PLACE, MOST_DAYS, TEXT, Day, Share
from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted, listed, not_read
from sentiment.readers.config import ReviewOptions

LATE_DAYS = 60


class IngestOptions(ReviewOptions):
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
        description="A file (.jsonl, .json, .csv, .tsv, .parquet, packed or not), or a folder or s3:// prefix of them, "
        "as the worker sees it.",
        title="File, folder or s3:// prefix of reviews",
    )


class InspectConfig(ReviewOptions):
    """Show what a file is, how its columns would be read, and what would be rejected; nothing else is opened."""

    file: str = Field(
        min_length=1,
        max_length=LONGEST_PLACE,
        description="A file of reviews, or a folder of which the first is shown.",
    )
    rows: int = Field(100_000, ge=1, description="So many rows are looked at.")


class RowRead(VerbResult):
    """A row as it would be read: a review's fields, in words."""

    line: int
    rating: str
    time: str
    product: str
    user: str
    title: str
    text: str


class RowRejected(VerbResult):
    """A row that would be rejected, with the beginning of what it holds."""

    line: int
    reason: str
    row: str


class InspectResult(VerbResult):
    """What a file is and how it would be read: rows looked at = reviews + rejected.

    `mapping` names the column that each part of a review is read from, `lacks` what keeps the file from the lake;
    `predict` asks for a text alone. Of a file with more rows than were asked for `whole` is false.
    """

    file: str
    files: int
    kind: str
    packing: str
    encoding: str
    delimiter: str
    quotes: str
    columns: tuple[str, ...]
    known_as: str
    mapping: dict[str, str]
    times: dict[str, int]
    rows: int
    whole: bool
    reviews: int
    rejected: int
    reasons: dict[str, int]
    lacks: str
    first_rows: tuple[RowRead, ...]
    first_rejected: tuple[RowRejected, ...]

    def sentences(self) -> list[str]:
        """Say what the file is, and whether it can be imported."""
        looked = f"{counted(self.rows, 'row')}{'' if self.whole else ', and there are more'}"
        if self.lacks:
            return [f"{self.lacks}."]
        return [f"{looked}: {counted(self.reviews, 'review')}, {self.rejected:,} rejected."]


class ImportResult(VerbResult):
    """What came of a delivery: lines read = kept + duplicate + rejected.

    `touched` are the days that were written; `gone` counts reviews that the delivery held before and holds no more,
    `cut` texts that were longer than the limit, `reasons` the rejected lines by what is wrong with them. Of files that
    are not in our own names `schemas` counts the lines by what their columns are known as, and `times` the reviews by
    the unit of their time. `passed_over` counts what lay beside the files and was not read, `passed_over_names` are the
    first few of it.
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
    schemas: dict[str, int] = Field(default_factory=dict)
    times: dict[str, int] = Field(default_factory=dict)
    files: int
    passed_over: int = 0
    passed_over_names: tuple[str, ...] = ()
    reviews_version: int

    def sentences(self) -> list[str]:
        """Count the lines and files, and name what was not read."""
        found = f"; columns of {listed(sorted(self.schemas))}" if self.schemas else ""
        units = (
            f"; {listed([f'{count:,} times in {unit}' for unit, count in self.times.items()])}" if self.times else ""
        )
        return [
            f"{counted(self.read, 'line')} of {counted(self.files, 'file')} read: {self.kept:,} kept, "
            f"{self.duplicate:,} duplicate, {self.rejected:,} rejected{found}{units}.",
            *([f"{not_read(self.passed_over_names, self.passed_over)}."] if self.passed_over else []),
        ]


class IngestResult(ImportResult):
    """What came of a day's delivery."""

    day: date

    def sentences(self) -> list[str]:
        """Count the lines of the day."""
        return [f"{self.day}: {sentence}" for sentence in super().sentences()]
