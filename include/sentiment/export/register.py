"""From a training run to a registered version: fetch the model, build its bundle, measure what will run, register."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.config import ExportConfig, Settings
from sentiment.datasets.labelled import LabelledReviews
from sentiment.datasets.pin import snapshot_folder
from sentiment.datasets.read import read_split
from sentiment.evaluation.metrics import evaluate
from sentiment.export.build import build_bundle
from sentiment.lake.tables import Lake
from sentiment.progress import OnProgress
from sentiment.provenance import provenance
from sentiment.registry import Registry, TrainedRun
from sentiment.scoring.engine import Scorer
from sentiment.training.fitted import Fitted

_JUDGED = ("accuracy", "macro_f1", "false_negative_rate_negatives", "log_loss", "ece")


def export_and_register(config: ExportConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Export a run's model, pass the gate on validation reviews, measure the int8 bundle on the test, register it.

    The figures of promotion are those of the bundle that scoring will run, not those of the model in torch.
    """
    registry = Registry(settings)
    run = registry.trained(config.run_id)
    folder = snapshot_folder(Lake(settings.lake_root), run.params["snapshot"])
    with TemporaryDirectory() as scratch:
        fitted = Fitted.load(registry.download(run.run_id, "model", Path(scratch)))
        bundle = Path(scratch) / "bundle"
        on_progress("exporting, quantising and checking parity", 0, 0)
        validation = read_split(folder, "validation", config.parity_reviews)
        parity = build_bundle(fitted, validation, config, bundle, _provenance(run), run.metrics["temperature"])
        on_progress("measuring the int8 bundle on the test reviews", 0, 0)
        test = measure_bundle(bundle, read_split(folder, "test", int(run.params["test_reviews"])))
        figures = {f"bundle_{name}": value for name, value in {**parity, **test}.items()}
        version = registry.register(bundle, run.run_id, _tags(run, test), figures)
    return {
        "version": version,
        "run_id": run.run_id,
        "family": run.params["family"],
        **{name: round(value, 6) for name, value in {**parity, **test}.items()},
    }


def measure_bundle(bundle: Path, test: LabelledReviews) -> dict[str, float]:
    """Return the figures of a bundle, as scoring runs it, on test reviews."""
    scorer = Scorer.load(bundle, threads=2)
    probability = scorer.probabilities(test.titles, test.texts)
    measured = evaluate(test.labels, probability, scorer.bundle.thresholds.positive)
    return {name: measured[name] for name in _JUDGED}


def _provenance(run: TrainedRun) -> dict[str, str]:
    return {
        "run_id": run.run_id,
        "snapshot": run.params["snapshot"],
        "encoder": run.params["encoder"],
        "train_reviews": run.params["train_reviews"],
        **provenance(),
    }


def _tags(run: TrainedRun, test: dict[str, float]) -> dict[str, str]:
    return {
        "family": run.params["family"],
        "snapshot": run.params["snapshot"],
        "test_reviews": run.params["test_reviews"],
        **{name: f"{value:.6f}" for name, value in test.items()},
    }
