"""Pictures that set candidates, or slices of the reviews, side by side with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.evaluation.canvas import GRID, INK, LOSS, PALE, SCORE, empty_sheet, plain, save, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A figure, then the ends of its 95 % interval.
Measured = tuple[float, float, float]


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

    Takes the rows of `slices.slice_table`; slices of a kind stand together, and the share of all reviews is a line.
    Errors, not accuracy: their bars start at nought, so that lengths compare. Returns `path`.
    """
    shown = [row for row in rows if row["kind"] != "all"]
    places = _places(shown)
    figure, axes = sheet(7.2, 1.2 + 0.27 * (max(places, default=0) + 1))
    axes.barh(places, [1 - row["accuracy"] for row in shown], color=PALE, height=0.74)
    for place, row in zip(places, shown, strict=True):
        axes.plot((1 - row["accuracy_high"], 1 - row["accuracy_low"]), (place, place), color=INK, linewidth=1)
    for error in [1 - row["accuracy"] for row in rows if row["kind"] == "all"]:
        axes.axvline(error, color=LOSS, linewidth=1.2, label=f"all reviews, {error:.1%}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    names = [_literal(f"{row['kind']}: {row['slice']}  ({row['reviews']:,})") for row in shown]
    axes.set_yticks(places, names, fontsize=9)
    axes.set_ylim(max(places, default=0) + 0.7, -0.7)
    axes.set_title("Wrongly decided reviews by slice", loc="left")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    return save(figure, path)


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
