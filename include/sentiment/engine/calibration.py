"""What makes a model's probabilities match what comes true, and how sure a label is.

Log odds are divided by a temperature; where a training weighed the classes otherwise than they come, a bias is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS

# Beyond these a temperature says that the logits carry no information, not that they are badly scaled.
COLDEST, HOTTEST = 0.05, 20.0
# A threshold of 0 or 1 has no odds; the nearest ones that have.
_LEAST = 1e-9


@dataclass(frozen=True)
class Calibration:
    """Log odds / `temperature` + `bias` are the log odds of the probability that is meant."""

    temperature: float = 1.0
    bias: float = 0.0

    @classmethod
    def fitted(cls, logits: np.ndarray, labels: np.ndarray, with_bias: bool) -> Self:
        """Fit on logits [n, 2] and labels [n] that the model did not learn from; without bias, the temperature alone.

        A training with class weights, focal loss or resampled reviews learns another base rate than the reviews have,
        which moves its log odds by a constant; that is what the bias takes back.
        """
        return cls(*fit_platt(logits, labels)) if with_bias else cls(fit_temperature(logits, labels))

    @property
    def undecided(self) -> float:
        """The probability of equal logits: there calibration leaves every decision of the network as it was."""
        return float(logistic(np.array(self.bias)))

    def scaled(self, odds: np.ndarray) -> np.ndarray:
        """Return the calibrated log odds, float64 [n], of the network's own."""
        return odds / self.temperature + self.bias

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Return the calibrated positive probabilities, float32 [n], of logits [n, 2]."""
        return logistic(self.scaled(log_odds(logits)))


def fit_platt(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the T and b for which log odds / T + b fit labels [n] best, for logits [n, 2].

    Platt: Probabilistic Outputs for Support Vector Machines, 1999, with its smoothed targets, which keep both finite
    where the labels can be told apart without an error. Raises ContractError when there is nothing to fit on.
    """
    from scipy.optimize import minimize

    _require_fittable(logits, labels)
    odds, wanted = log_odds(logits), _smoothed(labels)

    def loss(slope_and_bias: np.ndarray) -> tuple[float, np.ndarray]:
        fitted = slope_and_bias[0] * odds + slope_and_bias[1]
        missed = logistic(fitted) - wanted
        gradient = np.array([(missed * odds).mean(), missed.mean()])
        return float((np.logaddexp(0, fitted) - wanted * fitted).mean()), gradient

    slopes = (1 / HOTTEST, 1 / COLDEST)
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[slopes, (None, None)], method="L-BFGS-B")
    return 1 / float(found.x[0]), float(found.x[1])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the T that minimises the mean negative log-likelihood of softmax(logits / T) on labels [n] for [n, 2].

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, section 4.2. It never changes a
    decision at 0.5. With Platt's smoothed targets: on a few reviews without an error the plain ones would have every
    later answer be certain. Raises ContractError when there is nothing to fit on.
    """
    from scipy.optimize import minimize_scalar

    _require_fittable(logits, labels)
    odds, wanted = log_odds(logits), _smoothed(labels)

    def loss(log_temperature: float) -> float:
        scaled = odds / np.exp(log_temperature)
        return float((np.logaddexp(0, scaled) - wanted * scaled).mean())

    # The loss is convex in 1 / T, so it has one valley in log T as well.
    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def _smoothed(labels: np.ndarray) -> np.ndarray:
    """Return the probability of positive [n] that a fit aims at: of n labels alike, (n + 1) / (n + 2) are to be so."""
    positives = int(labels.sum())
    smoothed: np.ndarray = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))
    return smoothed


def positive_probability(logits: np.ndarray) -> np.ndarray:
    """Return float32 softmax(logits)[:, 1] for logits [n, 2], uncalibrated."""
    return logistic(log_odds(logits))


def confidence(positive_probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return how sure the label is that a threshold gives, float64 [n] from 0.5 to 1, for probabilities [n].

    The odds of positive are divided by those of the threshold, and the larger side of what comes of it is taken: 0.5 at
    the threshold, and as much on either side as the log odds are away from it. With the threshold 0.5 it is the
    probability of the label; with another one the probability that the label would have at the base rate at which 0.5
    were the threshold (Elkan: The Foundations of Cost-Sensitive Learning, IJCAI 2001, theorems 1 and 2).
    """
    limit = min(max(threshold, _LEAST), 1 - _LEAST)
    probability = np.asarray(positive_probability, np.float64)
    positive, negative = probability * (1 - limit), (1 - probability) * limit
    surer: np.ndarray = np.maximum(positive, negative) / (positive + negative)
    return surer


def probability_of(confidence: float, threshold: float = 0.5) -> tuple[float, float]:
    """Return the positive probabilities, below and above the threshold, whose label has this confidence."""
    positive = confidence * threshold / (confidence * threshold + (1 - confidence) * (1 - threshold))
    negative = (1 - confidence) * threshold / ((1 - confidence) * threshold + confidence * (1 - threshold))
    return negative, positive


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Return the float64 log odds [n] of positive that logits [n, 2] stand for."""
    return np.asarray(logits[:, 1] - logits[:, 0], np.float64)


def logistic(odds: np.ndarray) -> np.ndarray:
    """Return the float32 probabilities of log odds."""
    # Written with tanh it cannot overflow.
    probability: np.ndarray = 0.5 * (1 + np.tanh(np.asarray(odds, np.float64) / 2))
    return probability.astype(np.float32)


def _require_fittable(logits: np.ndarray, labels: np.ndarray) -> None:
    if not len(labels) or logits.shape != (len(labels), len(LABELS)):
        raise ContractError(
            f"a temperature needs logits [n, 2] with n labels, not {logits.shape} with {len(labels)}; "
            "give the validation reviews"
        )
