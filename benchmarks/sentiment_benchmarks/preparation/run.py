"""Imports the same history with each contender in turn, and says how long each took and whether they agree."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sentiment.core.context import Context
from sentiment.core.settings import Settings
from sentiment.ingest.landing import history
from sentiment_benchmarks.config import BenchmarkPreparationConfig
from sentiment_benchmarks.footprint import Footprint, run_watched
from sentiment_benchmarks.preparation.cleaning import cleaning_rows
from sentiment_benchmarks.preparation.contender import COUNTS, DASK, OURS, PANDAS, RESULT
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import PreparationBenchmark
from sentiment_benchmarks.scoring.scratch_home import environment, on_this_machine
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables

CONTENDERS = (OURS, PANDAS, DASK)
_NOT_INSTALLED = "not installed: pip install -r requirements-bench.txt"


@dataclass(frozen=True)
class Imported:
    """One import: what it took, and how many lines it read, kept, and dropped as repetitions or as bad."""

    footprint: Footprint
    counts: Mapping[str, int]


def run_preparation_benchmark(config: BenchmarkPreparationConfig, context: Context) -> PreparationBenchmark:
    """Measure every contender that is installed, each in processes of its own; the table goes to MLflow and `output`.

    They take turns, so that a busy minute of the machine falls on all. Raises ContractError for a source without
    reviews and for a contender that fails.
    """
    history(config.source, config.source)
    present = [name for name in CONTENDERS if name == OURS or find_spec(name)]
    watch, output = Watch(), output_folder(config.output, context, "preparation")
    with published("preparation", config, output, context) as publication, TemporaryDirectory() as scratch:
        runs: dict[str, list[Imported]] = {name: [] for name in present}
        for done, name in enumerate(present * config.repeats):
            context.progress(f"importing with {name}", done, len(present) * config.repeats)
            runs[name].append(_import(name, config, context.settings, Path(scratch) / name))
        unlike = {name: _unlike(Path(scratch) / OURS, Path(scratch) / name) for name in present}
        rows = preparation_rows(runs, unlike)
        rows += [{"contender": name, "note": _NOT_INSTALLED} for name in CONTENDERS if name not in present]
        cleaning = cleaning_rows()
        machine = watch.machine()
        write_tables(publication.written, {"preparation": rows, "cleaning": cleaning}, machine)
        publication.run.log_metrics({f"seconds {row['contender']}": row["seconds"] for row in rows if "seconds" in row})
        publication.run.log_json(asdict(machine), "machine.json")
    return PreparationBenchmark(
        run_id=publication.run_id,
        output=str(output),
        machine=machine,
        preparation=rows,
        cleaning=cleaning,
    )


def preparation_rows(runs: Mapping[str, Sequence[Imported]], unlike: Mapping[str, int]) -> list[Row]:
    """Return a row a contender, medians over its repeats; `unlike` are kept reviews that differ from ours.

    `against_pandas` says how many times as fast as pandas it is.
    """
    seconds = {name: median(run.footprint.seconds for run in of) for name, of in runs.items()}
    return [
        {
            "contender": name,
            **{count: of[0].counts[count] for count in COUNTS},
            "unlike_ours": unlike[name],
            "seconds": seconds[name],
            "fastest": min(run.footprint.seconds for run in of),
            "slowest": max(run.footprint.seconds for run in of),
            "reviews_per_second": of[0].counts["read"] / seconds[name],
            "against_pandas": seconds[PANDAS] / seconds[name] if PANDAS in seconds else None,
            "core_seconds": median(run.footprint.core_seconds for run in of),
            "peak_megabytes": median(run.footprint.peak_bytes for run in of) / 1e6,
        }
        for name, of in runs.items()
    ]


def _import(name: str, config: BenchmarkPreparationConfig, settings: Settings, home: Path) -> Imported:
    """Import into a home of its own, so that nothing is read from or written into the caller's lake.

    Ours runs on this machine's Spark, of the kind that the settings have.
    """
    shutil.rmtree(home, ignore_errors=True)  # of the repeat before
    home.mkdir()
    program = "sentiment_benchmarks.preparation.contender"
    command = [sys.executable, "-m", program, name, config.source, str(config.cores)]
    there = environment(home, settings, on_this_machine(settings, config.cores))
    footprint = run_watched(command, there, home / "output.txt")
    return Imported(footprint, json.loads((home / RESULT).read_text(encoding="utf-8")))


def _unlike(ours: Path, others: Path) -> int:
    """Count the reviews that one of two lakes has with this key, title and text, and the other has not."""
    return len(_kept(ours) ^ _kept(others))


def _kept(home: Path) -> set[tuple[str, str, str]]:
    from pyarrow import dataset

    from sentiment.stores.lake.schemas import REVIEWS

    folder = home / "lake" / REVIEWS.name
    files = sorted(str(file) for file in folder.glob(f"{REVIEWS.day_column}=*/*.parquet"))
    if not files:
        return set()
    table = dataset.dataset(files, format="parquet").to_table(["review_key", "title", "text"])
    return set(zip(*(column.to_pylist() for column in table.columns), strict=True))
