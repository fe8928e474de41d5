"""The gate of a cascade: a linear model over the token ids that the network needs anyway, in NumPy alone.

Every uni- and bigram of a review adds its bucket's weight; the sum is divided by the length of the review's TF-IDF
vector. It counts appearances and never sorts them, so a review costs two look-ups a token. Fitting is
`training/cascade.py`; where it is sure enough is found by `export/cascade.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.engine.bundle import GATE, GateRule
from sentiment.engine.calibration import logistic
from sentiment.engine.features import bigram_buckets, unigram_buckets


class Gate:
    """Tables over hash buckets, float32 [buckets]: `weights`, idf times coefficient, and `energies`, idf squared."""

    def __init__(self, weights: np.ndarray, energies: np.ndarray, intercept: float) -> None:
        self.weights, self.energies, self.intercept = weights, energies, intercept

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the gate of a bundle; raises ContractError when the file does not hold one."""
        try:
            with np.load(folder / GATE, allow_pickle=False) as tables:
                return cls(tables["weights"], tables["energies"], float(tables["intercept"]))
        except (OSError, KeyError, ValueError) as error:
            raise ContractError(f"{folder / GATE} holds no gate: {error}; export the model anew") from error

    def save(self, folder: Path) -> None:
        """Write the gate into a bundle's folder; most buckets are empty, so the file is packed."""
        np.savez_compressed(
            folder / GATE, weights=self.weights, energies=self.energies, intercept=np.float64(self.intercept)
        )

    def log_odds(self, ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return the float32 log odds [reviews] of positive, for whole reviews' token ids without special ones."""
        ends = np.cumsum([len(review) for review in ids], dtype=np.int64)
        if not len(ends) or not ends[-1]:
            return np.full(len(ids), self.intercept, np.float32)
        tokens = np.concatenate([np.asarray(review, np.int64) for review in ids])
        unigrams = unigram_buckets(tokens, len(self.weights))
        bigrams = bigram_buckets(tokens[:-1], tokens[1:], len(self.weights))
        within = np.ones(len(bigrams), np.float32)
        borders = ends[:-1] - 1
        within[borders[(borders >= 0) & (borders < len(bigrams))]] = 0  # the last token of one, the first of the next
        starts = np.concatenate([[0], ends[:-1]])
        weight, energy = (
            _sums(table[unigrams], table[bigrams] * within, starts, ends) for table in (self.weights, self.energies)
        )
        return np.asarray(weight / np.sqrt(np.maximum(energy, 1e-12)) + self.intercept, np.float32)


def gate_probability(log_odds: np.ndarray, rule: GateRule) -> np.ndarray:
    """Return the gate's calibrated positive probabilities, float32."""
    return logistic(log_odds / rule.temperature)


def sure(probability: np.ndarray, known: np.ndarray, rule: GateRule) -> np.ndarray:
    """Return where the gate answers, bool [reviews], for its probabilities and whether enough of a text is known."""
    return known & ((probability <= rule.negative_below) | (probability >= rule.positive_from))


def blended(encoder_log_odds: np.ndarray, gate_log_odds: np.ndarray, rule: GateRule) -> np.ndarray:
    """Return the positive probabilities, float32, that encoder and gate give together where the gate is not sure."""
    return logistic(rule.encoder_weight * encoder_log_odds + rule.gate_weight * gate_log_odds + rule.bias)


def _sums(unigrams: np.ndarray, bigrams: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    # Differences of a running sum, in float64: reviews without tokens need no care.
    values = unigrams.astype(np.float64)
    values[:-1] += bigrams
    running = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(running[ends] - running[starts])
