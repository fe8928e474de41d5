"""Labelled reviews in memory, in the one form that every trainer and evaluation takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LabelledReviews:
    """Reviews with a label; all four have the same length, `labels` holds 0 (negative) or 1 (positive) as int64."""

    keys: list[str]
    titles: list[str]
    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: np.ndarray) -> LabelledReviews:
        """Return the reviews at the given row numbers, in their order."""
        return LabelledReviews(
            [self.keys[i] for i in rows],
            [self.titles[i] for i in rows],
            [self.texts[i] for i in rows],
            self.labels[rows],
        )
