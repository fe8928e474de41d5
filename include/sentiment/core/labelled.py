"""Labelled reviews in memory, in the one form that every trainer and evaluation takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LabelledReviews:
    """Reviews with a label; all parts have the same length, `labels` holds 0 (negative) or 1 (positive) as int64.

    What a data set does not know is NaN in `ratings` (stars, float64), "" in `categories` and 0 in `years` (int64).
    """

    keys: list[str]
    titles: list[str]
    texts: list[str]
    labels: np.ndarray
    ratings: np.ndarray
    categories: list[str]
    years: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(
        cls, keys: Sequence[str], titles: Sequence[str], texts: Sequence[str], labels: np.ndarray
    ) -> LabelledReviews:
        """Return reviews of which nothing else is known."""
        import numpy as np

        count = len(keys)
        unknown = (np.full(count, np.nan), [""] * count, np.zeros(count, np.int64))
        return cls(list(keys), list(titles), list(texts), labels, *unknown)

    def take(self, rows: np.ndarray) -> LabelledReviews:
        """Return the reviews at the given row numbers, in their order."""
        return LabelledReviews(
            [self.keys[i] for i in rows],
            [self.titles[i] for i in rows],
            [self.texts[i] for i in rows],
            self.labels[rows],
            self.ratings[rows],
            [self.categories[i] for i in rows],
            self.years[rows],
        )


@dataclass(frozen=True)
class UsedReviews:
    """The reviews of one split: of which data set and snapshot, where they lie, and how many of each label.

    The same reviews have the same digest, whatever else was asked for.
    """

    name: str
    split: str
    digest: str
    source: str
    counts: dict[str, int]

    @property
    def rows(self) -> int:
        """How many reviews there are."""
        return sum(self.counts.values())
