"""Who beats whom: every pair of candidates on the same test reviews, in rows and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from sentiment.core.names import POSITIVE
from sentiment.evaluation.paired_tests import Difference, Disagreement, bonferroni, mcnemar, paired_bootstrap
from sentiment.evaluation.predictions import Predictions, require_same_reviews


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
