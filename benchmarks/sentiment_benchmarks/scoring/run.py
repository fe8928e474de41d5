"""Runs the parts of the scoring benchmark that were asked for; MLflow gets tables, pictures and the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sentiment.core.context import Context
from sentiment.core.settings import without_token
from sentiment_benchmarks.config import BenchmarkScoringConfig, ScoringPart
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import ScoringBenchmark
from sentiment_benchmarks.scoring.end_to_end import measure_sizes, measure_workers
from sentiment_benchmarks.scoring.engine_use import measure_engine_use
from sentiment_benchmarks.scoring.latency import measure_latency
from sentiment_benchmarks.scoring.masters import measure_masters
from sentiment_benchmarks.scoring.material import Material, gather
from sentiment_benchmarks.scoring.peers import measure_peers
from sentiment_benchmarks.scoring.pictures import peers_picture, sizes_picture, workers_picture
from sentiment_benchmarks.scoring.scratch_home import scratch_folder
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables

Tables = dict[str, list[Row]]

_PICTURES: dict[str, Callable[[Any, Path], Path]] = {
    "peers": peers_picture,
    "workers": workers_picture,
    "sizes": sizes_picture,
}


def run_scoring_benchmark(config: BenchmarkScoringConfig, context: Context) -> ScoringBenchmark:
    """Measure each part of `config`; its tables and pictures are in MLflow and `output` as soon as it is done."""
    watch, output = Watch(), output_folder(config.output, context, "scoring")
    told = config.model_copy(update={"masters": tuple(map(without_token, config.masters))})
    with (
        published("scoring", told, output, context) as publication,
        scratch_folder(context.settings.home) as scratch,
    ):
        material = gather(config, context, scratch)
        tables = Tables()
        for part in config.parts:
            tables[part] = _measured(part, config, material, context)
            machine = watch.machine()
            write_tables(publication.written, tables, machine)
            if part in _PICTURES:
                _PICTURES[part](tables[part], publication.written / "pictures" / f"{part}.png")
            publication.publish()
            publication.run.log_metrics(_metrics({part: tables[part]}))
        publication.run.log_json(asdict(machine), "machine.json")
    return ScoringBenchmark(run_id=publication.run_id, output=str(output), machine=machine, **tables)


def _measured(part: ScoringPart, config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    if part == "peers":
        return measure_peers(config, material, context)
    if part == "engines":
        return measure_engine_use(material, config.repeats, context.progress)
    measure = {
        "workers": measure_workers,
        "sizes": measure_sizes,
        "masters": measure_masters,
        "latency": measure_latency,
    }[part]
    return measure(config, material, context)


def _metrics(tables: Tables) -> dict[str, float]:
    """Name each table's leading figure by its row."""
    leading = {
        "peers": (("contender",), "reviews_per_second"),
        "engines": (("engine",), "share_reached"),
        "workers": (("workers",), "seconds"),
        "sizes": (("reviews",), "seconds"),
        "masters": (("reviews", "master"), "seconds"),
        "latency": (("what",), "p95_milliseconds"),
    }
    return {
        _name(" ".join([table, *(str(row[key]) for key in keys), figure])): row[figure]
        for table, (keys, figure) in leading.items()
        for row in tables.get(table, [])
        if figure in row
    }


def _name(words: str) -> str:
    """Return a name that MLflow takes, which reads a slash as a folder's."""
    return re.sub(r"//+", "/", re.sub(r"[^\w /:.-]", "", words))
