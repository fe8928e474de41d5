"""Pictures of one trained model for people: PNG files drawn without a display.

Pictures that set things side by side are in `comparison_plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment.core.names import LABELS, POSITIVE
from sentiment.evaluation.canvas import GRID, INK, LOSS, PALE, SCORE, empty_sheet, plain, save, sheet
from sentiment.evaluation.metrics import decisions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A bin of the reliability diagram with fewer reviews says more of chance than of the model.
FEWEST_IN_BIN = 5


def confusion_matrix(labels: np.ndarray, positive_probability: np.ndarray, path: Path, threshold: float = 0.5) -> Path:
    """Draw how labels [n] and decisions at `threshold` meet, as counts and as shares of each true class.

    Returns `path`.
    """
    counts = decisions(labels, positive_probability, threshold)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = sheet(4.6, 4.2)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (true, called), share in np.ndenumerate(shares):
        text = f"{counts[true, called]:,}\n{share:.1%}"
        axes.text(called, true, text, ha="center", va="center", fontsize=13, color="white" if share > 0.5 else INK)
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), LABELS, rotation=90, va="center")
    axes.set(xlabel="model says", ylabel="customer meant", title=f"Accuracy {_accuracy(counts):.1%}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return save(figure, path)


def learning_curve(history: Sequence[Mapping[str, float]], path: Path) -> Path:
    """Draw training loss, validation loss and validation macro F1 against steps, from a training's log records.

    Records without one of these are passed over; returns `path`.
    """
    figure, axes = sheet(6.4, 3.8)
    right = axes.twinx()
    _line(axes, history, "loss", "training loss", LOSS, alpha=0.45)
    _line(axes, history, "eval_loss", "validation loss", LOSS, marker="o")
    _line(right, history, "eval_macro_f1", "validation macro F1", SCORE, marker="o")
    axes.set(xlabel="step", title="Learning curve")
    axes.set_ylabel("loss", color=LOSS)
    right.set_ylabel("macro F1", color=SCORE)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    right.spines["top"].set_visible(False)
    axes.spines["right"].set_visible(True)
    handles = [*axes.get_lines(), *right.get_lines()]
    if handles:
        axes.legend(handles=handles, loc="center right", frameon=False)
    return save(figure, path)


def reliability_diagram(labels: np.ndarray, before: np.ndarray, after: np.ndarray, path: Path, bins: int = 10) -> Path:
    """Draw the share of positive labels [n] against positive probabilities [n], before and after temperature scaling.

    Points are bins of equal width with at least five reviews; below them stands how many reviews have which
    probability. A calibrated model's points lie on the diagonal. Returns `path`.
    """
    figure = empty_sheet(5.2, 5.2)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    top.plot((0, 1), (0, 1), color=PALE, linewidth=1.2, linestyle="--")
    below_bars: dict[str, Any] = {"bins": bins, "range": (0, 1), "histtype": "step", "linewidth": 1.5}
    for name, probability, color in (("before scaling", before, LOSS), ("after scaling", after, SCORE)):
        top.plot(*_reliability(labels, probability, bins), label=name, color=color, marker="o", linewidth=1.8)
        below.hist(probability, color=color, **below_bars)
    top.set(title="Reliability", ylabel="share that is positive", ylim=(-0.03, 1.03))
    top.legend(loc="upper left", frameon=False)
    below.set(xlabel="positive probability", ylabel="reviews", yscale="log", xlim=(-0.03, 1.03))
    for axes in (top, below):
        plain(axes)
        axes.grid(color=GRID, linewidth=0.8)
    return save(figure, path)


def error_confidence(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw how many errors there are at which confidence, and what share of that confidence's reviews they are.

    Takes the rows of `errors.confidence_histogram`; returns `path`.
    """
    names = [f"{row['low']}–{row['high']} %" for row in rows]
    figure, axes = sheet(5.6, 3.6)
    bars = axes.bar(names, [row["errors"] for row in rows], color=LOSS, width=0.72)
    notes = [f"{row['errors']:,}\n{row['errors'] / max(row['reviews'], 1):.1%}" for row in rows]
    axes.bar_label(bars, notes, padding=3, color=INK, fontsize=9)
    axes.margins(y=0.2)
    axes.set(title="Errors by confidence", xlabel="confidence of the decision", ylabel="wrongly decided reviews")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    return save(figure, path)


def _line(axes: Axes, history: Sequence[Mapping[str, float]], key: str, label: str, color: str, **look: Any) -> None:
    points = [(record["step"], record[key]) for record in history if key in record]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, color=color, linewidth=1.8, **look)


def _reliability(labels: np.ndarray, probability: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean probability and share of positive labels of every bin that has enough reviews."""
    place = np.minimum((np.asarray(probability, np.float64) * bins).astype(np.int64), bins - 1)
    reviews = np.bincount(place, minlength=bins)
    enough = reviews >= FEWEST_IN_BIN
    sums = (np.bincount(place, weights=values, minlength=bins) for values in (probability, labels == POSITIVE))
    mean, positive = (total[enough] / reviews[enough] for total in sums)
    return mean, positive


def _accuracy(counts: np.ndarray) -> float:
    return float(np.trace(counts) / max(counts.sum(), 1))
