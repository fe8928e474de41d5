"""A program that imports a history once: `NAME SOURCE CORES`, into the lake of SENTIMENT_HOME, counts in result.json.

Each measurement starts it anew, so that starting counts, and no contender leaves memory behind.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from sentiment.core.context import Context
from sentiment.ingest.config import ImportHistoryConfig
from sentiment.ingest.landing import history

RESULT = "result.json"
OURS, PANDAS, DASK = "sentiment", "pandas", "dask"
COUNTS = ("read", "kept", "duplicate", "rejected")

Counts = dict[str, int]


def main() -> None:
    """Run one contender on some of this machine's cores."""
    name, source, cores = sys.argv[1:]
    _use_cores(int(cores))
    context = Context.of_process()
    counts = _IMPORTS[name](source, int(cores), context)
    (context.settings.home / RESULT).write_text(json.dumps(counts), encoding="utf-8")


def _ours(source: str, cores: int, context: Context) -> Counts:
    from sentiment.ingest.verbs import IMPORT_HISTORY

    result = IMPORT_HISTORY.run(ImportHistoryConfig(source=source), context)
    return {name: getattr(result, name) for name in COUNTS}


def _pandas(source: str, cores: int, context: Context) -> Counts:
    from sentiment_benchmarks.preparation.reviews import judged, read_lines, write

    settings, now = context.settings, context.now
    lines = read_lines(history(source, settings.landing_root))
    written = write(judged(lines, now), settings.lake_root, now)
    return _counts(len(lines), **written.iloc[0].to_dict())


def _dask(source: str, cores: int, context: Context) -> Counts:
    """Run the steps of pandas on parts; a day's reviews meet in one part."""
    import dask.dataframe

    from sentiment_benchmarks.preparation.reviews import empty, judged, read_lines, write

    frames: Any = dask.dataframe
    now, root = context.now, context.settings.lake_root
    lines = read_lines(history(source, context.settings.landing_root))
    # Processes, for the steps are Python and hold its lock.
    options = {"scheduler": "processes", "num_workers": cores, "dataframe.convert-string": False}
    with dask.config.set(options):
        rows = frames.from_pandas(lines, npartitions=4 * cores).map_partitions(judged, now, meta=empty())
        written = rows.shuffle("review_date").map_partitions(
            write, root, now, meta={"kept": "int64", "rejected": "int64"}
        )
        total = written.compute().sum()
    return _counts(len(lines), **total.to_dict())


def _counts(read: int, kept: int, rejected: int) -> Counts:
    kept, rejected = int(kept), int(rejected)
    return {"read": read, "kept": kept, "duplicate": read - kept - rejected, "rejected": rejected}


def _use_cores(count: int) -> None:
    """Keep to the first cores that this process may use; where the system cannot be asked that, all are used."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


_IMPORTS: dict[str, Callable[[str, int, Context], Counts]] = {OURS: _ours, PANDAS: _pandas, DASK: _dask}

if __name__ == "__main__":
    main()
