"""Snapshots of labelled reviews, pinned to be trained and tested on."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.core.verb import Verb, VerbResult
from sentiment.datasets.config import Dataset, SnapshotConfig


class SplitResult(VerbResult):
    """How many reviews a split has, and of which label; without reviews it has no share."""

    reviews: int
    negative: int
    positive: int
    positive_share: float | None


class SnapshotResult(VerbResult):
    """A pinned snapshot: its id, which reviews it is of, and its splits by name.

    `cutoff` is the day up to which training sees reviews; `bad_rows` counts rows of a data set that were left out.
    """

    snapshot: str
    dataset: Dataset
    reviews_version: int | None
    from_day: date | None
    to_day: date | None
    cutoff: date | None
    bad_rows: int
    splits: dict[str, SplitResult]

    def sentences(self) -> list[str]:
        """Name the snapshot and count its splits."""
        parts = ", ".join(f"{part.reviews:,} {split}" for split, part in self.splits.items())
        return [f"Snapshot {self.snapshot}: {parts} reviews."]


def snapshot(config: SnapshotConfig, context: Context) -> SnapshotResult:
    """Pin the reviews of a training; the same question gives the same snapshot without work."""
    from sentiment.datasets.obtain import obtain_snapshot

    manifest = obtain_snapshot(config, context.settings, context.progress, context.spark)
    fields = SplitResult.model_fields
    splits = {name: {field: part[field] for field in fields} for name, part in manifest["splits"].items()}
    return SnapshotResult(
        snapshot=manifest["id"],
        dataset=config.dataset,
        **{name: manifest["config"][name] for name in ("reviews_version", "from_day", "to_day")},
        cutoff=manifest["cutoff"],
        bad_rows=manifest.get("bad_rows", {}).get("count", 0),
        splits={name: SplitResult(**counts) for name, counts in splits.items()},
    )


Trained = TypeVar("Trained", bound=VerbConfig)


def on_a_snapshot(config: Trained, context: Context) -> Trained:
    """Name a snapshot where none is named: one of the whole lake."""
    if getattr(config, "snapshot", None):
        return config
    return config.model_copy(update={"snapshot": snapshot(SnapshotConfig(), context).snapshot})


SNAPSHOT = Verb(
    name="snapshot",
    config=SnapshotConfig,
    result=SnapshotResult,
    run=snapshot,
    group="Data",
    example="--from-day 2025-01-01",
    on_spark=True,
)
