"""What several processes gain over one: rows and pictures of measured times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median

from sentiment.evaluation.plots import GRID, INK, LOSS, PALE, SCORE, empty_sheet, plain, save
from sentiment.training.config.optimisation import Precision
from sentiment_benchmarks.tables import Row, Rows

_COLOURS = (SCORE, LOSS, INK, PALE)


@dataclass(frozen=True)
class Arrangement:
    """A way to train: `processes` share the reviews out, and each of them is `stages` operating-system processes."""

    mode: str
    processes: int
    stages: int
    precision: Precision


@dataclass(frozen=True)
class Measured:
    """One training: its own seconds, those of everything around it, and what it led to."""

    seconds: float
    start_up_seconds: float
    macro_f1: float


def scaling_rows(measured: Mapping[Arrangement, Sequence[Measured]], reviews: Mapping[int, int]) -> list[Row]:
    """Return a row an arrangement, medians over its repeats; `reviews` says how many so many processes trained on.

    `speed_up` is that of reviews a second, against the same mode with the fewest processes that were measured,
    `efficiency` its share of the growth in processes, and `against_first` the speed-up against the first arrangement of
    all. Where every process has as many reviews as one alone it is weak scaling (Gustafson, 1988), else strong.
    """
    seconds = {way: median(run.seconds for run in runs) for way, runs in measured.items()}
    rates = {way: reviews[way.processes] / seconds[way] for way in measured}
    first = next(iter(rates.values()))
    rows = []
    for way, runs in measured.items():
        base = min((other for other in rates if other.mode == way.mode), key=lambda other: other.processes)
        speed_up = rates[way] / rates[base]
        rows.append(
            {
                "mode": way.mode,
                "precision": way.precision,
                "processes": way.processes,
                "stages": way.stages,
                "reviews": reviews[way.processes],
                "seconds": seconds[way],
                "fastest": min(run.seconds for run in runs),
                "slowest": max(run.seconds for run in runs),
                "reviews_per_second": rates[way],
                "speed_up": speed_up,
                "efficiency": speed_up * base.processes / way.processes,
                "against_first": rates[way] / first,
                "start_up_seconds": median(run.start_up_seconds for run in runs),
                "macro_f1": median(run.macro_f1 for run in runs),
            }
        )
    return rows


def scaling_picture(rows: Rows, path: Path) -> Path:
    """Draw seconds, speed-up and efficiency of `scaling_rows` against processes, a line a mode; returns `path`."""
    figure = empty_sheet(11, 3.6)
    panels = figure.subplots(1, 3)
    for axes, (name, title) in zip(
        panels, [("seconds", "Seconds"), ("speed_up", "Speed-up"), ("efficiency", "Efficiency")], strict=True
    ):
        for colour, (mode, group) in zip(_COLOURS, groupby(rows, itemgetter("mode")), strict=False):
            points = [(row["processes"], row[name]) for row in group]
            axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=mode, linewidth=1.8)
        counts = sorted({row["processes"] for row in rows})
        if name != "seconds":
            ideal = [count / counts[0] if name == "speed_up" else 1 for count in counts]
            axes.plot(counts, ideal, color=INK, linewidth=0.9, linestyle=":", label="ideal")
        axes.set(title=title, xlabel="processes that share the reviews", xticks=counts, ylim=(0, None))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        plain(axes)
    panels[1].legend(frameon=False, fontsize=8)
    return save(figure, path)
