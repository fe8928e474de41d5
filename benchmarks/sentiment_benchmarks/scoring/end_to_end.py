"""The scoring job as people start it, in a process of its own: over numbers of workers, and over numbers of reviews."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.progress import told
from sentiment.core.settings import DRIVER, without_token
from sentiment.scoring.config import RescoreConfig
from sentiment.scoring.verbs import RESCORE
from sentiment_benchmarks.config import BenchmarkScoringConfig
from sentiment_benchmarks.footprint import Footprint, run_watched
from sentiment_benchmarks.scoring.material import Material
from sentiment_benchmarks.scoring.scratch_home import VERSION, environment, make_home, on_this_machine
from sentiment_benchmarks.tables import Row

# 100,000 reviews in 47 s on 4 workers of 4 cores: the published run of Spark and DistilBERT.
PUBLISHED_CORE_SECONDS = 752
# The line of Pace.
_PACE = re.compile(r"scored ([\d,]+) of")


def measure_workers(config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    """Score the same reviews with each number of workers; see `worker_rows`."""
    home = material.scratch / "workers"
    make_home(home, material, config.worker_reviews)
    used: dict[int, list[Footprint]] = {count: [] for count in sorted(set(config.workers))}
    for workers in [*used] * config.repeats:
        master = on_this_machine(context.settings, workers)
        used[workers].append(rescore(home, master, config.worker_reviews, context))
    return worker_rows(used, config.worker_reviews)


def measure_sizes(config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    """Score each number of reviews with a worker a core; see `size_rows`."""
    homes, master = homes_of(config, material, context), on_this_machine(context.settings, config.cores)
    used: dict[int, list[Footprint]] = {count: [] for count in homes}
    for count in [*homes] * config.repeats:
        used[count].append(rescore(homes[count], master, count, context))
    return size_rows(used, config.cores)


def homes_of(config: BenchmarkScoringConfig, material: Material, context: Context) -> dict[int, Path]:
    """Return a scratch home of each number of reviews, written where it is not there yet."""
    homes = {count: material.scratch / f"size-{count}" for count in sorted(set(config.sizes))}
    for count, home in homes.items():
        if not home.is_dir():
            context.progress(f"writing {count:,} reviews")
            make_home(home, material, count)
    return homes


def rescore(home: Path, master: str, count: int, context: Context) -> Footprint:
    """Score all days of a scratch home anew on a Spark master, from the start of the process to its end.

    Raises ContractError when it fails or scores another number of reviews.
    """
    from sentiment.stores.lake.schemas import REVIEWS
    from sentiment.stores.lake.tables import Lake

    days = [file.day for file in Lake(str(home / "lake")).files(REVIEWS)]
    config = RescoreConfig(from_day=min(days), to_day=max(days), model=VERSION, reuse=False)
    result = home / "result.json"
    command = [sys.executable, str(DRIVER), RESCORE.name, config.model_dump_json(exclude_unset=True), str(result)]
    output, step = home / "output.log", f"{count:,} reviews on {without_token(master)}"
    output.touch()
    with told(lambda: (step, _scored_so_far(output), count), context.progress, 5.0):
        used = run_watched(command, environment(home, context.settings, master), output)
    scored = json.loads(result.read_text(encoding="utf-8"))["reviews"]
    if scored != count:
        raise ContractError(f"{' '.join(command)} scored {scored} of {count} reviews; see {output}")
    return used


def _scored_so_far(output: Path) -> int:
    counts = _PACE.findall(output.read_text(encoding="utf-8", errors="replace"))
    return int(counts[-1].replace(",", "")) if counts else 0


def worker_rows(used: Mapping[int, Sequence[Footprint]], reviews: int) -> list[Row]:
    """Return a row a number of workers, medians over the turns; the speed-up is against the fewest workers."""
    fewest = min(used)
    base = median(turn.seconds for turn in used[fewest])
    rows = []
    for workers, turns in used.items():
        times = times_of(turns)
        speed_up = base / times["seconds"]
        gain = {"speed_up": speed_up, "efficiency": speed_up * fewest / workers}
        speed = {"reviews_per_second": reviews / times["seconds"]}
        rows.append({"workers": workers, "reviews": reviews, **times, **speed, **gain, **memory_of(turns)})
    return rows


def size_rows(used: Mapping[int, Sequence[Footprint]], cores: int) -> list[Row]:
    """Return a row a number of reviews, medians over the turns.

    `cpu_use` is the share of the cores' time that was used. `core_seconds_per_100000` counts the cores for as long as
    the job held them, used or not, as the published figure does; `published_costs_times` is that figure over ours.
    """
    rows = []
    for reviews, turns in used.items():
        times = times_of(turns)
        cost = cores * times["seconds"] * 100_000 / reviews
        cpu = median(turn.core_seconds for turn in turns)
        rows.append(
            {
                "reviews": reviews,
                **times,
                "reviews_per_second": reviews / times["seconds"],
                "cpu_use": cpu / times["seconds"] / cores,
                **memory_of(turns),
                "core_seconds_per_100000": cost,
                "published_costs_times": PUBLISHED_CORE_SECONDS / cost,
            }
        )
    return rows


def times_of(turns: Sequence[Footprint]) -> dict[str, float]:
    """Return the median seconds of all turns, and those of the fastest and the slowest."""
    seconds = [turn.seconds for turn in turns]
    return {"seconds": median(seconds), "fastest": min(seconds), "slowest": max(seconds)}


def memory_of(turns: Sequence[Footprint]) -> dict[str, float]:
    """Return the most that all processes, and one worker, held in any turn, in megabytes."""
    return {
        "peak_megabytes": max(turn.peak_bytes for turn in turns) / 1e6,
        "worker_megabytes": max(turn.worker_bytes for turn in turns) / 1e6,
    }
