"""The gate of a cascade: a linear model over the token ids that the network needs anyway, in NumPy alone.

Every uni- and bigram of a review adds its bucket's weight; the sum is divided by the length of the review's TF-IDF
vector. It counts appearances and never sorts them, so a review costs two look-ups a token. Fitting is
`training/cascade.py`; where it is sure enough, and what is out of its depth, is found by `export/cascade.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.engine.bundle import GATE, Depth, GateRule
from sentiment.engine.calibration import Calibration, logistic
from sentiment.engine.features import bigram_buckets, unigram_buckets


@dataclass(frozen=True)
class Reading:
    """What a gate makes of n texts, each array [n]: float32 log odds of positive, and how far it can be trusted.

    `evidence`, float32, is how far the log odds are from those of an empty text; `tokens`, int64, counts a text's;
    `familiar`, float32, is the share of its bigrams whose bucket the gate learnt from, 0 where there are none; a bigram
    that it never met falls into such a bucket by chance (with 100,000 reviews of electronics 43 % of them are).
    """

    log_odds: np.ndarray
    evidence: np.ndarray
    tokens: np.ndarray
    familiar: np.ndarray

    def take(self, rows: np.ndarray) -> Reading:
        """Return what was read of the texts at the given row numbers, or where `rows` is true."""
        return Reading(self.log_odds[rows], self.evidence[rows], self.tokens[rows], self.familiar[rows])


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

    def read(self, ids: Sequence[np.ndarray]) -> Reading:
        """Read whole reviews' token ids without special ones."""
        lengths = np.fromiter((len(review) for review in ids), np.int64, len(ids))
        ends = np.cumsum(lengths)
        if not len(ends) or not ends[-1]:
            nothing = np.zeros(len(ids), np.float32)
            return Reading(np.full(len(ids), self.intercept, np.float32), nothing, lengths, nothing)
        tokens = np.concatenate([np.asarray(review, np.int64) for review in ids])
        unigrams = unigram_buckets(tokens, len(self.weights))
        bigrams = bigram_buckets(tokens[:-1], tokens[1:], len(self.weights))
        within = np.ones(len(bigrams), np.float32)
        borders = ends[:-1] - 1
        within[borders[(borders >= 0) & (borders < len(bigrams))]] = 0  # the last token of one, the first of the next
        starts = ends - lengths
        of_bigrams = self.energies[bigrams] * within
        weight = _sums(self.weights[unigrams], self.weights[bigrams] * within, starts, ends)
        energy = _sums(self.energies[unigrams], of_bigrams, starts, ends)
        familiar = _sums(np.zeros(len(tokens), np.float32), of_bigrams > 0, starts, ends) / np.maximum(lengths - 1, 1)
        told = np.asarray(weight / np.sqrt(np.maximum(energy, 1e-12)), np.float32)
        odds = (told + self.intercept).astype(np.float32)
        return Reading(odds, np.abs(told), lengths, familiar.astype(np.float32))


def gate_probability(log_odds: np.ndarray, rule: GateRule) -> np.ndarray:
    """Return the gate's calibrated positive probabilities, float32."""
    return logistic(log_odds / rule.temperature)


def within(read: Reading, depth: Depth) -> np.ndarray:
    """Return which texts, bool [n], are long, familiar and telling enough."""
    enough: np.ndarray = (
        (read.tokens >= depth.fewest_tokens)
        & (read.familiar >= depth.known_bigrams)
        & (read.evidence >= depth.least_evidence)
    )
    return enough


def sure(read: Reading, known: np.ndarray, rule: GateRule) -> np.ndarray:
    """Return where the gate answers, bool [n]: in its depth, `known` enough to the network, and sure."""
    probability = gate_probability(read.log_odds, rule)
    certain = (probability <= rule.negative_below) | (probability >= rule.positive_from)
    answers: np.ndarray = known & certain & within(read, rule.answers)
    return answers


def blended(network_log_odds: np.ndarray, read: Reading, rule: GateRule, alone: Calibration) -> np.ndarray:
    """Return the positive probabilities, float32 [n], where the gate does not answer.

    Network and gate give them together; out of the gate's depth the network does, calibrated as it is `alone`.
    """
    both = rule.encoder_weight * network_log_odds + rule.gate_weight * read.log_odds + rule.bias
    return logistic(np.where(within(read, rule.heard), both, alone.scaled(network_log_odds)))


def _sums(unigrams: np.ndarray, bigrams: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    # Differences of a running sum, in float64: reviews without tokens need no care.
    values = unigrams.astype(np.float64)
    values[:-1] += bigrams
    running = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(running[ends] - running[starts])
