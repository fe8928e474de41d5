"""How a model does on parts of the test reviews: by category, stars, year, length and wording."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TypedDict

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import NEGATIVE
from sentiment.evaluation.intervals import wilson
from sentiment.evaluation.metrics import decision_figures, decisions
from sentiment.evaluation.wording import Wording, wording

# Words at which a band begins: about the quarters of reviews of electronics, and fixed, so that figures of different
# snapshots stay comparable.
BANDS = (25, 50, 100)


class SliceRow(TypedDict):
    """One slice: its accuracy with the ends of its 95 % Wilson interval.

    `macro_f1` is None where it has reviews of one class, `negative_recall` where it has no negative reviews.
    """

    slice: str
    kind: str
    reviews: int
    negatives: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float | None
    negative_recall: float | None


def slice_masks(reviews: LabelledReviews) -> dict[str, np.ndarray]:
    """Return which reviews belong to each slice, bool [n] by name, the name being "kind: value".

    The first, "all: all reviews", holds every one. A review lies in several slices; what a data set does not know
    makes no slice, and neither do no reviews. `wording.RULES` says what they mean.
    """
    named = [
        ("all: all reviews", np.ones(len(reviews), bool)),
        *_categories(reviews),
        *_stars(reviews),
        *_years(reviews),
        *_of_wording(wording(reviews)),
    ]
    return {name: mask for name, mask in named if mask.any()}


def slice_table(reviews: LabelledReviews, positive_probability: np.ndarray, threshold: float) -> list[SliceRow]:
    """Return a row for every slice, for the positive probabilities [n] of all reviews."""
    probability = np.asarray(positive_probability)
    return [
        _row(name, decisions(reviews.labels[mask], probability[mask], threshold))
        for name, mask in slice_masks(reviews).items()
    ]


def _row(name: str, counts: np.ndarray) -> SliceRow:
    kind, value = name.split(": ", 1)
    figures, of_class = decision_figures(counts), counts.sum(1)
    total, negatives = int(counts.sum()), int(of_class[NEGATIVE])
    low, high = wilson(int(np.trace(counts)), total)
    return {
        "slice": value,
        "kind": kind,
        "reviews": total,
        "negatives": negatives,
        "accuracy": float(figures["accuracy"]),
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(figures["macro_f1"]) if of_class.all() else None,
        "negative_recall": float(figures["recall_negative"]) if negatives else None,
    }


def _categories(reviews: LabelledReviews) -> Iterator[tuple[str, np.ndarray]]:
    categories = np.array(reviews.categories, dtype=object)
    for category in sorted(set(reviews.categories) - {""}):
        yield f"category: {category}", categories == category


def _stars(reviews: LabelledReviews) -> Iterator[tuple[str, np.ndarray]]:
    ratings = np.round(reviews.ratings, 2)  # 13/3 and 4.33333 print alike
    for stars in np.unique(ratings[np.isfinite(ratings)]):
        yield f"stars: {stars:g}", ratings == stars


def _years(reviews: LabelledReviews) -> Iterator[tuple[str, np.ndarray]]:
    for year in np.unique(reviews.years[reviews.years > 0]):
        yield f"year: {year}", reviews.years == year


def _of_wording(worded: Wording) -> Iterator[tuple[str, np.ndarray]]:
    band = np.searchsorted(BANDS, worded.words, side="right")
    ends = pairwise(BANDS)
    names = [f"under {BANDS[0]}", *(f"{low} to {high - 1}" for low, high in ends), f"{BANDS[-1]} or more"]
    for place, name in enumerate(names):
        yield f"length: {name} words", band == place
    yield "length: very short", worded.very_short
    yield "length: very long", worded.very_long
    yield "wording: negation", worded.negation
    yield "wording: contrast", worded.contrast
    yield "wording: shouting", worded.shouting
    yield "wording: looks non-English", worded.foreign
