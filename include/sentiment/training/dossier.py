"""What a finished training leaves behind: a folder, from the model to the page to read, and what is said of it.

The folder has the adapter, predictions, tables and pictures too; said are a warning, the result, and the run's
description.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS
from sentiment.core.plain_json import plain_json
from sentiment.core.wording import counted, interval
from sentiment.datasets.published import bare
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
from sentiment.training.folds import FoldFigures, over_folds, summary
from sentiment.training.results import Interval, TrainResult

REPORT = "report.html"
CHANCE = 0.5  # ROC-AUC of a coin
# Where the interval holds both a coin and a model of this ROC-AUC, the test tells neither.
_ABLE = 0.75
# Of real reviews of electronics one in 170 has the text of another product's.
_MANY_KNOWN = 0.01
# Of fewer reviews of a class one more or less that is called rightly moves its recall by more than ten points.
_SCARCE = 10


@dataclass(frozen=True)
class Training:
    """A finished training: how it was asked for, what came of it, on how many reviews of each split, in how long.

    `settings` are those that counted, `note` what of it is not as it was asked for, or as one would think. `folds` are
    the rows of its cross-validation, if there was one.
    """

    run_id: str
    name: str
    config: TrainConfig
    fitted: Fitted
    reviews: dict[str, int]
    seconds: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    folds: Sequence[FoldFigures] = ()


def write_dossier(
    folder: Path, training: Training, assessment: Assessment, test: LabelledReviews, warning: str = ""
) -> Path:
    """Write everything that is kept of a training into `folder` and return it; what an earlier try left is replaced.

    Warning and note stand at the head of the report.
    """
    shutil.rmtree(folder, ignore_errors=True)
    training.fitted.save(folder / "model")
    if training.fitted.adapter is not None:
        shutil.copytree(training.fitted.adapter, folder / "adapter")
        _name_base(folder / "adapter" / "adapter_config.json", training.config)
    write_predictions(folder / OF_RUN, test.keys, test.labels, assessment.probability)
    (folder / "evaluation.json").write_text(plain_json(assessment.tables(), indent=1), encoding="utf-8")
    pictures = _pictures(folder / "pictures", training.fitted, assessment, test)
    write_report(_report(training, assessment, warning), pictures, folder / REPORT)
    return folder


def _name_base(file: Path, config: TrainConfig) -> None:
    """Name the adapter's base as it was asked for; PEFT writes the folder that it was loaded from on this machine."""
    base = Path(config.encoder).name if Path(config.encoder).is_dir() else config.encoder
    if config.warm_start:
        base = f"runs:/{config.warm_start}/model"
    settings = json.loads(file.read_text(encoding="utf-8")) | {"base_model_name_or_path": base}
    file.write_text(json.dumps(settings, indent=1, sort_keys=True), encoding="utf-8")


def no_better_than_chance(
    config: TrainConfig,
    called: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    assessment: Assessment,
) -> str:
    """Say that a model tells no reviews apart, or that the test cannot say; return nothing when it does.

    Either it calls all reviews of a split the same, though they have both labels (`called` holds decisions [n] by
    split, True for positive, `labels` the labels [n]), or the 95 % interval of its ROC-AUC on the test reviews begins
    at chance or below: then the test is too small where that interval reaches far above chance as well.
    """
    same = {
        split: LABELS[int(decisions[0])]
        for split, decisions in called.items()
        if len(set(decisions.tolist())) == 1 and len(set(labels[split].tolist())) > 1
    }
    low, high = assessment.bounds["roc_auc"]
    area = f"ROC-AUC {assessment.figures['roc_auc']:.2f}, {low:.2f} to {high:.2f}"
    if same:
        listed = " and ".join(f"all {len(called[split]):,} {split} reviews {label}" for split, label in same.items())
        found = f"the model calls {listed}"
    elif low <= CHANCE and high >= _ABLE:
        return f"the test is too small to tell this model from a coin ({area}). Test on more reviews"
    elif low <= CHANCE:
        found = f"the model orders the test reviews no better than chance ({area})"
    else:
        return ""
    ways = [] if config.family == "linear" else ["for more epochs", "with another learning_rate"]
    # A remedy for the rare class is there already, or refused beside what makes labels, or chooses them.
    settled = config.imbalance != "none" or config.teacher or config.augmentation or config.selection == "doubt"
    ways += ["on more reviews", *([] if settled else ["with imbalance=class_weights"])]
    return f"this training learnt nothing: {found}. Train {', or '.join(ways)}"


def known_by_heart(train: LabelledReviews, test: LabelledReviews) -> str:
    """Say how many test reviews have the text of a training review, of another product, where they are many."""
    learnt = {bare(text) for text in train.texts}
    known = sum(bare(text) in learnt for text in test.texts)
    if known <= _MANY_KNOWN * len(test):
        return ""
    return f"{known:,} of {counted(len(test), 'test review')} have the text of a training review, and are no test"


def scarce(labels: Mapping[str, np.ndarray]) -> str:
    """Say of which class a split, whose labels [n] are given by its name, holds fewer than ten reviews, or nothing."""
    few = [
        f"{split} holds {counted(int(reviews), f'{LABELS[label]} review')}"
        for split, of_split in labels.items()
        for label, reviews in enumerate(np.bincount(of_split, minlength=len(LABELS)))
        if reviews < _SCARCE
    ]
    return f"figures and decisions hang on few reviews of a class: {', '.join(few)}" if few else ""


def too_few(config: TrainConfig, reviews: Mapping[str, int]) -> str:
    """Say where the snapshot holds fewer reviews than were asked for, or return nothing."""
    asked = (
        ("train", config.train_reviews, "train on"),
        ("validation", config.evaluation_reviews, "validate on"),
        ("test", config.test_reviews, "test on"),
    )
    fewer = [f"{reviews[split]:,} of {most:,} to {use}" for split, most, use in asked if reviews[split] < most]
    return f"the snapshot holds fewer reviews than were asked for: {', '.join(fewer)}" if fewer else ""


def result(training: Training, assessment: Assessment, warning: str) -> TrainResult:
    """Return what the verb gives back, with warning and note where there are any; intervals are [low, high] at 95 %."""
    return TrainResult(
        run_id=training.run_id,
        family=training.config.family,
        snapshot=training.config.snapshot,
        train_reviews=training.reviews["train"],
        test_reviews=training.reviews["test"],
        accuracy=round(assessment.figures["accuracy"], 4),
        accuracy_interval=_interval(assessment, "accuracy"),
        macro_f1=round(assessment.figures["macro_f1"], 4),
        macro_f1_interval=_interval(assessment, "macro_f1"),
        seconds=round(training.seconds, 1),
        **({"warning": warning} if warning else {}),
        **({"note": training.note} if training.note else {}),
        **({"cross_validation": over_folds(training.folds)} if training.folds else {}),
    )


def description(trained: TrainResult, report: str) -> str:
    """Return a run's description in Markdown, from the verb's result and the address of its report."""
    accuracy = interval(trained.accuracy_interval, 100, "%")
    macro_f1 = interval(trained.macro_f1_interval)
    figures = (
        f"Accuracy **{trained.accuracy:.2%}**{accuracy}, macro F1 **{trained.macro_f1:.4f}**{macro_f1} on "
        f"{trained.test_reviews:,} test reviews; intervals of 95 %."
    )
    page = f"[Report]({report}): figures, slices, mistakes and behaviour of this model on one page."
    warning = [f"**Warning:** {trained.warning}."] if trained.warning else []
    note = [f"**Note:** {trained.note}."] if trained.note else []
    return "\n\n".join([*warning, figures, *note, page])


def _pictures(folder: Path, fitted: Fitted, assessment: Assessment, test: LabelledReviews) -> dict[str, Path]:
    labels, probability = test.labels, assessment.probability
    threshold = assessment.decision.threshold
    several = len({record.get("step") for record in fitted.history}) > 1
    return {
        "confusion_matrix": confusion_matrix(labels, probability, folder / "confusion_matrix.png", threshold),
        # What is solved at once has no steps to draw.
        **({"learning_curve": learning_curve(fitted.history, folder / "learning_curve.png")} if several else {}),
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
        settings=training.settings,
        folds=training.folds,
        over_folds=summary(training.folds) if training.folds else {},
        warning=warning,
        note=training.note,
    )


def _interval(assessment: Assessment, figure: str) -> Interval | None:
    low, high = assessment.bounds[figure]
    return (round(low, 4), round(high, 4)) if math.isfinite(low) else None
