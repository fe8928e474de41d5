"""Trains one candidate under MLflow's eyes: snapshot in, run with model, figures and pictures out.

It knows no family and no metric; it puts fit, evaluation and registry together.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sentiment.config import Settings, TrainConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.datasets.pin import snapshot_folder
from sentiment.datasets.read import read_manifest, read_split
from sentiment.evaluation.calibration import fit_temperature, positive_probability
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.plots import confusion_matrix, learning_curve
from sentiment.lake.tables import Lake
from sentiment.progress import OnProgress
from sentiment.registry import Registry
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits

if TYPE_CHECKING:
    import numpy as np


def train_candidate(config: TrainConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Train on the snapshot that `config` names and return run id and the figures on the test products.

    The reviews to train on are a sample of the snapshot's; validation chooses checkpoint and temperature; the test
    reviews are the same for every candidate of a snapshot. A retry goes on with the run and the last checkpoint.
    """
    folder = snapshot_folder(Lake(settings.lake_root), config.snapshot or "")
    train = read_split(folder, "train", config.train_reviews)
    validation = read_split(folder, "validation", config.evaluation_reviews)
    test = read_split(folder, "test", config.test_reviews)
    registry, started = Registry(settings), time.monotonic()
    tags = {"family": config.family, "snapshot": config.snapshot or ""}
    with registry.run(_name(config), config.model_dump(mode="json"), tags) as run_id:
        workdir = settings.home / "training" / run_id
        fitted = fit(config, train, validation, workdir, _log_to(registry, on_progress, config.epochs))
        on_progress(f"evaluating on {len(test)} test reviews", 0, 0)
        validation_logits, test_logits = predict_logits(fitted, validation), predict_logits(fitted, test)
        temperature = fit_temperature(validation_logits, validation.labels)
        probability = positive_probability(test_logits, temperature)
        figures = {
            "temperature": temperature,
            **_figures("validation", validation, positive_probability(validation_logits, temperature)),
            **_figures("test", test, probability),
        }
        costs = _costs(fitted, time.monotonic() - started, len(train), len(test))
        registry.log_metrics({**figures, **costs})
        registry.log_json(read_manifest(folder), "snapshot.json")
        _log_files(registry, fitted, test, probability)
    shutil.rmtree(workdir, ignore_errors=True)
    return {
        "run_id": run_id,
        "family": config.family,
        "snapshot": config.snapshot,
        "train_reviews": len(train),
        "test_reviews": len(test),
        "accuracy": round(figures["test_accuracy"], 4),
        "macro_f1": round(figures["test_macro_f1"], 4),
        "seconds": round(costs["training_seconds"], 1),
    }


def _name(config: TrainConfig) -> str:
    model = "linear" if config.family == "linear" else Path(config.encoder).name
    return f"{model}-{config.train_reviews}"


def _log_to(registry: Registry, on_progress: OnProgress, epochs: float) -> Callable[[dict[str, Any]], None]:
    def on_log(record: dict[str, Any]) -> None:
        step, epoch = int(record.get("step", 0)), float(record.get("epoch", 0.0))
        registry.log_metrics({k: v for k, v in record.items() if isinstance(v, int | float) and k != "step"}, step)
        on_progress("training, per cent", round(100 * min(epoch / epochs, 1)), 100)

    return on_log


def _figures(split: str, reviews: LabelledReviews, probability: np.ndarray) -> dict[str, float]:
    return {f"{split}_{name}": value for name, value in evaluate(reviews.labels, probability).items()}


def _costs(fitted: Fitted, seconds: float, trained: int, tested: int) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux gives KiB
    costs = {
        "training_seconds": seconds,
        "peak_memory_megabytes": peak / 1e6,
        "parameters": fitted.parameters,
        "trainable_parameters": fitted.trainable,
        "train_reviews_used": trained,
        "test_reviews_used": tested,
    }
    return costs | _gpu_peak()


def _gpu_peak() -> dict[str, float]:
    import torch

    return {"peak_gpu_megabytes": torch.cuda.max_memory_allocated() / 1e6} if torch.cuda.is_available() else {}


def _log_files(registry: Registry, fitted: Fitted, test: LabelledReviews, probability: np.ndarray) -> None:
    with TemporaryDirectory() as scratch:
        fitted.save(Path(scratch) / "model")
        registry.log_folder(Path(scratch) / "model", "model")
        pictures = Path(scratch) / "pictures"
        pictures.mkdir()
        confusion_matrix(test.labels, probability, pictures / "confusion_matrix.png")
        learning_curve(fitted.history, pictures / "learning_curve.png")
        registry.log_folder(pictures, "pictures")
