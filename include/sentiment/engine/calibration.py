"""Temperature scaling: one number that makes a model's confidence match its accuracy."""

from __future__ import annotations

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS

# Beyond these a temperature says that the logits carry no information, not that they are badly scaled.
COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the T that minimises the mean negative log-likelihood of softmax(logits / T) on labels [n] for [n, 2].

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, section 4.2. It never changes a
    decision at 0.5. Raises ContractError when there is nothing to fit on.
    """
    from scipy.optimize import minimize_scalar

    if not len(labels) or logits.shape != (len(labels), len(LABELS)):
        raise ContractError(
            f"a temperature needs logits [n, 2] with n labels, not {logits.shape} with {len(labels)}; "
            "give the validation reviews"
        )
    margins = np.where(labels == 1, 1, -1) * log_odds(logits)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, -margins / np.exp(log_temperature)).mean())

    # The loss is convex in 1 / T, so it has one valley in log T as well.
    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def positive_probability(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return float32 softmax(logits / temperature)[:, 1] for logits [n, 2]."""
    return logistic(log_odds(logits) / temperature)


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Return the float64 log odds [n] of positive that logits [n, 2] stand for."""
    return np.asarray(logits[:, 1] - logits[:, 0], np.float64)


def logistic(odds: np.ndarray) -> np.ndarray:
    """Return the float32 probabilities of log odds."""
    # Written with tanh it cannot overflow.
    probability: np.ndarray = 0.5 * (1 + np.tanh(np.asarray(odds, np.float64) / 2))
    return probability.astype(np.float32)
