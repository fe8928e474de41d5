"""The pictures of the evaluation, as PNG files drawn without a display: of one trained model, of several or of slices.

What they share, the sheet and its colours, serves other pictures too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment.core.names import LABELS, POSITIVE
from sentiment.core.wording import beginning
from sentiment.evaluation.metrics import decisions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, LOSS, SCORE, PALE = "#22303c", "#d9dfe5", "#c2553d", "#2a6f97", "#a9bccb"
DOTS_AN_INCH = 150
# Of a longer name of a slice the bars would have no room.
_SHOWN_LETTERS = 40
# Slices of a kind in a picture, those with most reviews: of some hundred categories nobody reads more.
_SHOWN_SLICES = 30
# A bin of the reliability diagram with fewer reviews says more of chance than of the model.
FEWEST_IN_BIN = 5
# A figure, then the ends of its 95 % interval.
Measured = tuple[float, float, float]


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
    """Draw the share of positive labels [n] against positive probabilities [n], before and after calibration.

    Points are bins of equal width with at least five reviews; below them stands how many reviews have which
    probability. A calibrated model's points lie on the diagonal. Returns `path`.
    """
    figure = empty_sheet(5.2, 5.2)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    top.plot((0, 1), (0, 1), color=PALE, linewidth=1.2, linestyle="--")
    below_bars: dict[str, Any] = {"bins": bins, "range": (0, 1), "histtype": "step", "linewidth": 1.5}
    for name, probability, color in (("before calibration", before, LOSS), ("after calibration", after, SCORE)):
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


def candidate_intervals(candidates: Mapping[str, tuple[Measured, Measured]], path: Path) -> Path:
    """Draw accuracy and macro F1 of every candidate, best macro F1 above, as points with 95 % intervals.

    Takes (accuracy, macro F1) by candidate's name; returns `path`.
    """
    ranked = dict(sorted(candidates.items(), key=lambda named: named[1][1][0]))
    figure = empty_sheet(8.4, 1.3 + 0.38 * len(ranked))
    left, right = figure.subplots(1, 2, sharey=True)
    _forest(left, "Accuracy", SCORE, [accuracy for accuracy, _ in ranked.values()])
    _forest(right, "Macro F1", LOSS, [macro_f1 for _, macro_f1 in ranked.values()])
    left.set_yticks(range(len(ranked)), [_literal(name) for name in ranked])
    left.set_ylim(-0.6, len(ranked) - 0.4)
    return save(figure, path)


def slice_bars(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw the share of wrongly decided reviews of every slice with its 95 % interval, its size beside its name.

    Takes the rows of `slices.slice_table`; slices of a kind stand together, the 30 with most reviews of it, and the
    share of all reviews is a line. Errors, not accuracy: their bars start at nought, so that lengths compare. Returns
    `path`.
    """
    shown = _largest([row for row in rows if row["kind"] != "all"])
    places = _places(shown)
    figure, axes = sheet(7.2, 1.2 + 0.27 * (max(places, default=0) + 1))
    axes.barh(places, [1 - row["accuracy"] for row in shown], color=PALE, height=0.74)
    for place, row in zip(places, shown, strict=True):
        axes.plot((1 - row["accuracy_high"], 1 - row["accuracy_low"]), (place, place), color=INK, linewidth=1)
    for error in [1 - row["accuracy"] for row in rows if row["kind"] == "all"]:
        axes.axvline(error, color=LOSS, linewidth=1.2, label=f"all reviews, {error:.1%}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    names = [
        _literal(f"{row['kind']}: {beginning(row['slice'], _SHOWN_LETTERS)}  ({row['reviews']:,})") for row in shown
    ]
    axes.set_yticks(places, names, fontsize=9)
    axes.set_ylim(max(places, default=0) + 0.7, -0.7)
    axes.set_title("Wrongly decided reviews by slice", loc="left")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    return save(figure, path)


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of the given inches, which needs no display, and its one pair of axes."""
    figure = empty_sheet(width, height)
    axes = figure.add_subplot()
    plain(axes)
    return figure, axes


def empty_sheet(width: float, height: float) -> Figure:
    """Return a figure of the given inches without axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes) -> None:
    """Leave the two lines of axes that numbers stand at."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def save(figure: Figure, path: Path) -> Path:
    """Write the figure as PNG and return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_AN_INCH)
    return path


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


def _forest(axes: Axes, title: str, color: str, measured: Sequence[Measured]) -> None:
    for place, (value, low, high) in enumerate(measured):
        axes.plot((low, high), (place, place), color=color, linewidth=1.8)
        axes.plot(value, place, color=color, marker="o")
        axes.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    axes.set_title(title)
    axes.locator_params(axis="x", nbins=5)
    axes.margins(x=0.1)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    plain(axes)


def _largest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows with most reviews of each kind, in their order."""
    rank: Counter[str] = Counter()
    kept = set()
    for place in sorted(range(len(rows)), key=lambda place: -rows[place]["reviews"]):
        rank[rows[place]["kind"]] += 1
        if rank[rows[place]["kind"]] <= _SHOWN_SLICES:
            kept.add(place)
    return [row for place, row in enumerate(rows) if place in kept]


def _places(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return where each bar stands: one below the other, with half a bar's room between kinds."""
    places, place, kind = [], -1.0, None
    for row in rows:
        place += 1.0 if row["kind"] == kind or kind is None else 1.5
        kind = row["kind"]
        places.append(place)
    return places


def _literal(name: str) -> str:
    """Return a name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")
