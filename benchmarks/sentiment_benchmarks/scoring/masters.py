"""The same reviews scored on one Spark master after another: times side by side, and whether the tables are equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sentiment.core.context import Context
from sentiment.core.settings import without_token
from sentiment_benchmarks.config import BenchmarkScoringConfig
from sentiment_benchmarks.footprint import Footprint
from sentiment_benchmarks.scoring.end_to_end import homes_of, memory_of, rescore, times_of
from sentiment_benchmarks.scoring.material import Material
from sentiment_benchmarks.tables import Row

_COLUMNS = ["review_key", "review_date", "label", "positive_probability"]


def measure_masters(config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    """Score each number of reviews on each master, in turn; see `master_row`."""
    homes = homes_of(config, material, context)
    asked = [(count, master) for count in homes for master in dict.fromkeys(config.masters)]
    used: dict[tuple[int, str], list[Footprint]] = {one: [] for one in asked}
    scored: dict[tuple[int, str], pa.Table] = {}
    for count, master in asked * config.repeats:
        used[count, master].append(rescore(homes[count], master, count, context))
        scored[count, master] = _scores(homes[count])
    first = config.masters[0]
    return [
        {
            "reviews": count,
            "master": without_token(master),
            **master_row(turns, scored[count, master], scored[count, first]),
        }
        for (count, master), turns in used.items()
    ]


def master_row(turns: Sequence[Footprint], scores: pa.Table, first: pa.Table) -> Row:
    """Return medians over the turns, and how the scores of the last turn differ from those of the first master.

    `other_rows` are reviews that one of them lacks, `other_labels` those with another label, and
    `largest_difference` is that of a positive probability. The memory is that of this machine's processes below the
    job's: of a cluster elsewhere the driver's alone.
    """
    times = times_of(turns)
    speed = {"reviews_per_second": scores.num_rows / times["seconds"]}
    return {**times, **speed, **memory_of(turns), **_differences(scores, first)}


def _differences(scores: pa.Table, first: pa.Table) -> Row:
    # A review without a text has neither label nor probability.
    keys = ["review_date", "review_key"]
    both = scores.join(first, keys, right_suffix=" first", join_type="inner")
    columns = ("positive_probability", "positive_probability first")
    ours, theirs = (both[name].to_numpy().astype(np.float64) for name in columns)
    return {
        "other_rows": scores.num_rows + first.num_rows - 2 * both.num_rows,
        "other_labels": int(np.sum(both["label"].to_numpy() != both["label first"].to_numpy())),
        "largest_difference": float(np.nanmax(np.abs(ours - theirs), initial=0.0)),
    }


def _scores(home: Path) -> pa.Table:
    from sentiment.stores.lake.schemas import SCORES
    from sentiment.stores.lake.tables import Lake

    return Lake(str(home / "lake")).read(SCORES, columns=_COLUMNS)
