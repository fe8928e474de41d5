"""Whether one model is better than another beyond chance: on the same reviews, and over seeds; in rows and sentences.

Dietterich: Approximate Statistical Tests for Comparing Supervised Classification Learning Algorithms, 1998, says which
question each test answers: McNemar and the bootstrap compare two trained models, the t-test two ways of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import POSITIVE
from sentiment.evaluation.intervals import COVERAGE, percentiles
from sentiment.evaluation.metrics import decision_figures
from sentiment.evaluation.predictions import Predictions, require_same_reviews

# Below this many reviews on which just one of two models is right, the chi-squared distribution is too coarse.
EXACT_BELOW = 25


@dataclass(frozen=True)
class Disagreement:
    """On how many reviews just one of two models is right, and McNemar's p-value of the two being equally good."""

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """A figure of a less that of b, its 95 % interval, and the p-value of there being no difference."""

    difference: float
    low: float
    high: float
    p_value: float


def compare_all(
    predictions: Mapping[str, Predictions], thresholds: Mapping[str, float] | None = None, significance: float = 0.05
) -> list[dict[str, Any]]:
    """Return a row for every pair of candidates, from what they said of the same reviews; thresholds are 0.5 or given.

    A row holds the difference of macro F1 with its interval, both tests' p-values as they are and corrected by
    Bonferroni for the number of pairs, `winner` (None without one) and `verdict`, a sentence. A candidate wins when
    both corrected p-values lie below `significance`, and for the same side. Raises ContractError when the candidates
    were tested on different reviews.
    """
    require_same_reviews(predictions)
    at = {name: (thresholds or {}).get(name, 0.5) for name in predictions}
    pairs = list(combinations(predictions, 2))
    tests = [
        contest(
            predictions[a].labels,
            predictions[a].positive_probability,
            predictions[b].positive_probability,
            (at[a], at[b]),
        )
        for a, b in pairs
    ]
    bootstrap_p = bonferroni([difference.p_value for difference, _ in tests])
    mcnemar_p = bonferroni([disagreement.p_value for _, disagreement in tests])
    rows = zip(pairs, tests, bootstrap_p, mcnemar_p, strict=True)
    return [_row(pair, test, (one, other), significance, len(pairs)) for pair, test, one, other in rows]


def contest(
    labels: np.ndarray, a: np.ndarray, b: np.ndarray, thresholds: tuple[float, float] = (0.5, 0.5)
) -> tuple[Difference, Disagreement]:
    """Return both tests of two models' positive probabilities [n]: bootstrap of macro F1, and McNemar."""
    a_right, b_right = ((one >= at) == (labels == POSITIVE) for one, at in zip((a, b), thresholds, strict=True))
    return paired_bootstrap(labels, a, b, thresholds=thresholds), mcnemar(a_right, b_right)


def better(difference: Difference, disagreement: Disagreement, p_values: tuple[float, float], below: float) -> bool:
    """Say whether a is better than b beyond chance: by both tests, with p-values (bootstrap, McNemar) below `below`."""
    return difference.difference > 0 and disagreement.only_a > disagreement.only_b and max(p_values) < below


def with_interval(difference: Difference) -> str:
    """Write a difference with its interval."""
    return f"{difference.difference:+.4f}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f}"


def p_text(p_value: float) -> str:
    """Write a p-value as people do."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"


def mcnemar(a_right: np.ndarray, b_right: np.ndarray) -> Disagreement:
    """Compare two models by the reviews [n] (bool) that just one of them got right.

    The binomial test when they are few, else chi-squared with continuity correction. McNemar: Note on the sampling
    error of the difference between correlated proportions, Psychometrika 1947.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    only_a, only_b = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
    found = test([[0, only_a], [only_b, 0]], exact=only_a + only_b < EXACT_BELOW)
    return Disagreement(only_a, only_b, float(found.pvalue))


def paired_bootstrap(
    labels: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    figure: str = "macro_f1",
    thresholds: tuple[float, float] = (0.5, 0.5),
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Compare two models' positive probabilities [n] by a figure of `decision_figures`, over the same resamples.

    A resample of reviews matters only by how many fall into each of the 8 cells (label, call of a, call of b), so the
    cells are drawn, from the multinomial distribution: the same law at a thousandth of the work. The p-value is the
    two-sided share of resamples on the other side of zero, at least 2 / (resamples + 1).
    """
    cells = 4 * np.asarray(labels) + 2 * (a >= thresholds[0]) + (b >= thresholds[1])
    counts = np.bincount(cells, minlength=8)
    drawn = np.random.default_rng(seed).multinomial(len(labels), counts / counts.sum(), resamples)
    (observed,), differences = (_difference(table.reshape(-1, 2, 2, 2), figure) for table in (counts, drawn))
    low, high = percentiles(differences)
    fewer = min((differences <= 0).sum(), (differences >= 0).sum())
    return Difference(float(observed), low, high, float(min(1.0, 2 * (fewer + 1) / (resamples + 1))))


def paired_t_over_seeds(a_figures: Sequence[float], b_figures: Sequence[float]) -> Difference:
    """Compare two ways of training by a figure of their runs [seeds], paired by seed, with Student's t-test.

    Differences that are all the same come of training without chance: repeated, they are one observation and prove
    nothing, so their p-value is 1. Raises ContractError below two pairs.
    """
    from scipy.stats import ttest_rel

    if len(a_figures) != len(b_figures) or len(a_figures) < 2:
        raise ContractError(
            f"a t-test needs two runs or more a candidate, of the same seeds; got {len(a_figures)} and {len(b_figures)}"
        )
    differences = np.subtract(a_figures, b_figures)
    mean = float(differences.mean())
    if np.ptp(differences) < 1e-12:
        return Difference(mean, mean, mean, 1.0)
    found = ttest_rel(a_figures, b_figures)
    interval = found.confidence_interval(COVERAGE)
    return Difference(mean, float(interval.low), float(interval.high), float(found.pvalue))


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="bonferroni")[1]] if len(p_values) else []


def _row(
    pair: tuple[str, str],
    test: tuple[Difference, Disagreement],
    corrected: tuple[float, float],
    significance: float,
    pairs: int,
) -> dict[str, Any]:
    difference, disagreement = test
    reverse = Difference(-difference.difference, -difference.high, -difference.low, difference.p_value)
    turned = Disagreement(disagreement.only_b, disagreement.only_a, disagreement.p_value)
    winner = pair[0] if better(difference, disagreement, corrected, significance) else None
    winner = pair[1] if better(reverse, turned, corrected, significance) else winner
    sides = (pair, difference) if winner != pair[1] else (pair[::-1], reverse)
    return {
        "a": pair[0],
        "b": pair[1],
        "difference": difference.difference,
        "low": difference.low,
        "high": difference.high,
        "bootstrap_p": difference.p_value,
        "bootstrap_p_corrected": corrected[0],
        "only_a_right": disagreement.only_a,
        "only_b_right": disagreement.only_b,
        "mcnemar_p": disagreement.p_value,
        "mcnemar_p_corrected": corrected[1],
        "winner": winner,
        "verdict": _verdict(*sides, corrected, winner is not None, pairs),
    }


def _verdict(
    sides: tuple[str, str], difference: Difference, corrected: tuple[float, float], won: bool, pairs: int
) -> str:
    a, b = sides
    said = f"{a} beats {b}" if won else f"no difference beyond chance between {a} and {b}"
    correction = f", corrected for {pairs} comparisons" if pairs > 1 else ""
    return (
        f"{said}: macro F1 {with_interval(difference)}; {p_text(corrected[0])} by paired bootstrap, "
        f"{p_text(corrected[1])} by McNemar{correction}"
    )


def _difference(counts: np.ndarray, figure: str) -> np.ndarray:
    """Return the figure of a less that of b, for counts [r, label, call of a, call of b]."""
    difference: np.ndarray = decision_figures(counts.sum(3))[figure] - decision_figures(counts.sum(2))[figure]
    return difference
