"""What every picture of the evaluation shares: the sheet that it is drawn on, its colours, and its PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, LOSS, SCORE, PALE = "#22303c", "#d9dfe5", "#c2553d", "#2a6f97", "#a9bccb"
DOTS_AN_INCH = 150


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
