"""What scoring would take where nobody has measured it: a simulation of the job, fitted to measured runs.

The pieces are those that the job would make, dealt out to cores as Spark does: the next one to whoever is free.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, inf
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.wording import cause
from sentiment.scoring.job import DAYS_A_COMMIT, partitions_of
from sentiment.stores.lake.files import DataFile
from sentiment_benchmarks.config import BenchmarkScaleConfig
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import ScaleBenchmark
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables

# Of 250,000 reviews of electronics in the lake, a file a day, packed: 209 MB.
BYTES_A_REVIEW = 800
# What 2,000 tasks that do nothing took on two cores: the driver's part of each, and the worker's.
_DRIVER_SECONDS_A_TASK, _WORKER_SECONDS_A_TASK = 1 / 900, 0.05
# A commit to a table of 10,000 days (docs/architecture.md); each group of days is committed to two tables.
_SECONDS_A_COMMIT, _TABLES = 0.076, 2
# By how much the pieces of a job differ in time, as a standard deviation of the logarithm: an assumption.
_SPREAD = 0.1
# What the fit takes of a measured size.
_OF_A_SIZE = ("reviews", "seconds", "core_seconds_per_100000")


@dataclass(frozen=True)
class Speed:
    """What measured runs say: seconds from a job's start to its first review, and core-seconds a review."""

    start: float
    review: float

    @classmethod
    def fitted(cls, measured: Sequence[Mapping[str, Any]]) -> Speed:
        """Fit the rows of the table `sizes` of `benchmark scoring` by least squares of the relative error.

        A job starts in no less than no time: where the best line says so, the best one from zero on is taken. Raises
        ContractError for fewer than two sizes, of which no growth can be told, and for sizes that do not grow.
        """
        if len({row["reviews"] for row in measured}) < 2:
            raise ContractError("a growth needs two sizes; measure with `sentiment benchmark scoring --parts sizes`")
        seconds = np.array([row["seconds"] for row in measured])
        cores = np.array([row["core_seconds_per_100000"] * row["reviews"] / 1e5 for row in measured]) / seconds
        each = np.array([row["reviews"] for row in measured]) / cores
        start, review = np.linalg.lstsq(np.stack([1 / seconds, each / seconds], 1), np.ones(len(seconds)))[0]
        if start < 0:
            alone = each / seconds
            start, review = 0.0, alone.sum() / (alone @ alone)
        if review <= 0:
            raise ContractError(
                "the larger of the measured sizes took no longer than the smaller, so that a review would cost "
                "nothing; measure larger sizes with `sentiment benchmark scoring --parts sizes --sizes`"
            )
        return cls(float(start), float(review))


def run_scale_benchmark(config: BenchmarkScaleConfig, context: Context) -> ScaleBenchmark:
    """Simulate every number of reviews on every number of cores; write and log the table."""
    watch, output = Watch(), output_folder(config.output, context, "scale")
    source = config.measured or output_folder(None, context, "scoring") / "tables" / "sizes.json"
    speed = Speed.fitted(_measured(source))
    rows: list[Row] = []
    with published("scale", config, output, context) as run:
        for reviews in config.reviews:
            for cores in config.cores:
                context.progress(f"{reviews:,} reviews on {cores:,} cores")
                rows.append(simulated(speed, reviews, cores, config.days, config.price, config.seed))
        machine = watch.machine()
        write_tables(run.written, {"scale": rows}, machine)
    return ScaleBenchmark(
        run_id=run.run_id,
        output=str(output),
        machine=machine,
        start_seconds=speed.start,
        core_milliseconds_a_review=1_000 * speed.review,
        scale=rows,
    )


def simulated(speed: Speed, reviews: int, cores: int, days: int, price: float, seed: int = 0) -> Row:
    """Return what a job would take on so many cores: hours, core-hours, dollars, and where the time goes.

    `efficiency` is the share of the cores' time in which reviews are scored. `driver_seconds` and `commit_seconds` are
    the parts that no further core shortens.
    """
    pieces = partitions_of([DataFile(date.min, "", reviews * BYTES_A_REVIEW, reviews)], cores)
    work = speed.review * reviews / pieces * np.random.default_rng(seed).lognormal(0, _SPREAD, pieces)
    commits = _TABLES * ceil(days / DAYS_A_COMMIT)
    seconds = speed.start + _dealt_out(work + _WORKER_SECONDS_A_TASK, cores) + commits * _SECONDS_A_COMMIT
    core_hours = cores * seconds / 3600
    return {
        "reviews": reviews,
        "cores": cores,
        "hours": seconds / 3600,
        "core_hours": core_hours,
        "dollars": price * core_hours,
        "efficiency": float(work.sum()) / (cores * seconds),
        "tasks": pieces,
        "driver_seconds": pieces * _DRIVER_SECONDS_A_TASK,
        "commit_seconds": commits * _SECONDS_A_COMMIT,
        "files": _TABLES * days,
        "commits": commits,
    }


def _dealt_out(seconds: np.ndarray, cores: int) -> float:
    """Return when the last of tasks ends that take so many seconds: each goes to the core that is free first."""
    free = [0.0] * cores
    last = 0.0
    for number, each in enumerate(seconds.tolist()):
        begin = max(heapq.heappop(free), number * _DRIVER_SECONDS_A_TASK)
        last = max(last, begin + each)
        heapq.heappush(free, begin + each)
    return last


def _measured(source: Path) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(
            f"{source} holds no measured sizes: {cause(error)}; make them with `sentiment benchmark scoring --parts "
            "sizes`, or name with --measured the tables/sizes.json in the folder that its --output named"
        ) from error
    if not (isinstance(found, list) and all(map(_is_size, found))):
        raise ContractError(
            f"{source} is another table than sizes; give --measured the sizes.json of `sentiment benchmark scoring`"
        )
    return found


def _is_size(row: Any) -> bool:
    figures = [row.get(name) for name in _OF_A_SIZE] if isinstance(row, dict) else [None]
    return all(isinstance(figure, int | float) and 0 < figure < inf for figure in figures)
