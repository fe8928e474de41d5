"""How far the figures of a model would move with other test products, or test reviews: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sentiment.core.names import LABELS, NEGATIVE, POSITIVE
from sentiment.evaluation.metrics import decision_figures, decisions, figure_names, review_losses

# What a resample draws.
Over = Literal["products", "reviews"]

COVERAGE = 0.95
# Of fewer the resamples are too much alike, and of one they are all the same.
FEWEST_PRODUCTS = 30
# Numbers of a block of resamples that are in work at once: 8 MB of float64, so it stays near the processor.
_BLOCK = 2**20
# Calibration error is a sum of what bins are off, without their signs: a resample adds its own chance to that of the
# reviews, so the interval lies too high, of 2,000 reviews and a calibrated model now and then above the figure itself.
_WITHOUT = ("ece",)
_CERTAIN = ((0.0, 0.0), (1.0, 1.0))


def intervals(
    labels: np.ndarray,
    positive_probability: np.ndarray,
    threshold: float = 0.5,
    resamples: int = 1_000,
    seed: int = 0,
    products: Sequence[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval (low, high) of the figures of `evaluate`, for labels [n] and probabilities [n].

    Percentile bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. What is drawn, with
    all its reviews, are `products` [n] where `drawn_over` says so, else reviews. Reviews of one product are alike: of
    9,937 real ones of 1,226 products the interval of accuracy is 1.5 times as wide over products as over reviews, and
    that of macro F1 1.15 times. A resample without a figure (all its labels are of one class) is left out; where none
    has it, both ends are NaN. Calibration error has none. Where every resample has a 0 or a 1, that says nothing of
    other reviews: a share of reviews has Wilson's interval then, over reviews, and another figure none.
    """
    names = [name for name in figure_names() if name not in _WITHOUT]
    if not len(labels):
        return dict.fromkeys(names, (float("nan"), float("nan")))
    ranked = _Ranked.of(np.asarray(labels), np.asarray(positive_probability), threshold)
    by_product = products if products is not None and drawn_over(products) == "products" else None
    draw = np.random.default_rng(seed)
    blocks = [ranked.figures(weights) for weights in _resampled(ranked.order, by_product, resamples, draw)]
    ends = {name: percentiles(np.concatenate([block[name] for block in blocks])) for name in names}
    counts = decisions(labels, positive_probability, threshold)
    return {name: _where_certain(name, found, counts) if found in _CERTAIN else found for name, found in ends.items()}


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share of reviews; both are NaN where it is a share of nothing.

    Wilson: Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    from scipy.stats import binomtest

    if not whole:
        return float("nan"), float("nan")
    found = binomtest(part, whole).proportion_ci(COVERAGE, method="wilson")
    return float(found.low), float(found.high)


def drawn_over(products: Sequence[str]) -> Over:
    """Say what intervals are over, for the product of each review: products where there are enough of several reviews.

    A review whose product nobody knows is a product of its own.
    """
    different = len(set(products))
    return "products" if FEWEST_PRODUCTS <= different < len(products) else "reviews"


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """Return the ends between which 95 % of the finite values [r] lie; NaN when none is finite."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class _Ranked:
    """Reviews [n] by rising probability, and what each adds to the sums that the figures are made of."""

    order: np.ndarray  # which review stands at each rank
    negative: np.ndarray  # 1.0 where the label is negative
    ties: np.ndarray  # where each group of equal probabilities begins
    parts: np.ndarray  # [n, 4 decisions + log loss + Brier]

    @classmethod
    def of(cls, labels: np.ndarray, probability: np.ndarray, threshold: float) -> _Ranked:
        order = np.argsort(probability, kind="stable")
        labels = labels[order]
        probability = probability[order]
        decided = np.eye(4)[2 * labels + (probability >= threshold)]
        probability = probability.astype(np.float64)
        losses = review_losses(labels, probability)
        parts = np.column_stack([decided, losses["log_loss"], losses["brier"]])
        ties = np.flatnonzero(np.diff(probability, prepend=-1.0))
        return cls(order, (labels == NEGATIVE).astype(np.float64), ties, parts)

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the figures [r] for how often each resample took each review, weights [r, n]."""
        count, sums = weights.sum(1), weights @ self.parts
        return {
            **_without_absent(decision_figures(sums[:, :4].reshape(-1, 2, 2)), weights @ self.negative, count),
            **self._ranking(weights),
            "log_loss": sums[:, 4] / count,
            "brier": sums[:, 5] / count,
        }

    def _ranking(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return area under the ROC curve, and average precision of the negatives: both walk up the probabilities."""
        negatives = np.add.reduceat(weights * self.negative, self.ties, axis=1)
        everyone = np.add.reduceat(weights, self.ties, axis=1)
        found, walked = negatives.cumsum(1), everyone.cumsum(1)
        all_negatives, all_positives = found[:, -1], walked[:, -1] - found[:, -1]
        below = ((everyone - negatives) * (found - negatives / 2)).sum(1)
        precise = (negatives * found / np.maximum(walked, 1)).sum(1)
        both = (all_negatives > 0) & (all_positives > 0)
        return {
            "roc_auc": _where(both, below, all_negatives * all_positives),
            "pr_auc_negatives": _where(both, precise, all_negatives),
        }


def _without_absent(figures: dict[str, np.ndarray], negatives: np.ndarray, count: np.ndarray) -> dict[str, np.ndarray]:
    """Put NaN for the figures of a class that a resample of `count` [r] reviews lacks; `negatives` [r] are counts."""
    of_class = {
        NEGATIVE: ("recall_negative", "f1_negative", "false_negative_rate_negatives"),
        POSITIVE: ("recall_positive", "f1_positive"),
    }
    present = {NEGATIVE: negatives > 0, POSITIVE: negatives < count}
    for label, names in of_class.items():
        figures |= {name: np.where(present[label], figures[name], np.nan) for name in names}
    both = present[NEGATIVE] & present[POSITIVE]
    return figures | {"macro_f1": np.where(both, figures["macro_f1"], np.nan)}


def _where_certain(name: str, found: tuple[float, float], counts: np.ndarray) -> tuple[float, float]:
    """Return the interval of a figure that is the same 0 or 1 in every resample; counts are [true class, called]."""
    shares = {"accuracy": counts.sum(), "false_negative_rate_negatives": counts[NEGATIVE].sum()}
    for label, of_class in enumerate(LABELS):
        shares |= {f"recall_{of_class}": counts[label].sum(), f"precision_{of_class}": counts[:, label].sum()}
    whole = int(shares.get(name, 0))
    return wilson(round(found[0]) * whole, whole)


def _where(defined: np.ndarray, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.divide(part, whole, out=np.full(len(part), np.nan), where=defined)
    return shares


def _resampled(
    order: np.ndarray, products: Sequence[str] | None, resamples: int, draw: np.random.Generator
) -> Iterator[np.ndarray]:
    """Give blocks [r, n] of how often each review, in their order, is drawn with replacement, r summing to resamples.

    Drawn are as many as there are, reviews or products; a product brings all its reviews.
    """
    of_review = _numbered(products)[order] if products is not None else None
    count = len(order) if of_review is None else int(of_review.max()) + 1
    block = max(1, _BLOCK // len(order))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = draw.integers(count, size=(rows, count)) + np.arange(rows)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
        yield weights if of_review is None else weights[:, of_review]


def _numbered(products: Sequence[str]) -> np.ndarray:
    """Return a number for the product of each review [n]; an array of the names would be as wide as the longest."""
    numbers = {product: number for number, product in enumerate(sorted(set(products)))}
    return np.array([numbers[product] for product in products])
