"""How reviews come in: ingestion, history, the generated sample, and the snapshots that models are trained on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from sentiment.config.verb import Share, VerbConfig

Dataset = Literal["lake", "amazon_polarity", "imdb"]
# What pins the reviews of the lake, and says nothing about a file.
LAKE_FIELDS = ("from_day", "to_day", "reviews_version")


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
    """Pin the reviews of a training: the lake's, or those of a published data set.

    The lake's reviews are de-duplicated over all history, labelled by stars, and split by product and by time. A data
    set keeps its labels and the test that it was published with; what is not split yet is split by label and category.
    """

    dataset: Dataset = Field("lake", description="Where the reviews come from: the lake, or the files of a data set.")
    source: str = Field("", description="File, folder or s3:// prefix of the data set; empty for the lake.")
    from_day: date | None = Field(None, description="First day; the first in the lake when empty.")
    to_day: date | None = Field(None, description="Last day; the last in the lake when empty.")
    reviews_version: int | None = Field(None, ge=0, description="Version of the table reviews; the newest when empty.")
    min_words: int = Field(10, ge=1, description="Shorter reviews are neither trained on nor tested on.")
    test_share: Share = Field(0.2, description="Share of the products (of a data set: reviews) kept to test.")
    validation_share: Share = Field(0.1, description="Share of the products, or reviews, kept to validate.")
    recent_share: Share = Field(
        0.25, description="Validate and test on the newest share of reviews, train on the rest."
    )
    split_seed: int = Field(17, description="Seed of the split and of every sample taken from it.")

    @model_validator(mode="after")
    def _fits_the_dataset(self) -> Self:
        if self.dataset == "lake" and self.source:
            raise ValueError(f"source {self.source!r} is not read for the lake; name its dataset as well")
        if self.dataset == "lake":
            return self
        if not self.source:
            raise ValueError(f"dataset {self.dataset} needs a source: the file or folder that holds it")
        given = [name for name in LAKE_FIELDS if getattr(self, name) is not None]
        if given:
            raise ValueError(f"{', '.join(given)} choose reviews of the lake; leave them empty for {self.dataset}")
        if self.test_share + self.validation_share >= 1:
            raise ValueError("test_share and validation_share leave nothing to train on; lower them")
        return self
