"""Which reviews a snapshot pins: the lake's, or those of a published data set."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from sentiment.core.config import DATA, EXPERTS, LONGEST_PLACE, Day, Share, VerbConfig

Dataset = Literal["lake", "amazon_polarity", "imdb"]
Split = Literal["product", "random"]
# What pins the reviews of the lake, and says nothing about a file.
LAKE_FIELDS = ("from_day", "to_day", "reviews_version")


class OnSnapshot(VerbConfig):
    """The reviews that something is trained or measured on."""

    snapshot: str = Field(
        "",
        description="Id of the snapshot; a new one of the whole lake when empty.",
        title="Snapshot",
        json_schema_extra=DATA,
    )


class SnapshotConfig(VerbConfig):
    """Pin the reviews of a training: the lake's, or those of a published data set.

    The lake's reviews are de-duplicated over all history, labelled by stars, and split by product and by time, or at
    random. A data set keeps its labels and the test that it was published with; what is not split yet is split at
    random. At random means that each split gets its share of each label in each category.
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
    from_day: Day | None = Field(
        None, description="First day; the first in the lake when empty.", title="Reviews from (UTC)"
    )
    to_day: Day | None = Field(
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
        description="They are neither trained on nor tested on; they are still scored. Three letters of Chinese or "
        "Japanese count as a word, six of Thai, Lao, Tibetan, Burmese or Khmer.",
        title="Ignore reviews shorter than (words)",
        json_schema_extra=DATA,
    )
    split: Split = Field(
        "product",
        description="product: the test has products and weeks that training has not seen, as scoring will. random: the "
        "same share of each label in each category, as published studies split; products stand on both sides.",
        title="Split of the lake's reviews",
        json_schema_extra=DATA,
    )
    test_categories: tuple[str, ...] = Field(
        (),
        description="The test is of these categories alone and training sees none of them: how good is a model on "
        "what it has not met? The share of products held out for the test is not used then.",
        title="Categories kept for the test",
        json_schema_extra=EXPERTS,
    )
    test_share: Share = Field(
        0.2,
        description="Between 0 and 1: all reviews of such a product stay out of training (at random, and of a data "
        "set: that share of reviews).",
        title="Products held out for the test",
        json_schema_extra=DATA,
    )
    validation_share: Share = Field(
        0.1, description="Between 0 and 1, as above.", title="Products held out for validation", json_schema_extra=DATA
    )
    recent_share: Share = Field(
        0.25,
        description="Between 0 and 1: training sees only older reviews; not where the split is random.",
        title="Newest part used for validation and test",
        json_schema_extra=DATA,
    )
    split_seed: int = Field(
        17,
        description="Seed of the split and of every sample taken from it.",
        title="Seed of the split",
        json_schema_extra=EXPERTS,
    )

    @field_validator("test_categories")
    @classmethod
    def _in_one_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _fits_the_dataset(self) -> Self:
        if self.dataset == "lake" and self.source:
            raise ValueError(f"source {self.source!r} is not read for the lake; name its dataset as well")
        if self.split == "random" or self.dataset != "lake":
            self._require_something_to_train_on()
        if self.from_day and self.to_day and self.from_day > self.to_day:
            raise ValueError(f"from_day {self.from_day} lies after to_day {self.to_day}; swap them")
        if self.dataset == "lake":
            return self
        if not self.source:
            raise ValueError(f"dataset {self.dataset} needs a source: the file or folder that holds it")
        given = [name for name in LAKE_FIELDS if getattr(self, name) is not None]
        given += ["test_categories"] if self.test_categories else []
        if given:
            raise ValueError(f"{', '.join(given)} choose reviews of the lake; leave them empty for {self.dataset}")
        return self

    def _require_something_to_train_on(self) -> None:
        if self.validation_share + (0 if self.test_categories else self.test_share) >= 1:
            raise ValueError("test_share and validation_share leave nothing to train on; lower them")
