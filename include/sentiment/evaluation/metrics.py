"""How good positive probabilities are against labels, and from which of them on a review counts as positive."""

from __future__ import annotations

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS, NEGATIVE, POSITIVE

CALIBRATION_BINS = 15
# Log loss is cut where a float32 probability of 1 would make it infinite.
_SURE = 1e-7
# Of a review: 0.29 * 100 is 28.999…, and the 29 that were wished are 29.
_ROUNDED = 1e-6


def evaluate(labels: np.ndarray, positive_probability: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Return the figures of a model on labels [n] (0 or 1) and its positive probabilities [n].

    A class that is never predicted has precision 0. The ranking figures are NaN when the labels are all of one class,
    and every figure is NaN when there are no labels. `false_negative_rate_negatives` is the share of truly negative
    reviews that are called positive: the complaints that nobody would see. `pr_auc_negatives` is the average precision
    of finding the negative reviews, `brier` the mean squared gap of probability and label. Ranking, losses and `ece`
    are those of the probabilities, whatever the threshold.
    """
    probability = np.asarray(positive_probability, np.float64)
    if not len(labels):
        return dict.fromkeys(figure_names(), float("nan"))
    figures = {
        name: float(value)
        for name, value in decision_figures(decisions(labels, positive_probability, threshold)).items()
    }
    figures |= _ranking(labels, probability)
    figures |= {name: float(rows.mean()) for name, rows in review_losses(labels, probability).items()}
    figures["ece"] = expected_calibration_error(labels, positive_probability)
    return {name: figures[name] for name in figure_names()}


def figure_names() -> list[str]:
    """Return the names of the figures of `evaluate`, in its order."""
    by_class = [f"{figure}_{name}" for name in LABELS for figure in ("precision", "recall", "f1")]
    ranking = ["roc_auc", "pr_auc_negatives"]
    return ["accuracy", "macro_f1", *by_class, "false_negative_rate_negatives", *ranking, "log_loss", "brier", "ece"]


def decisions(labels: np.ndarray, positive_probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the counts [true class, called class] of labels [n] and decisions at the threshold."""
    called = np.asarray(positive_probability) >= threshold
    return np.bincount(2 * np.asarray(labels) + called, minlength=4).reshape(2, 2)


def decision_figures(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures [...] that hang on decisions alone, for counts [..., true class, called class].

    A share of nothing is 0.
    """
    figures = {"accuracy": _share(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))}
    for label, name in enumerate(LABELS):
        both, claimed, existing = counts[..., label, label], counts[..., label].sum(-1), counts[..., label, :].sum(-1)
        figures[f"precision_{name}"] = _share(both, claimed)
        figures[f"recall_{name}"] = _share(both, existing)
        figures[f"f1_{name}"] = _share(2 * both, claimed + existing)
    figures["macro_f1"] = (figures["f1_negative"] + figures["f1_positive"]) / 2
    negatives = counts[..., NEGATIVE, :]
    figures["false_negative_rate_negatives"] = _share(negatives[..., POSITIVE], negatives.sum(-1))
    return figures


def review_losses(labels: np.ndarray, positive_probability: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each review [n] adds to log loss (natural logarithm) and to the Brier score."""
    missed = np.abs(labels - np.asarray(positive_probability, np.float64))
    return {"log_loss": -np.log(np.clip(1 - missed, _SURE, 1 - _SURE)), "brier": missed**2}


def expected_calibration_error(labels: np.ndarray, positive_probability: np.ndarray) -> float:
    """Return the mean gap between probability and share of positives over 15 bins of equal width, by their reviews.

    It is of the positive probabilities that are kept, and no threshold moves it: what a decision is at another one does
    not make a true probability false.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, equation 3, for the positive
    class in place of the label called.
    """
    probability = np.asarray(positive_probability, np.float64)
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=labels - probability, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.asarray(part) / np.maximum(whole, 1)
    return shares


def _ranking(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    if len(np.unique(labels)) < len(LABELS):
        return {"roc_auc": float("nan"), "pr_auc_negatives": float("nan")}
    negatives = average_precision_score(labels == NEGATIVE, -probability)
    return {"roc_auc": float(roc_auc_score(labels, probability)), "pr_auc_negatives": float(negatives)}


def fit_threshold(positive_probability: np.ndarray, labels: np.ndarray) -> float:
    """Return the t for which "positive where probability >= t" has the highest macro F1 on labels [n] of 0 and 1.

    Thresholds lie halfway between neighbouring probabilities, or on the upper where a float32, as scores are, knows
    nothing between them; of equally good ones the nearest to 0.5 is taken, 0.5 itself where it is as good. Raises
    ContractError when there is nothing to choose on.
    """
    if not len(labels):
        raise ContractError("a threshold needs reviews with labels; give the validation reviews")
    values = np.unique(np.asarray(positive_probability, np.float64))
    lower, upper = values[:-1], values[1:]
    halfway = (lower + upper) / 2
    candidates = np.array([0.5, *np.where(halfway.astype(np.float32) > lower, halfway, upper)])
    scores = _macro_f1(np.asarray(positive_probability, np.float64), labels, candidates)
    best = candidates[scores >= scores.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def fit_review_limit(
    sure: np.ndarray, wrong: np.ndarray, error: float | None = None, share: float | None = None
) -> float:
    """Return the confidence below which a person should look, for the confidence and wrongness of decisions [n].

    With `error` as few as possible are looked at, so that at most this share of the others is wrong; with `share` at
    most this share is looked at, the least sure first. Equal confidences are treated alike. It is the risk
    and coverage of Geifman and El-Yaniv: Selective Classification for Deep Neural Networks, NeurIPS 2017. A confidence
    below one half stands for what is looked at anyway. Where no limit keeps to the error, all below 1 are looked at.
    """
    order = np.argsort(-sure, kind="stable")
    ranked = sure[order]
    # How many a limit may leave alone: all of equal confidence or none.
    left = 1 + np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True) & (ranked >= 0.5))
    if error is not None:
        kept = left[np.cumsum(wrong[order])[left - 1] <= error * left + _ROUNDED]
    else:
        looked_at = np.floor((share or 0) * len(sure) + _ROUNDED)
        kept = left[: 1 + int(np.searchsorted(left, len(sure) - looked_at))]
    return float(ranked[kept[-1] - 1]) if len(kept) else 1.0


def review_figures(needs_review: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """Return the share of decisions [n] that a person should look at, and of wrong ones among the others."""
    rest = wrong[~needs_review]
    return {
        "review_share": float(needs_review.mean()) if len(wrong) else 0.0,
        "unreviewed_error": float(rest.mean()) if len(rest) else 0.0,
    }


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
