"""What a snapshot says of itself. It is a folder of Parquet files and a manifest, written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, field_validator

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS
from sentiment.stores import files as storage

SPLITS = ("train", "validation", "test")
# Those that a model is chosen and measured by, and must not have learnt from.
JUDGES = SPLITS[1:]
# What a source holds and no split takes is counted under this name.
UNUSED = "unused"


class SplitCounts(BaseModel):
    """How many reviews a split has, and of which label; `categories` counts labels by category.

    Without reviews it has no share.
    """

    model_config = ConfigDict(frozen=True)

    reviews: int
    negative: int = 0
    positive: int = 0
    positive_share: float | None = None
    categories: dict[str, dict[str, int]] = {}


class BadRowAt(BaseModel):
    """Where a bad row stands, by the line on which it begins (of Parquet by row), from 1, and why it is no review."""

    model_config = ConfigDict(frozen=True)

    file: str
    row: int
    reason: str


class BadRows(BaseModel):
    """How many rows of a data set were left out because they are no reviews, and the first of them."""

    model_config = ConfigDict(frozen=True)

    count: int
    first: tuple[BadRowAt, ...]


class Manifest(BaseModel):
    """What a snapshot says of itself; the file that makes a folder of Parquet files one.

    `config` is the pinned SnapshotConfig as JSON, whose fields may be those of another version of this program.
    `cutoff` is the first day of the newest reviews, where time splits. `left_out` counts reviews by why no split has
    them. Of a published data set there are `source` (number, bytes and SHA-256 of its files) and `bad_rows`.
    """

    model_config = ConfigDict(frozen=True)

    id: str = ""
    config: dict[str, JsonValue] = {}
    cutoff: date | None = None
    source: dict[str, JsonValue] | None = None
    bad_rows: BadRows | None = None
    left_out: dict[str, int] | None = None
    splits: dict[str, SplitCounts]
    files: dict[str, list[str]]

    @field_validator("cutoff", mode="before")
    @classmethod
    def _as_it_was_written(cls, value: object) -> object:
        return None if value == "None" else value

    @property
    def dataset(self) -> str:
        """The data set that the reviews are of."""
        return str(self.config.get("dataset", "lake"))

    def apart(self, keys: Sequence[str], products: Sequence[str]) -> Sequence[str]:
        """Return what a fold holds out with each review: its product, or itself alone where the split is at random.

        At random the test has other reviews of the same products, too.
        """
        return keys if self.config.get("split") == "random" else products

    def as_json(self) -> dict[str, Any]:
        """Return what its file holds."""
        return self.model_dump(mode="json", exclude_unset=True)


def counted(rows: Iterable[tuple[str, str, int, int]]) -> dict[str, SplitCounts]:
    """Count each split, and what is unused, from rows of split, category, label (0 or 1) and number of reviews."""
    found: dict[str, dict[str, dict[str, int]]] = {name: {} for name in (*SPLITS, UNUSED)}
    for split, category, label, reviews in sorted(rows):
        found[split].setdefault(category, dict.fromkeys(LABELS, 0))[LABELS[label]] += reviews
    return {name: _counts_of(categories) for name, categories in found.items()}


def _counts_of(categories: dict[str, dict[str, int]]) -> SplitCounts:
    negative, positive = (sum(counts[label] for counts in categories.values()) for label in LABELS)
    reviews = negative + positive
    return SplitCounts(
        reviews=reviews,
        negative=negative,
        positive=positive,
        positive_share=round(positive / reviews, 4) if reviews else None,
        categories=categories,
    )


def require_both_classes(splits: Mapping[str, SplitCounts], remedy: str) -> None:
    """Raise ContractError, ending in `remedy`, when a split has no review of a class."""
    for split in SPLITS:
        for label in LABELS:
            if not getattr(splits[split], label):
                raise ContractError(
                    f"the {split} split has no {label} review ({splits[split].reviews} reviews in all): {remedy}"
                )


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Write what makes a folder of Parquet files a snapshot; call it last."""
    storage.write_bytes(_manifest_file(folder), json.dumps(manifest.as_json(), indent=1).encode())


def read_manifest(folder: str) -> Manifest | None:
    """Return a snapshot's manifest, or None where no whole snapshot is."""
    content = storage.read_bytes(_manifest_file(folder))
    return Manifest.model_validate_json(content) if content else None


def require_manifest(folder: str) -> Manifest:
    """Return a snapshot's manifest; ContractError where no whole snapshot is."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise ContractError(f"there is no snapshot in {folder}; make it anew with `sentiment snapshot`")
    return manifest


def _manifest_file(folder: str) -> str:
    return storage.join(folder, "manifest.json")
