"""Times one epoch in one and in several processes, and says what each way of sharing the work gains."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import (
    read_split,
    snapshot_folder,
)
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark_jobs import is_local_master
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.distributed import fit_distributed, lacking_devices
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import training_precision
from sentiment.training.unfinished import at_work, folder_of
from sentiment_benchmarks.config import BenchmarkTrainingConfig
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import TrainingBenchmark
from sentiment_benchmarks.scaling import Arrangement, Measured, scaling_picture, scaling_rows
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables


def run_training_benchmark(config: BenchmarkTrainingConfig, context: Context) -> TrainingBenchmark:
    """Measure every arrangement on the snapshot that `config` names; table and picture go to MLflow and `output`.

    All of them start through the same launcher, one process too, and take turns, so that a busy minute of the machine
    falls on all. The seconds are the trainer's own; starting processes and reading reviews is told apart.
    """
    settings, watch = context.settings, Watch()
    ways, left_out = _possible(config, settings)
    output = output_folder(config.output, context, "training")
    folder = snapshot_folder(Lake(settings.lake_root), config.snapshot)
    shares = max(config.processes) if config.scaling == "weak" else 1
    train = read_split(folder, "train", config.train_reviews * shares)
    reviews = _reviews(config, len(train))
    validation = read_split(folder, "validation", config.evaluation_reviews)
    with (
        published("training", config, output, context) as publication,
        at_work(folder_of(settings, publication.run_id), None, context) as kept,
    ):
        measured: dict[Arrangement, list[Measured]] = {way: [] for way in ways}
        workdir = kept / "one"
        launch = partial(
            fit_distributed,
            validation=validation,
            workdir=workdir,
            settings=settings,
            threads=config.threads,
        )
        for done, way in enumerate([*measured] * config.repeats):
            context.progress(f"{way.mode}, {way.processes} processes", done, len(measured) * config.repeats)
            own = partial(launch, train=train.take(np.arange(reviews[way.processes])))
            measured[way].append(_measure(_train_config(config, way), workdir, own))
        rows = scaling_rows(measured, reviews)
        machine = watch.machine()
        write_tables(publication.written, {"training": rows + left_out}, machine)
        scaling_picture(rows, publication.written / "pictures" / "training.png")
        publication.run.log_metrics({_metric(row): row["seconds"] for row in rows})
        publication.run.log_json(asdict(machine), "machine.json")
    return TrainingBenchmark(run_id=publication.run_id, output=str(output), machine=machine, training=rows + left_out)


def arrangements(config: BenchmarkTrainingConfig) -> list[Arrangement]:
    """Return what is measured, mode by mode; only recurrent networks can be divided into stages."""
    modes: list[tuple[str, int, Any]] = [
        ("data parallel", 1, "fp32"),
        ("data parallel, mixed precision", 1, config.mixed_precision),
        ("data and model parallel", 2, "fp32"),
    ]
    return [
        Arrangement(mode, processes, stages, precision)
        for mode, stages, precision in modes
        if stages == 1 or config.family in RECURRENT_FAMILIES
        for processes in sorted(config.processes)
    ]


def _possible(config: BenchmarkTrainingConfig, settings: Settings) -> tuple[list[Arrangement], list[Row]]:
    """Return the arrangements that can be measured here, and a row for each other one that says why it is left out.

    Raises ContractError where there is none, and for a number format in which nothing is trained here.
    """
    if is_local_master(settings.spark_master):
        _require_precision(config)
    lacking = {way: lacking_devices(way.processes * way.stages, settings) for way in arrangements(config)}
    if all(lacking.values()):
        fewest = min(lacking, key=lambda way: way.processes * way.stages)
        raise ContractError(
            f"{lacking[fewest]}; lower --processes, or set CUDA_VISIBLE_DEVICES to nothing to measure on the CPU"
        )
    left_out = [{**asdict(way), "note": f"left out: {why}"} for way, why in lacking.items() if why]
    return [way for way, why in lacking.items() if not why], left_out


def _require_precision(config: BenchmarkTrainingConfig) -> None:
    try:
        training_precision(config.mixed_precision, config.family)
    except ContractError as error:
        other = "bf16" if config.mixed_precision == "fp16" else "fp16"
        raise ContractError(
            f"this machine does not train in {config.mixed_precision}; give --mixed-precision {other}"
        ) from error


def _reviews(config: BenchmarkTrainingConfig, at_hand: int) -> dict[int, int]:
    """Return how many reviews each number of processes trains on."""
    if config.scaling == "strong":
        return dict.fromkeys(config.processes, at_hand)
    return {count: at_hand // max(config.processes) * count for count in config.processes}


def _train_config(config: BenchmarkTrainingConfig, way: Arrangement) -> TrainConfig:
    shared = config.model_dump(include={"family", "encoder", "snapshot", "train_reviews", "batch_size", "max_length"})
    return TrainConfig(
        **shared, processes=way.processes, stages=way.stages, precision=way.precision, epochs=1.0, evaluations=1
    )


def _measure(config: TrainConfig, workdir: Path, launch: Callable[[TrainConfig], Fitted]) -> Measured:
    shutil.rmtree(workdir, ignore_errors=True)  # of the measurement before, or of a try that died
    started = time.monotonic()
    history = launch(config).history
    whole = time.monotonic() - started
    shutil.rmtree(workdir)
    # The last record is the trainer's summary.
    seconds = float(history[-1]["train_runtime"])
    return Measured(
        seconds, whole - seconds, max(record["eval_macro_f1"] for record in history if "eval_macro_f1" in record)
    )


def _metric(row: Row) -> str:
    return f"seconds {row['mode'].replace(',', '')} {row['processes']}"
