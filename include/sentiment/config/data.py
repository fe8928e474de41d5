"""How reviews come in: ingestion, history, the generated sample, and the snapshots that models are trained on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from sentiment.config.verb import Share, VerbConfig


class IngestOptions(VerbConfig):
    """How raw lines become reviews, for a day's files and for a whole history alike."""

    max_bad_share: Share = Field(0.2, description="Largest share of bad lines; with more, nothing is written.")
    expand_contractions: bool = Field(False, description="Write contractions out: don't becomes do not.")
    lower_case: bool = Field(False, description="Fold titles and texts to lower case.")


class IngestConfig(IngestOptions):
    """Read one day's files from the landing into the lake."""

    day: date = Field(description="The day to ingest, YYYY-MM-DD.")


class ImportHistoryConfig(IngestOptions):
    """Read files of any number of days into the lake, in one Spark job."""

    source: str = Field(min_length=1, description="A .jsonl or .jsonl.gz file, or a folder or s3:// prefix of them.")


class SampleConfig(VerbConfig):
    """Generate reviews to try the platform on: a history, daily files and products, the same for the same seed."""

    output: Path = Field(description="Folder to write; it may be given to the demo as REVIEWS.")
    reviews: int = Field(20_000, ge=100, description="About how many reviews.")
    days: int = Field(60, ge=10, description="Over how many days.")
    daily_days: int = Field(14, ge=7, description="How many of the last days become daily files.")
    last_day: date = Field(date(2024, 6, 29), description="The last day.")
    seed: int = Field(17, description="Seed of everything that is drawn.")


class SnapshotConfig(VerbConfig):
    """Pin the reviews of a training: de-duplicate over all history, label by stars, split by product and by time."""

    from_day: date | None = Field(None, description="First day; the first in the lake when empty.")
    to_day: date | None = Field(None, description="Last day; the last in the lake when empty.")
    reviews_version: int | None = Field(None, ge=0, description="Version of the table reviews; the newest when empty.")
    min_words: int = Field(10, ge=1, description="Shorter reviews are neither trained on nor tested on.")
    test_share: Share = Field(0.2, description="Share of the products kept for the test.")
    validation_share: Share = Field(0.1, description="Share of the products kept for validation.")
    recent_share: Share = Field(
        0.25, description="Validate and test on the newest share of reviews, train on the rest."
    )
    split_seed: int = Field(17, description="Seed of the split by product and of every sample taken from it.")
