"""Labelled reviews in memory, in the one form that every trainer and evaluation takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sentiment.core.names import UNLABELLED

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LabelledReviews:
    """Reviews with a label; all parts have the same length.

    `labels` holds 0 (negative), 1 (positive) or UNLABELLED as int64. What a data set does not know is NaN in
    `ratings` (stars, float64), "" in `categories` and 0 in `years` (int64).
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

    @property
    def wanted(self) -> np.ndarray:
        """What a training's loss is told of each review: its label."""
        return self.labels

    @classmethod
    def of(
        cls, keys: Sequence[str], titles: Sequence[str], texts: Sequence[str], labels: np.ndarray
    ) -> LabelledReviews:
        """Return reviews of which nothing else is known."""
        import numpy as np

        count = len(keys)
        unknown = (np.full(count, np.nan), [""] * count, np.zeros(count, np.int64))
        return cls(list(keys), list(titles), list(texts), labels, *unknown)

    def taught(self, log_odds: np.ndarray | None = None) -> TaughtReviews:
        """Return the reviews with what a teacher says of each, log odds float64 [n]; without any, it says nothing."""
        import numpy as np

        return TaughtReviews(**vars(self), log_odds=np.full(len(self), np.nan) if log_odds is None else log_odds)

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

    def and_then(self, others: LabelledReviews) -> LabelledReviews:
        """Return these reviews, and the others after them."""
        import numpy as np

        return LabelledReviews(
            self.keys + others.keys,
            self.titles + others.titles,
            self.texts + others.texts,
            np.concatenate([self.labels, others.labels]),
            np.concatenate([self.ratings, others.ratings]),
            self.categories + others.categories,
            np.concatenate([self.years, others.years]),
        )


@dataclass(frozen=True)
class TaughtReviews(LabelledReviews):
    """Reviews of which more is learnt than labels: how positive a teacher holds them to be, and their stars.

    `log_odds` float64 [n] is what the teacher says, NaN where it says nothing. A review that has no label has
    UNLABELLED in `labels`.
    """

    log_odds: np.ndarray

    @property
    def wanted(self) -> np.ndarray:
        """The label, the teacher's log odds and the stars of each, float32 [n, 3], NaN for what nobody says."""
        import numpy as np

        labels = np.where(self.labels == UNLABELLED, np.nan, self.labels)
        return np.stack([labels, self.log_odds, self.ratings], axis=1).astype(np.float32)

    def taught(self, log_odds: np.ndarray | None = None) -> TaughtReviews:
        """Return the reviews with what a teacher says of each, float64 [n]; without, with what was said before."""
        return self if log_odds is None else replace(self, log_odds=log_odds)

    def take(self, rows: np.ndarray) -> TaughtReviews:
        """Return the reviews at the given row numbers, in their order."""
        return TaughtReviews(**vars(super().take(rows)), log_odds=self.log_odds[rows])

    def and_then(self, others: LabelledReviews) -> TaughtReviews:
        """Return these reviews, and the others after them; of those that nobody has taught the teacher says nothing."""
        import numpy as np

        said = others.log_odds if isinstance(others, TaughtReviews) else np.full(len(others), np.nan)
        return TaughtReviews(**vars(super().and_then(others)), log_odds=np.concatenate([self.log_odds, said]))


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
