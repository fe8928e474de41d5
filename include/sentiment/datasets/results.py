"""What a snapshot returns."""

from __future__ import annotations

from datetime import date

from sentiment.core.verb import VerbResult
from sentiment.datasets.config import Dataset

# Why reviews are in no split: of the lake the first three, of a data set the others and the third.
_WHY = {
    "older": "of products held out, from before {cutoff}: the test is about the time from then on",
    "newer": "of the training's products, from {cutoff} on: training knows nothing of that time",
    "too_short": "of too few words",
    "also_in_test": "with a text of the test",
    "contradictory": "whose text stands under both labels",
    "repeated": "with a text that stands before",
}


class SplitResult(VerbResult):
    """How many reviews a split has, and of which label; without reviews it has no share."""

    reviews: int
    negative: int
    positive: int
    positive_share: float | None


class SnapshotResult(VerbResult):
    """A pinned snapshot: its id, which reviews it is of, and its splits by name.

    `cutoff` is the day up to which training sees reviews; `bad_rows` counts rows of a data set that are no reviews,
    `left_out` reviews by why no split has them.
    """

    snapshot: str
    dataset: Dataset
    reviews_version: int | None
    from_day: date | None
    to_day: date | None
    cutoff: date | None
    bad_rows: int
    left_out: dict[str, int] | None = None
    splits: dict[str, SplitResult]

    def sentences(self) -> list[str]:
        """Name the snapshot and count its splits."""
        parts = ", ".join(f"{part.reviews:,} {split}" for split, part in self.splits.items())
        why = [
            f"{reviews:,} {_WHY.get(reason, reason).format(cutoff=self.cutoff)}"
            for reason, reviews in (self.left_out or {}).items()
            if reviews
        ]
        unused = [f"Not used: {'; '.join(why)}."] if why else []
        return [f"Snapshot {self.snapshot}: {parts} reviews.", *unused]
