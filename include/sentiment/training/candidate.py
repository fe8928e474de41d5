"""Trains one candidate under MLflow's eyes: snapshot in, run with model, figures, tables and report out.

It knows no family and no metric; it puts fit, assessment and registry together.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.config import ENCODER_FAMILIES, Settings, TrainConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.datasets.pin import snapshot_folder
from sentiment.datasets.read import read_manifest, read_split
from sentiment.evaluation.assessment import Assessment, Decision, assess
from sentiment.evaluation.calibration import positive_probability
from sentiment.evaluation.metrics import evaluate
from sentiment.lake.tables import Lake
from sentiment.progress import OnProgress
from sentiment.registry import Registry
from sentiment.training.dossier import REPORT, Training, write_dossier
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.folds import cross_validate, summary

if TYPE_CHECKING:
    import numpy as np

OnLog = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class _Splits:
    """The reviews of a training; validation chooses checkpoint and decision, the test is the same for every candidate.

    Train and validation are samples of the snapshot's.
    """

    train: LabelledReviews
    validation: LabelledReviews
    test: LabelledReviews

    @classmethod
    def read(cls, config: TrainConfig, folder: str) -> _Splits:
        return cls(
            read_split(folder, "train", config.train_reviews),
            read_split(folder, "validation", config.evaluation_reviews),
            read_split(folder, "test", config.test_reviews),
        )

    def sizes(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in ("train", "validation", "test")}


def train_candidate(config: TrainConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Train on the snapshot that `config` names and return run id and the figures on the test reviews.

    A retry goes on with the run and the last checkpoint.
    """
    folder = snapshot_folder(Lake(settings.lake_root), config.snapshot or "")
    splits, registry = _Splits.read(config, folder), Registry(settings)
    tags = {"family": config.family, "snapshot": config.snapshot or ""}
    with registry.run(_name(config), config.model_dump(mode="json"), tags) as run_id:
        workdir = settings.home / "training" / run_id
        if config.folds:
            _cross_validate(registry, config, splits.train, workdir.with_name(f"{run_id}-folds"), on_progress)
        started = time.monotonic()
        fitted = fit(config, splits.train, splits.validation, workdir, _log_to(registry, on_progress, config.epochs))
        training = Training(run_id, _name(config), config, fitted, splits.sizes(), time.monotonic() - started)
        on_progress(f"evaluating on {len(splits.test)} test reviews", 0, 0)
        assessment, figures = _assessed(fitted, config, splits)
        registry.log_metrics({**figures, **_costs(training)})
        registry.log_json(read_manifest(folder), "snapshot.json")
        registry.attach(run_id, write_dossier(workdir / "dossier", training, assessment, splits.test))
        report = registry.artifact_page(run_id, REPORT)
        registry.describe(f"[Report]({report}): figures, slices, mistakes and behaviour of this model on one page.")
    shutil.rmtree(workdir, ignore_errors=True)
    return {
        "run_id": run_id,
        "family": config.family,
        "snapshot": config.snapshot,
        "train_reviews": len(splits.train),
        "test_reviews": len(splits.test),
        "accuracy": round(figures["test_accuracy"], 4),
        "macro_f1": round(figures["test_macro_f1"], 4),
        "seconds": round(training.seconds, 1),
        "report": report,
    }


def _name(config: TrainConfig) -> str:
    model = f"{Path(config.encoder).name}-{config.family}" if config.family in ENCODER_FAMILIES else config.family
    return f"{model}-{config.train_reviews}"


def _cross_validate(
    registry: Registry, config: TrainConfig, train: LabelledReviews, workdir: Path, on_progress: OnProgress
) -> None:
    """Log mean and deviation over the folds as metrics, and every fold's row as a table."""
    on_progress(f"cross-validating, {config.folds} folds", 0, 0)
    rows = cross_validate(config, train, workdir)
    shown = summary(rows)
    registry.log_metrics({f"folds_{name}": shown[name] for name in shown if "accuracy" in name or "macro_f1" in name})
    registry.log_json({"folds": rows, "summary": shown}, "cross_validation.json")
    shutil.rmtree(workdir, ignore_errors=True)


def _assessed(fitted: Fitted, config: TrainConfig, splits: _Splits) -> tuple[Assessment, dict[str, float]]:
    """Return the assessment, and the figures that become metrics of the run."""
    validation = predict_logits(fitted, splits.validation)
    decision = Decision.fitted(validation, splits.validation.labels, config.tune_threshold)

    def predict(titles: list[str], texts: list[str]) -> np.ndarray:
        return positive_probability(_logits(fitted, titles, texts), decision.temperature)

    assessment = assess(decision, predict_logits(fitted, splits.test), splits.test, predict)
    chosen_on = positive_probability(validation, decision.temperature)
    figures = {"temperature": decision.temperature, "threshold": decision.threshold}
    for name, value in evaluate(splits.validation.labels, chosen_on, decision.threshold).items():
        figures[f"validation_{name}"] = value
    return assessment, figures | {f"test_{name}": value for name, value in assessment.figures.items()}


def _logits(fitted: Fitted, titles: list[str], texts: list[str]) -> np.ndarray:
    import numpy as np

    nobody_knows = np.zeros(len(texts), np.int64)
    return predict_logits(fitted, LabelledReviews.of([""] * len(texts), titles, texts, nobody_knows))


def _log_to(registry: Registry, on_progress: OnProgress, epochs: float) -> OnLog:
    def on_log(record: dict[str, Any]) -> None:
        step, epoch = int(record.get("step", 0)), float(record.get("epoch", 0.0))
        registry.log_metrics({k: v for k, v in record.items() if isinstance(v, int | float) and k != "step"}, step)
        on_progress("training, per cent", round(100 * min(epoch / epochs, 1)), 100)

    return on_log


def _costs(training: Training) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux gives KiB
    costs = {
        "training_seconds": training.seconds,
        "peak_memory_megabytes": peak / 1e6,
        "parameters": training.fitted.parameters,
        "trainable_parameters": training.fitted.trainable,
        "train_reviews_used": training.reviews["train"],
        "test_reviews_used": training.reviews["test"],
    }
    return costs | _gpu_peak()


def _gpu_peak() -> dict[str, float]:
    import torch

    return {"peak_gpu_megabytes": torch.cuda.max_memory_allocated() / 1e6} if torch.cuda.is_available() else {}
