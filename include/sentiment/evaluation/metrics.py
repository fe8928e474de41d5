"""How good positive probabilities are against labels. Knows arrays and nothing of models or reviews."""

from __future__ import annotations

import numpy as np

from sentiment.config import LABELS, NEGATIVE, POSITIVE

CALIBRATION_BINS = 15


def evaluate(labels: np.ndarray, positive_probability: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Return the figures of a model on labels [n] (0 or 1) and its positive probabilities [n].

    A class that is never predicted has precision 0. `roc_auc` is NaN when the labels are all of one class, and every
    figure is NaN when there are no labels. `false_negative_rate_negatives` is the share of truly negative reviews
    that are called positive: the complaints that nobody would see.
    """
    from sklearn.metrics import log_loss

    probability = np.asarray(positive_probability, np.float64)
    predicted = (probability >= threshold).astype(np.int64)
    if not len(labels):
        return dict.fromkeys(_names(), float("nan"))
    figures = {"accuracy": float((predicted == labels).mean())}
    for label, name in enumerate(LABELS):
        figures |= {f"{figure}_{name}": value for figure, value in _of_class(labels, predicted, label).items()}
    figures["macro_f1"] = (figures["f1_negative"] + figures["f1_positive"]) / 2
    figures["false_negative_rate_negatives"] = _share(predicted[labels == NEGATIVE] == POSITIVE)
    figures["roc_auc"] = _roc_auc(labels, probability)
    figures["log_loss"] = float(log_loss(labels, np.clip(probability, 1e-7, 1 - 1e-7), labels=[NEGATIVE, POSITIVE]))
    figures["ece"] = expected_calibration_error(labels, probability)
    return {name: figures[name] for name in _names()}


def expected_calibration_error(labels: np.ndarray, positive_probability: np.ndarray) -> float:
    """Return the mean gap between confidence and accuracy over 15 bins of equal width, weighted by their reviews.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    confidence = np.maximum(positive_probability, 1 - positive_probability)
    correct = (positive_probability >= 0.5) == (labels == POSITIVE)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _names() -> list[str]:
    by_class = [f"{figure}_{name}" for name in LABELS for figure in ("precision", "recall", "f1")]
    return ["accuracy", "macro_f1", *by_class, "false_negative_rate_negatives", "roc_auc", "log_loss", "ece"]


def _of_class(labels: np.ndarray, predicted: np.ndarray, label: int) -> dict[str, float]:
    found, true = predicted == label, labels == label
    both = float((found & true).sum())
    claimed, existing = float(found.sum()), float(true.sum())
    return {
        "precision": both / claimed if claimed else 0.0,
        "recall": both / existing if existing else 0.0,
        "f1": 2 * both / (claimed + existing) if claimed + existing else 0.0,
    }


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _roc_auc(labels: np.ndarray, probability: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, probability)) if len(set(labels.tolist())) == len(LABELS) else float("nan")
