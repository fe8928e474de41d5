"""How reviews come in: ingestion, history, the generated sample, and the snapshots that models are trained on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from sentiment.config.sections import DATA, EXPERTS, TEXT
from sentiment.config.verb import Share, VerbConfig

Dataset = Literal["lake", "amazon_polarity", "imdb"]
# What pins the reviews of the lake, and says nothing about a file.
LAKE_FIELDS = ("from_day", "to_day", "reviews_version")
# What Linux takes as a path; a text of 128 KiB would be too long for the command line of Spark's driver.
LONGEST_PLACE = 4096


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

    day: date = Field(
        description="Fill in when you trigger by hand: the Logical Date above is the present moment, whose file "
        "does not exist yet. Leave empty in a backfill.",
        title="Day (UTC)",
    )
    late_days: int = Field(
        60,
        ge=0,
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

    dataset: Dataset = Field(
        "lake",
        description="lake: your own reviews. imdb and amazon_polarity: a published data set in the files named below.",
        title="Training data",
        json_schema_extra=DATA,
    )
    source: str = Field(
        "",
        max_length=LONGEST_PLACE,
        description="File, folder or s3:// prefix, as the worker sees it; only for imdb and amazon_polarity.",
        title="Files of the data set",
        json_schema_extra=DATA,
    )
    from_day: date | None = Field(
        None, description="First day; the first in the lake when empty.", title="Reviews from (UTC)"
    )
    to_day: date | None = Field(
        None, description="Last day, included; the last in the lake when empty.", title="Reviews to (UTC)"
    )
    reviews_version: int | None = Field(
        None,
        ge=0,
        description="Delta version that is read; the newest when empty.",
        title="Version of the table reviews",
        json_schema_extra=EXPERTS,
    )
    min_words: int = Field(
        10,
        ge=1,
        description="They are neither trained on nor tested on; they are still scored.",
        title="Ignore reviews shorter than (words)",
        json_schema_extra=DATA,
    )
    test_share: Share = Field(
        0.2,
        description="Between 0 and 1: all reviews of such a product stay out of training (of a data set: that share "
        "of reviews).",
        title="Products held out for the test",
        json_schema_extra=DATA,
    )
    validation_share: Share = Field(
        0.1, description="Between 0 and 1, as above.", title="Products held out for validation", json_schema_extra=DATA
    )
    recent_share: Share = Field(
        0.25,
        description="Between 0 and 1: training sees only older reviews.",
        title="Newest part used for validation and test",
        json_schema_extra=DATA,
    )
    split_seed: int = Field(
        17,
        description="Seed of the split and of every sample taken from it.",
        title="Seed of the split",
        json_schema_extra=EXPERTS,
    )

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
