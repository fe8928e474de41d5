"""Every family on every data set: how good, how sure, how large, how fast, and who beats whom.

What is measured is the bundle on its fastest engine, without a cascade: the families, not what stands before them. Each
finished candidate is kept in the output folder under its settings: the same command goes on where it was stopped, a
training that was stopped goes on from its last checkpoint, and under other settings it is measured anew. Checkpoints
go once there is a result.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sentiment.core.atomic import replacing
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import read_split
from sentiment.engine.scorer import Scorer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.intervals import drawn_over, intervals
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.plots import Measured, candidate_intervals
from sentiment.evaluation.predictions import OF_BUNDLE, read_predictions, write_predictions
from sentiment.evaluation.significance import compare_all
from sentiment.export.build import ExportData, build_bundle
from sentiment.export.config import ExportConfig
from sentiment.export.register import decision_of, measure_speed
from sentiment.stores.registry.entries import TrainedRun, require_run_ids
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted
from sentiment_benchmarks.config import BenchmarkModelsConfig
from sentiment_benchmarks.held_out import BenchmarkData, names_of
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import ModelsBenchmark
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables

RESULT = "result.json"
# Of the candidates, whose thresholds are not tuned: calibration would change no decision.
_UNTUNED = Decision(1.0, 0.5)
# Where a training keeps its checkpoints.
_WORK = "work"
# Int8 may cost a network of few reviews more than the rules for a champion allow; here it is measured, not judged.
_EXPORT = ExportConfig(run_id="benchmark", parity_reviews=500, max_accuracy_loss=0.05, cascade=False)
BASE_ENCODER = "all-mpnet-base-v2"
# Lower layers of a base-size encoder keep what they know: a rate of 3e-5 that falls by a tenth a layer.
_BASE = {"encoder": BASE_ENCODER, "learning_rate": 3e-5, "layer_decay": 0.9, "batch_size": 16}
_RECURRENT = {"epochs": 2.0, "batch_size": 64}


def candidates(config: BenchmarkModelsConfig) -> dict[str, TrainConfig]:
    """Return the configurations to train, by name, the cheap ones first."""
    many, few = config.train_reviews, config.encoder_reviews
    fields: dict[str, dict[str, Any]] = {
        "linear": {"family": "linear", "train_reviews": many},
        "gru": {"family": "gru", "train_reviews": many, **_RECURRENT},
        "lstm": {"family": "lstm", "train_reviews": many, **_RECURRENT},
        "bilstm": {"family": "bilstm", "train_reviews": many, **_RECURRENT},
        "lora": {"family": "lora", "train_reviews": few},
        "encoder": {"family": "encoder", "train_reviews": few},
        "base encoder": {"family": "encoder", "train_reviews": config.base_reviews, **_BASE},
    }
    if not config.base_reviews:
        del fields["base encoder"]
    chosen = {name: given for name, given in fields.items() if not config.models or name in config.models}
    return {name: TrainConfig(seed=config.seed, **given) for name, given in chosen.items()}


def run_model_benchmark(config: BenchmarkModelsConfig, context: Context) -> ModelsBenchmark:
    """Train and measure every candidate on every snapshot; write tables to the output folder and log them to MLflow.

    Raises ContractError, before anything is trained, for a run that cannot be measured beside them.
    """
    earlier = _trained_before(config, Registry(context.settings))
    settings, watch = context.settings, Watch()
    output = output_folder(config.output, context, "models")
    rows: list[Row] = []
    comparisons: list[Row] = []
    with published("models", config, output, context) as run:
        for snapshot, name in names_of(config.snapshots, settings).items():
            data = replace(BenchmarkData.read(settings, snapshot, config), name=name)
            kept = _all_candidates(config, earlier, snapshot, data, output / snapshot, context)
            measured = {model: _result(folder) for model, folder in kept.items()}
            rows += [{"data": name, "model": model, **row} for model, row in measured.items()]
            candidate_intervals(_for_picture(measured), run.written / "tables" / f"{name}.png")
            predictions = {model: read_predictions(folder / OF_BUNDLE) for model, folder in kept.items()}
            # A result of an earlier version has none.
            at = {model: row.get("threshold", 0.5) for model, row in measured.items()}
            comparisons += [{"data": name, **vars(row)} for row in compare_all(predictions, at)]
        machine = watch.machine()
        write_tables(run.written, {"models": rows, "comparisons": comparisons}, machine)
    return ModelsBenchmark(run_id=run.run_id, output=str(output), machine=machine, models=rows, comparisons=comparisons)


def _trained_before(config: BenchmarkModelsConfig, registry: Registry) -> list[TrainedRun]:
    require_run_ids(config.runs)
    runs = [registry.trained(run_id) for run_id in config.runs]
    for run in runs:
        of_encoders = ["encoder"] if run.params.get("family") in ENCODER_FAMILIES else []
        run.require(["family", "snapshot", *of_encoders], ["train_reviews_used", "training_seconds", "temperature"])
        if run.params["snapshot"] not in config.snapshots:
            raise ContractError(
                f"run {run.run_id} was trained on the snapshot {run.params['snapshot']}, which is not measured; give "
                "it with --snapshots too, or leave the run out"
            )
        if not registry.has_artifact(run.run_id, "model"):
            raise ContractError(f"run {run.run_id} keeps no model (any more); leave it out, or train it anew")
    return runs


def _for_picture(measured: Mapping[str, Row]) -> dict[str, tuple[Measured, Measured]]:
    def with_ends(row: Row, figure: str) -> Measured:
        return row[figure], row[f"{figure}_low"], row[f"{figure}_high"]

    return {name: (with_ends(row, "accuracy"), with_ends(row, "macro_f1")) for name, row in measured.items()}


def _all_candidates(
    config: BenchmarkModelsConfig,
    earlier: Sequence[TrainedRun],
    snapshot: str,
    data: BenchmarkData,
    output: Path,
    context: Context,
) -> dict[str, Path]:
    """Return the folder with each candidate's result, measured now where it was not under these very settings."""
    kept = {}
    for name, candidate in candidates(config).items():
        training = candidate.model_copy(update={"snapshot": snapshot})
        folder = keyed_folder(output, name, {"training": training.model_dump(mode="json"), **_held_out(data)})
        if not (folder / RESULT).is_file():
            context.progress(f"{data.name}: {name}, {candidate.train_reviews} reviews")
            _measure(training, data, folder, context.settings)
        shutil.rmtree(folder / _WORK, ignore_errors=True)
        kept[name] = folder
    for run in earlier:
        if run.params["snapshot"] == snapshot:
            kept |= _taken_in(Registry(context.settings), run, data, output)
    return kept


def keyed_folder(output: Path, name: str, measured: Mapping[str, Any]) -> Path:
    """Return the folder of what is measured under these settings, which are written into it; others have others."""
    content = json.dumps(measured, indent=1, sort_keys=True)
    folder = output / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(content, encoding="utf-8")
    return folder


def _held_out(data: BenchmarkData) -> dict[str, Any]:
    return {"validation": len(data.validation), "test": len(data.test), "export": _EXPORT.model_dump(mode="json")}


def _result(folder: Path) -> Row:
    row: Row = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return row


def _measure(config: TrainConfig, data: BenchmarkData, folder: Path, settings: Settings) -> None:
    train = read_split(data.folder, "train", config.train_reviews, config.seed)
    work = folder / _WORK
    # Of a training that goes on from an earlier call only the rest would be timed.
    resumed, started = work.is_dir(), time.monotonic()
    fitted = fit(config, train, data.validation, work, settings)
    seconds = None if resumed else time.monotonic() - started
    _write_result(fitted, data, folder, {"trained_on": len(train), "training_seconds": seconds})


def _taken_in(registry: Registry, run: TrainedRun, data: BenchmarkData, output: Path) -> dict[str, Path]:
    """Measure a run that was trained before, on this snapshot."""
    family = run.params["family"]
    name = f"{Path(run.params['encoder']).name if family in ENCODER_FAMILIES else family}-{run.run_id[:6]}"
    decision = decision_of(run)
    folder = keyed_folder(output, name, {"run": run.run_id, "decision": asdict(decision), **_held_out(data)})
    if not (folder / RESULT).is_file():
        known = {
            "trained_on": int(run.metrics["train_reviews_used"]),
            "training_seconds": run.metrics["training_seconds"],
        }
        with TemporaryDirectory() as scratch:
            fitted = Fitted.load(registry.download(run.run_id, "model", Path(scratch)))
            _write_result(fitted, data, folder, known, decision)
    return {name: folder}


def _write_result(
    fitted: Fitted,
    data: BenchmarkData,
    folder: Path,
    known: Mapping[str, float | None],
    decision: Decision = _UNTUNED,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / "bundle"
    sample = ExportData(read_split(data.folder, "train", _EXPORT.calibration_reviews), data.validation)
    built = build_bundle(fitted, sample, _EXPORT, bundle, {"benchmark": folder.name}, decision)
    scorer = Scorer.load(bundle, threads=2)
    probability = scorer.probabilities(data.test.titles, data.test.texts)
    write_predictions(folder / OF_BUNDLE, data.test.keys, data.test.labels, probability)
    row = {
        **known,
        "test_reviews": len(data.test),
        "threshold": decision.threshold,
        **_quality(data, probability, decision.threshold),
        "parameters": fitted.parameters,
        "trained_share": fitted.trainable / max(fitted.parameters, 1),
        "engine": scorer.bundle.engines[0],
        "bundle_megabytes": built.figures.get("int8_megabytes", built.figures["fp32_megabytes"]),
        "reviews_per_second": measure_speed(bundle, data.test),
    }
    with replacing(folder / RESULT) as draft:
        draft.write_text(json.dumps(row, indent=1), encoding="utf-8")


def _quality(data: BenchmarkData, probability: np.ndarray, threshold: float = 0.5) -> Row:
    labels = data.test.labels
    figures = evaluate(labels, probability, threshold)
    bounds = intervals(labels, probability, threshold, products=data.tested)
    shown: Row = {}
    for name in ("accuracy", "macro_f1"):
        low, high = (bound if math.isfinite(bound) else None for bound in bounds[name])
        shown |= {name: figures[name], f"{name}_low": low, f"{name}_high": high}
    return shown | {"intervals_over": drawn_over(data.tested)}
