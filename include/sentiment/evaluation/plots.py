"""Pictures of a training for people: PNG files drawn without a display. Knows counts and log records, no models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment.config import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, LOSS, SCORE = "#22303c", "#d9dfe5", "#c2553d", "#2a6f97"
DOTS_AN_INCH = 150


def confusion_matrix(labels: np.ndarray, positive_probability: np.ndarray, path: Path, threshold: float = 0.5) -> Path:
    """Draw how labels [n] and decisions at `threshold` meet, as counts and as shares of each true class.

    Returns `path`.
    """
    predicted = (np.asarray(positive_probability) >= threshold).astype(np.int64)
    counts = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(counts, (np.asarray(labels), predicted), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = _canvas(4.6, 4.2)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (true, called), share in np.ndenumerate(shares):
        text = f"{counts[true, called]:,}\n{share:.1%}"
        axes.text(called, true, text, ha="center", va="center", fontsize=13, color="white" if share > 0.5 else INK)
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), LABELS, rotation=90, va="center")
    axes.set(xlabel="model says", ylabel="customer meant", title=f"Accuracy {_accuracy(counts):.1%}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _save(figure, path)


def learning_curve(history: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw training loss, validation loss and validation macro F1 against steps, from a training's log records.

    Records without one of these are passed over; returns `path`.
    """
    figure, axes = _canvas(6.4, 3.8)
    right = axes.twinx()
    _line(axes, history, "loss", "training loss", LOSS, alpha=0.45)
    _line(axes, history, "eval_loss", "validation loss", LOSS, marker="o")
    _line(right, history, "eval_macro_f1", "validation macro F1", SCORE, marker="o")
    axes.set(xlabel="step", title="Learning curve")
    axes.set_ylabel("loss", color=LOSS)
    right.set_ylabel("macro F1", color=SCORE)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    for side in (axes, right):
        side.spines["top"].set_visible(False)
    handles = [*axes.get_lines(), *right.get_lines()]
    axes.legend(handles=handles, loc="center right", frameon=False)
    return _save(figure, path)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _line(axes: Axes, history: Sequence[dict[str, Any]], key: str, label: str, color: str, **look: Any) -> None:
    points = [(record["step"], record[key]) for record in history if key in record]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, color=color, linewidth=1.8, **look)


def _accuracy(counts: np.ndarray) -> float:
    return float(np.trace(counts) / max(counts.sum(), 1))


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_AN_INCH)
    return path
