"""What a training leaves behind, as a folder: model, adapter, predictions, tables, pictures, and the page to read."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from sentiment.core.labelled import LabelledReviews
from sentiment.evaluation.assessment import Assessment
from sentiment.evaluation.plots import (
    confusion_matrix,
    error_confidence,
    learning_curve,
    reliability_diagram,
    slice_bars,
)
from sentiment.evaluation.predictions import OF_RUN, write_predictions
from sentiment.evaluation.report import Report, write_report
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted
from sentiment.training.settings import effective_settings

REPORT = "report.html"


@dataclass(frozen=True)
class Training:
    """A finished training: how it was asked for, what came of it, on how many reviews of each split, in how long."""

    run_id: str
    name: str
    config: TrainConfig
    fitted: Fitted
    reviews: dict[str, int]
    seconds: float


def write_dossier(
    folder: Path, training: Training, assessment: Assessment, test: LabelledReviews, warning: str = ""
) -> Path:
    """Write everything that is kept of a training into `folder` and return it; what an earlier try left is replaced.

    A warning stands at the head of the report.
    """
    shutil.rmtree(folder, ignore_errors=True)
    training.fitted.save(folder / "model")
    if training.fitted.adapter is not None:
        shutil.copytree(training.fitted.adapter, folder / "adapter")
    write_predictions(folder / OF_RUN, test.keys, test.labels, assessment.probability)
    (folder / "evaluation.json").write_text(json.dumps(assessment.tables(), indent=1), encoding="utf-8")
    pictures = _pictures(folder / "pictures", training.fitted, assessment, test)
    write_report(_report(training, assessment, warning), pictures, folder / REPORT)
    return folder


def _pictures(folder: Path, fitted: Fitted, assessment: Assessment, test: LabelledReviews) -> dict[str, Path]:
    labels, probability = test.labels, assessment.probability
    threshold = assessment.decision.threshold
    return {
        "confusion_matrix": confusion_matrix(labels, probability, folder / "confusion_matrix.png", threshold),
        "learning_curve": learning_curve(fitted.history, folder / "learning_curve.png"),
        "reliability": reliability_diagram(labels, assessment.before, probability, folder / "reliability.png"),
        "error_confidence": error_confidence(assessment.histogram, folder / "error_confidence.png"),
        "slices": slice_bars(assessment.slices, folder / "slices.png"),
    }


def _report(training: Training, assessment: Assessment, warning: str) -> Report:
    return Report(
        model=training.name,
        family=training.config.family,
        run_id=training.run_id,
        snapshot=training.config.snapshot,
        reviews=training.reviews,
        parameters=training.fitted.parameters,
        trainable=training.fitted.trainable,
        training_seconds=training.seconds,
        assessment=assessment,
        settings=effective_settings(training.config),
        warning=warning,
    )
