"""What is said of a finished training: its warning, its result, and the description of its run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentiment.core.names import LABELS
from sentiment.evaluation.assessment import Assessment
from sentiment.training.config.train import TrainConfig
from sentiment.training.dossier import Training
from sentiment.training.results import Interval, TrainResult

CHANCE = 0.5  # ROC-AUC of a coin


def learnt_nothing(config: TrainConfig, called: Mapping[str, np.ndarray], assessment: Assessment) -> str:
    """Say that a model tells no reviews apart, or return nothing when it does.

    Either it calls all reviews of a split the same (`called` holds decisions [n] by split, True for positive), or the
    95 % interval of its ROC-AUC on the test reviews begins at chance or below.
    """
    same = {
        split: LABELS[int(decisions[0])]
        for split, decisions in called.items()
        if len(decisions) and decisions.all() == decisions.any()
    }
    low, high = assessment.bounds["roc_auc"]
    if same:
        listed = " and ".join(f"all {len(called[split]):,} {split} reviews {label}" for split, label in same.items())
        found = f"the model calls {listed}"
    elif low <= CHANCE:
        area = f"ROC-AUC {assessment.figures['roc_auc']:.2f}, {low:.2f} to {high:.2f}"
        found = f"the model orders the test reviews no better than chance ({area})"
    else:
        return ""
    learning = "" if config.family == "linear" else "for more epochs or with another learning_rate, "
    return f"this training learnt nothing: {found}. Train {learning}on more reviews, or with imbalance=class_weights"


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
    """Return what the verb gives back, with a warning where there is one; intervals are [low, high] at 95 %."""
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
    )


def description(trained: TrainResult, report: str) -> str:
    """Return a run's description in Markdown, from the verb's result and the address of its report."""
    low, high = trained.accuracy_interval
    f1_low, f1_high = trained.macro_f1_interval
    lines = [
        f"Accuracy **{trained.accuracy:.2%}** ({low:.2%} to {high:.2%}), macro F1 **{trained.macro_f1:.4f}** "
        f"({f1_low:.4f} to {f1_high:.4f}) on {trained.test_reviews:,} test reviews; intervals of 95 %.",
        f"[Report]({report}): figures, slices, mistakes and behaviour of this model on one page.",
    ]
    warning = [f"**Warning:** {trained.warning}."] if trained.warning else []
    return "\n\n".join([*warning, *lines])


def _interval(assessment: Assessment, figure: str) -> Interval:
    low, high = assessment.bounds[figure]
    return round(low, 4), round(high, 4)
