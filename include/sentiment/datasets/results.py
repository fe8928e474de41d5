"""What a snapshot returns."""

from __future__ import annotations

from datetime import date

from sentiment.core.verb import VerbResult
from sentiment.datasets.config import Dataset


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
