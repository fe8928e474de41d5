"""Pictures of the scoring benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.evaluation.plots import GRID, INK, LOSS, PALE, SCORE, empty_sheet, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]


def peers_picture(rows: Rows, path: Path) -> Path:
    """Draw reviews a second as bars and accuracy as points, the fastest contender above; returns `path`."""
    ranked = sorted((row for row in rows if "seconds" in row), key=lambda row: float(row["reviews_per_second"]))
    figure = empty_sheet(10, 1.3 + 0.34 * len(ranked))
    speed, accuracy = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = range(len(ranked))
    speeds = [row["reviews_per_second"] for row in ranked]
    speed.barh(places, speeds, color=[SCORE if row["ours"] else PALE for row in ranked], height=0.7)
    for place, value in zip(places, speeds, strict=True):
        speed.annotate(f"{value:,.0f}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    speed.set(title="Reviews a second", xscale="log")
    speed.margins(x=0.12)
    speed.set_yticks(places, [row["contender"] for row in ranked], fontsize=9)
    accuracy.plot([row["accuracy"] for row in ranked], places, "o", color=LOSS)
    accuracy.set_title("Accuracy")
    accuracy.margins(x=0.1)
    for axes in (speed, accuracy):
        _lines(axes, "x")
    return save(figure, path)


def workers_picture(rows: Rows, path: Path) -> Path:
    """Draw seconds, speed-up and efficiency against the number of workers; returns `path`."""
    figure = empty_sheet(11, 3.6)
    counts = [row["workers"] for row in rows]
    ideal = {"speed_up": [count / counts[0] for count in counts], "efficiency": [1.0 for _ in counts]}
    titles = {"seconds": "Seconds", "speed_up": "Speed-up", "efficiency": "Efficiency"}
    for axes, (name, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        axes.plot(counts, [row[name] for row in rows], marker="o", color=SCORE, linewidth=1.8)
        if name in ideal:
            axes.plot(counts, ideal[name], color=INK, linewidth=0.9, linestyle=":", label="ideal")
            axes.legend(frameon=False, fontsize=8)
        axes.set(title=title, xlabel="workers", xticks=counts, ylim=(0, None))
        _lines(axes, "y")
    return save(figure, path)


def sizes_picture(rows: Rows, path: Path) -> Path:
    """Draw seconds, reviews a second and memory against the number of reviews; returns `path`."""
    figure = empty_sheet(11, 3.6)
    left, middle, right = figure.subplots(1, 3)
    counts = [row["reviews"] for row in rows]
    left.plot(counts, [row["seconds"] for row in rows], marker="o", color=SCORE, linewidth=1.8)
    left.set(title="Seconds, end to end")
    middle.plot(counts, [row["reviews_per_second"] for row in rows], marker="o", color=SCORE, linewidth=1.8)
    middle.set(title="Reviews a second")
    for name, label, colour in (("peak_megabytes", "all processes", INK), ("worker_megabytes", "largest worker", LOSS)):
        right.plot(counts, [row[name] for row in rows], marker="o", color=colour, label=label, linewidth=1.8)
    right.set(title="Megabytes at most")
    right.legend(frameon=False, fontsize=8)
    for axes in (left, middle, right):
        axes.set(xlabel="reviews", ylim=(0, None))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f} k" if value >= 1_000 else f"{value:,.0f}")
        _lines(axes, "y")
    return save(figure, path)


def _lines(axes: Axes, axis: Any) -> None:
    axes.grid(axis=axis, color=GRID, linewidth=0.8)
    plain(axes)
