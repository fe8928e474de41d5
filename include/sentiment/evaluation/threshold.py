"""From which probability on a review counts as positive, chosen on validation."""

from __future__ import annotations

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import NEGATIVE, POSITIVE


def fit_threshold(positive_probability: np.ndarray, labels: np.ndarray) -> float:
    """Return the t for which "positive where probability >= t" has the highest macro F1 on labels [n] of 0 and 1.

    Thresholds lie halfway between neighbouring probabilities; of equally good ones the nearest to 0.5 is taken, 0.5
    itself where it is as good. Raises ContractError when there is nothing to choose on.
    """
    if not len(labels):
        raise ContractError("a threshold needs reviews with labels; give the validation reviews")
    values = np.unique(np.asarray(positive_probability, np.float64))
    candidates = np.array([0.5, *(values[:-1] + values[1:]) / 2])
    scores = _macro_f1(np.asarray(positive_probability, np.float64), labels, candidates)
    best = candidates[scores >= scores.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def _macro_f1(probability: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return macro F1 [t] at each of the thresholds [t], by counting below them in sorted probabilities."""
    negative, positive = np.sort(probability[labels == NEGATIVE]), np.sort(probability[labels == POSITIVE])
    true_negative = np.searchsorted(negative, thresholds)
    false_negative = np.searchsorted(positive, thresholds)
    wrong = false_negative + len(negative) - true_negative
    true_positive = len(positive) - false_negative
    scores: np.ndarray = _f1(true_negative, wrong) / 2 + _f1(true_positive, wrong) / 2
    return scores


def _f1(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    # Both classes share their errors: what one misses is what the other falsely claims.
    scores: np.ndarray = 2 * right / np.maximum(2 * right + wrong, 1)
    return scores
