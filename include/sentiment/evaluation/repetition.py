"""Whether one way of training is better than another: over seeds, and over the folds of a cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.evaluation.intervals import COVERAGE
from sentiment.evaluation.results import Difference, Repeated
from sentiment.evaluation.significance import p_text, with_interval

# The signed-rank test of n pairs gives no p-value below 2 / 2^n, which of five is 0.0625.
FEWEST_RANKED = 6
_NO_SPREAD = 1e-12


def paired_t_over_seeds(a_figures: Sequence[float], b_figures: Sequence[float]) -> Repeated:
    """Compare two ways of training by a figure of their runs [seeds], paired by seed, with Student's t-test.

    From six pairs on Wilcoxon's signed-rank test stands beside it, which does not ask for a normal distribution.
    """
    found = _t_test(a_figures, b_figures, 1 / max(len(a_figures), 1))
    return replace(found, wilcoxon_p=_signed_ranks(np.subtract(a_figures, b_figures)))


def corrected_t_over_folds(
    a_figures: Sequence[float], b_figures: Sequence[float], test_reviews: int, train_reviews: int
) -> Repeated:
    """Compare two ways of training by a figure of the same folds [folds], of one cross-validation or of several.

    Trainings of different folds share most of their reviews, so the variance of the mean difference is not s^2 / n but
    (1 / n + n_test / n_train) s^2: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 2003,
    equation 15.
    """
    return _t_test(a_figures, b_figures, 1 / max(len(a_figures), 1) + test_reviews / train_reviews)


def in_words(
    names: tuple[str, str], found: Repeated, corrected: float, what: tuple[str, str], significance: float
) -> str:
    """Say which of two ways of training is better; `what` is over which trainings, and by which test."""
    (a, b), (over, test) = names if found.difference >= 0 else names[::-1], what
    low, high = (found.low, found.high) if found.difference >= 0 else (-found.high, -found.low)
    beats = f"{a} beats {b}" if corrected < significance else f"{a} and {b} do not differ beyond chance"
    effect = "" if found.effect is None else f", {abs(found.effect):.1f} standard deviations of the differences"
    among = ", corrected for the pairs" if corrected > found.p_value else ""
    ranked = "" if found.wilcoxon_p is None else f", {p_text(found.wilcoxon_p)} by Wilcoxon's signed ranks"
    ranked += ", uncorrected" if ranked and among else ""
    size = with_interval(Difference(abs(found.difference), low, high, found.p_value))
    return (
        f"As ways of training, over {found.pairs} {over}, {beats}: macro F1 {size}{effect}; {p_text(corrected)} by "
        f"{test}{among}{ranked}"
    )


def _t_test(a_figures: Sequence[float], b_figures: Sequence[float], variance_of_mean: float) -> Repeated:
    """Test the mean of paired differences, whose variance is that of one difference times `variance_of_mean`.

    Differences that are all the same come of training without chance: repeated, they are one observation and prove
    nothing, so their p-value is 1. Raises ContractError below two pairs.
    """
    from scipy.stats import t

    if len(a_figures) != len(b_figures) or len(a_figures) < 2:
        raise ContractError(
            f"a t-test needs two trainings or more a candidate, in pairs; got {len(a_figures)} and {len(b_figures)}"
        )
    differences = np.subtract(a_figures, b_figures)
    pairs, mean, spread = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    if np.ptp(differences) < _NO_SPREAD:
        return Repeated(pairs, mean, mean, mean, None, 1.0, None)
    error = spread * math.sqrt(variance_of_mean)
    reach = error * float(t.ppf((1 + COVERAGE) / 2, pairs - 1))
    p_value = 2 * float(t.sf(abs(mean) / error, pairs - 1))
    return Repeated(pairs, mean, mean - reach, mean + reach, mean / spread, p_value, None)


def _signed_ranks(differences: np.ndarray) -> float | None:
    from scipy.stats import wilcoxon

    if len(differences) < FEWEST_RANKED or np.ptp(differences) < _NO_SPREAD:
        return None
    return float(wilcoxon(differences).pvalue)
