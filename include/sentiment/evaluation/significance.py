"""Whether one trained model is better than another beyond chance, on the same reviews; in rows and sentences.

Dietterich: Approximate Statistical Tests for Comparing Supervised Classification Learning Algorithms, 1998, says which
question a test answers: those here compare two trained models, those in `repetition` two ways of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from sentiment.core.names import POSITIVE
from sentiment.core.wording import counted
from sentiment.evaluation.intervals import percentiles
from sentiment.evaluation.metrics import decision_figures
from sentiment.evaluation.predictions import Predictions, require_same_reviews
from sentiment.evaluation.results import Difference, Disagreement, Pair

# Below this many reviews on which just one of two models is right, the chi-squared distribution is too coarse.
EXACT_BELOW = 25
# How many resamples on the other side of zero may still be significant: with one a win would hang on a single draw.
_BEYOND = 10
_FEWEST_RESAMPLES, _MOST_RESAMPLES = 10_000, 200_000
# Reviews more for each cell (call of a, call of b) in which the calls differ, of a label that there is.
_UNSEEN = np.array([0, 0.5, 0.5, 0] * 2)


@dataclass(frozen=True)
class _Bars:
    """The largest p-value of a win, the margin of what is equal, and how many pairs are tested."""

    significance: float
    margin: float
    pairs: int

    @property
    def resamples(self) -> int:
        """How many resamples of a pair can tell a p-value that is significant once it is corrected."""
        return resamples_for(self.significance / self.pairs)

    @property
    def reachable(self) -> bool:
        """Whether the least corrected p-value of the bootstrap is significant."""
        return least_p(self.resamples) * self.pairs < self.significance


def compare_all(
    predictions: Mapping[str, Predictions],
    thresholds: Mapping[str, float] | None = None,
    significance: float = 0.05,
    margin: float = 0.01,
) -> list[Pair]:
    """Return a row for every pair of candidates, from what they said of the same reviews; thresholds are 0.5 or given.

    A candidate wins when both corrected p-values lie below `significance`, and for the same side. Raises ContractError
    when the candidates were tested on different reviews.
    """
    require_same_reviews(predictions)
    at = {name: (thresholds or {}).get(name, 0.5) for name in predictions}
    pairs = list(combinations(predictions, 2))
    said = {name: one.positive_probability for name, one in predictions.items()}
    bars = _Bars(significance, margin, len(pairs))
    tests = [contest(predictions[a].labels, said[a], said[b], (at[a], at[b]), bars.resamples) for a, b in pairs]
    bootstrap_p = bonferroni([difference.p_value for difference, _ in tests])
    mcnemar_p = bonferroni([disagreement.p_value for _, disagreement in tests])
    rows = zip(pairs, tests, bootstrap_p, mcnemar_p, strict=True)
    found = [_pair(pair, test, (one, other), bars) for pair, test, one, other in rows]
    reviews = len(next(iter(predictions.values())).keys) if predictions else 0
    return [replace(pair, verdict=f"On these {reviews:,} test reviews {pair.verdict}") for pair in found]


def contest(
    labels: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    thresholds: tuple[float, float] = (0.5, 0.5),
    resamples: int = _FEWEST_RESAMPLES,
) -> tuple[Difference, Disagreement]:
    """Return both tests of two models' positive probabilities [n]: bootstrap of macro F1, and McNemar."""
    a_right, b_right = ((one >= at) == (labels == POSITIVE) for one, at in zip((a, b), thresholds, strict=True))
    return paired_bootstrap(labels, a, b, thresholds=thresholds, resamples=resamples), mcnemar(a_right, b_right)


def better(difference: Difference, disagreement: Disagreement, p_values: tuple[float, float], below: float) -> bool:
    """Say whether a is better than b beyond chance: by both tests, with p-values (bootstrap, McNemar) below `below`."""
    return difference.difference > 0 and disagreement.only_a > disagreement.only_b and max(p_values) < below


def not_inferior(difference: Difference, margin: float) -> bool:
    """Say whether a is worse than b by no more than `margin`: the lower end of the 95 % interval decides.

    A point estimate would call equal what was measured on too few reviews. Piaggio and others: Reporting of
    Noninferiority and Equivalence Randomized Trials, JAMA 2012.
    """
    return difference.low >= -margin


def alone_right(disagreement: Disagreement) -> str:
    """Say the effect that McNemar's test is about: on how many reviews each model alone is right, and their ratio."""
    more, fewer = disagreement.only_a, disagreement.only_b
    ratio = f", {more / fewer:.1f} to 1" if more >= fewer > 0 else ""
    return f"alone right on {counted(more, 'review')} against {fewer:,}{ratio}"


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
    resamples: int = _FEWEST_RESAMPLES,
) -> Difference:
    """Compare two models' positive probabilities [n] by a figure of `decision_figures`, over the same resamples.

    A resample of reviews matters only by how many fall into each of the 8 cells (label, call of a, call of b), so the
    cells are drawn, from the multinomial distribution: the same law at a thousandth of the work. A cell in which the
    calls differ counts half a review more: what no review of few shows may be so of others (Agresti and Min: Simple
    improved confidence intervals for comparing matched proportions, Statistics in Medicine 2005). The p-value is the
    two-sided share of resamples on the other side of zero, at least `least_p`.
    """
    cells = 4 * np.asarray(labels) + 2 * (a >= thresholds[0]) + (b >= thresholds[1])
    counts = np.bincount(cells, minlength=8)
    weights = counts + _UNSEEN * np.repeat(counts.reshape(2, 4).any(1), 4)
    drawn = np.random.default_rng(0).multinomial(len(labels), weights / weights.sum(), resamples)
    (observed,), differences = (_difference(table.reshape(-1, 2, 2, 2), figure) for table in (counts, drawn))
    low, high = percentiles(differences)
    fewer = min((differences <= 0).sum(), (differences >= 0).sum())
    return Difference(float(observed), low, high, float(min(1.0, (fewer + 1) * least_p(resamples))))


def resamples_for(significance: float) -> int:
    """Return how many resamples tell a p-value as small as this, as far as they are worth their time."""
    return int(min(max(2 * _BEYOND / max(significance, 1e-9), _FEWEST_RESAMPLES), _MOST_RESAMPLES))


def least_p(resamples: int) -> float:
    """Return the p-value of a bootstrap of which no resample lies on the other side of zero."""
    return 2 / (resamples + 1)


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="bonferroni")[1]] if len(p_values) else []


def _pair(
    names: tuple[str, str], test: tuple[Difference, Disagreement], corrected: tuple[float, float], bars: _Bars
) -> Pair:
    difference, disagreement = test
    turned = _turned(*test)
    won = better(*test, corrected, bars.significance)
    lost = better(*turned, corrected, bars.significance)
    return Pair(
        a=names[0],
        b=names[1],
        difference=difference.difference,
        low=difference.low,
        high=difference.high,
        bootstrap_p=difference.p_value,
        bootstrap_p_corrected=corrected[0],
        only_a_right=disagreement.only_a,
        only_b_right=disagreement.only_b,
        mcnemar_p=disagreement.p_value,
        mcnemar_p_corrected=corrected[1],
        winner=names[0] if won else names[1] if lost else None,
        equal=not_inferior(difference, bars.margin) and not_inferior(turned[0], bars.margin),
        verdict=_verdict(names[::-1], turned, corrected, True, bars)
        if lost
        else _verdict(names, test, corrected, won, bars),
    )


def _turned(difference: Difference, disagreement: Disagreement) -> tuple[Difference, Disagreement]:
    """Return the same tests with b in a's place."""
    return (
        Difference(-difference.difference, -difference.high, -difference.low, difference.p_value),
        Disagreement(disagreement.only_b, disagreement.only_a, disagreement.p_value),
    )


def _verdict(
    sides: tuple[str, str],
    test: tuple[Difference, Disagreement],
    corrected: tuple[float, float],
    won: bool,
    bars: _Bars,
) -> str:
    a, b = sides
    difference, disagreement = test
    said = f"{a} beats {b}" if won else f"{a} and {b} do not differ beyond chance{_standing(sides, test, bars.margin)}"
    correction = f", corrected for {bars.pairs} comparisons" if bars.pairs > 1 else ""
    if not bars.reachable:
        correction += f"; of {bars.resamples:,} resamples none can be significant then: compare fewer candidates"
    return (
        f"{said}: macro F1 {with_interval(difference)}; {alone_right(disagreement)}; {p_text(corrected[0])} by paired "
        f"bootstrap, {p_text(corrected[1])} by McNemar{correction}"
    )


def _standing(sides: tuple[str, str], test: tuple[Difference, Disagreement], margin: float) -> str:
    """Say whether two models without a winner are equal within the margin, one is no worse, or nothing is known."""
    at_least, at_most = not_inferior(test[0], margin), not_inferior(_turned(*test)[0], margin)
    if at_least and at_most:
        return f" and are equal within {margin:g}"
    if at_least or at_most:
        one, other = sides if at_least else sides[::-1]
        return f", and {one} is not worse than {other} by more than {margin:g}"
    return f", nor are they shown to be equal within {margin:g}"


def _difference(counts: np.ndarray, figure: str) -> np.ndarray:
    """Return the figure of a less that of b, for counts [r, label, call of a, call of b]."""
    difference: np.ndarray = decision_figures(counts.sum(3))[figure] - decision_figures(counts.sum(2))[figure]
    return difference
