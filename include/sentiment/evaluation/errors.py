"""Where a model errs: how sure it was, which mistakes it was surest of, and what kind of reviews they are.

An error's kind is told by rules that a page can print.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS, POSITIVE
from sentiment.engine.calibration import confidence
from sentiment.evaluation.wording import RULES, Wording, wording

_BIN_POINTS = 10


class ConfidenceRow(TypedDict):
    """Reviews, and wrongly decided ones, of a confidence from `low` to `high` per cent."""

    low: int
    high: int
    reviews: int
    errors: int


class MistakeRow(TypedDict):
    """A wrongly decided review, title and text as they were written; `stars` are None when unknown."""

    review_key: str
    title: str
    text: str
    stars: float | None
    label: str
    called: str
    positive_probability: float


class CategoryRow(TypedDict):
    """A kind of review by a rule in words: its reviews and errors; without reviews it has no rate of errors."""

    category: str
    rule: str
    reviews: int
    errors: int
    share_of_errors: float
    error_rate: float | None


def confidence_histogram(
    labels: np.ndarray, positive_probability: np.ndarray, threshold: float = 0.5
) -> list[ConfidenceRow]:
    """Return a row for every ten points of confidence from 50 to 100.

    Confidence is that of the label which the threshold gives, for labels [n] and positive probabilities [n]; a bin
    takes its lower end, and the last both.
    """
    wrong = (np.asarray(positive_probability) >= threshold) != (labels == POSITIVE)
    # Rounded, because 0.7 as float32 lies a hair below its bin.
    points = np.round(100 * confidence(positive_probability, threshold), 4)
    edges = np.arange(50, 101, _BIN_POINTS)
    counts, errors = np.histogram(points, edges)[0], np.histogram(points[wrong], edges)[0]
    rows = zip(edges[:-1].tolist(), counts.tolist(), errors.tolist(), strict=True)
    return [{"low": low, "high": low + _BIN_POINTS, "reviews": count, "errors": error} for low, count, error in rows]


def most_confident_mistakes(
    reviews: LabelledReviews, positive_probability: np.ndarray, threshold: float = 0.5, count: int = 20
) -> list[MistakeRow]:
    """Return the wrongly decided reviews of highest confidence, surest first."""
    probability = np.asarray(positive_probability)
    called = (probability >= threshold).astype(np.int64)
    wrong = np.flatnonzero(called != reviews.labels)
    surest = wrong[np.argsort(-confidence(probability, threshold)[wrong], kind="stable")][:count]
    return [
        {
            "review_key": reviews.keys[row],
            "title": reviews.titles[row],
            "text": reviews.texts[row],
            "stars": float(reviews.ratings[row]) if np.isfinite(reviews.ratings[row]) else None,
            "label": LABELS[reviews.labels[row]],
            "called": LABELS[called[row]],
            "positive_probability": float(probability[row]),
        }
        for row in surest
    ]


def error_categories(
    reviews: LabelledReviews, positive_probability: np.ndarray, threshold: float = 0.5
) -> list[CategoryRow]:
    """Return a row for every kind of review that is said to be hard, and one for the errors of no kind.

    An error may be of several kinds, so the shares add up to more than one.
    """
    wrong = (np.asarray(positive_probability) >= threshold) != (reviews.labels == POSITIVE)
    kinds = list(_kinds(wording(reviews), reviews.labels))
    none = ~np.logical_or.reduce([mask for _, _, mask in kinds])
    return [_row(*kind, wrong) for kind in [*kinds, ("none of these", "no rule above holds", none)]]


def _row(category: str, rule: str, mask: np.ndarray, wrong: np.ndarray) -> CategoryRow:
    reviews, errors = int(mask.sum()), int((mask & wrong).sum())
    return {
        "category": category,
        "rule": rule,
        "reviews": reviews,
        "errors": errors,
        "share_of_errors": errors / max(int(wrong.sum()), 1),
        "error_rate": errors / reviews if reviews else None,
    }


def _kinds(worded: Wording, labels: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Give name, rule in words and reviews [n] of every kind."""
    fewer, more = np.minimum(worded.praise, worded.blame), np.maximum(worded.praise, worded.blame)
    rule = "at least two praising and two blaming words, and neither kind more than twice as often as the other"
    yield "mixed opinion", rule, (fewer >= 2) & (more <= 2 * fewer)
    yield "negation", RULES["negation"], worded.negation
    yield "short", RULES["very short"], worded.very_short
    yield "long", RULES["very long"], worded.very_long
    yield "sarcasm cues", RULES["irony"], worded.irony
    own = np.where(labels == POSITIVE, worded.praise, worded.blame)
    other = np.where(labels == POSITIVE, worded.blame, worded.praise)
    rule = (
        "at least two more opinion words against what the stars say than for it; a negated word counts as its opposite"
    )
    yield "stars and text disagree", rule, other >= own + 2
