"""What is said of a finished training: its warning, its result, and the description of its run. Knows no registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sentiment.core.names import LABELS
from sentiment.evaluation.assessment import Assessment
from sentiment.training.config.train import TrainConfig
from sentiment.training.dossier import Training

CHANCE = 0.5  # ROC-AUC of a coin


def learnt_nothing(config: TrainConfig, called: Mapping[str, np.ndarray], assessment: Assessment) -> str:
    """Say that a model tells no reviews apart, or return nothing when it does.

    Either it calls all reviews of a split the same (`called` holds decisions [n] by split, True for positive), or the
    95 % interval of its ROC-AUC on the test reviews begins at chance or below.
    """
    same = {split: LABELS[int(one[0])] for split, one in called.items() if len(one) and one.all() == one.any()}
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


def result(training: Training, assessment: Assessment, warning: str) -> dict[str, Any]:
    """Return what the verb gives back; intervals are [low, high] at 95 %, `warning` is there when there is one."""
    return {
        "run_id": training.run_id,
        "family": training.config.family,
        "snapshot": training.config.snapshot,
        "train_reviews": training.reviews["train"],
        "test_reviews": training.reviews["test"],
        "accuracy": round(assessment.figures["accuracy"], 4),
        "accuracy_interval": _interval(assessment, "accuracy"),
        "macro_f1": round(assessment.figures["macro_f1"], 4),
        "macro_f1_interval": _interval(assessment, "macro_f1"),
        "seconds": round(training.seconds, 1),
        **({"warning": warning} if warning else {}),
    }


def description(found: Mapping[str, Any], report: str) -> str:
    """Return a run's description in Markdown, from the verb's result and the address of its report."""
    low, high = found["accuracy_interval"]
    f1_low, f1_high = found["macro_f1_interval"]
    lines = [
        f"Accuracy **{found['accuracy']:.2%}** ({low:.2%} to {high:.2%}), macro F1 **{found['macro_f1']:.4f}** "
        f"({f1_low:.4f} to {f1_high:.4f}) on {found['test_reviews']:,} test reviews; intervals of 95 %.",
        f"[Report]({report}): figures, slices, mistakes and behaviour of this model on one page.",
    ]
    warning = [f"**Warning:** {found['warning']}."] if "warning" in found else []
    return "\n\n".join([*warning, *lines])


def _interval(assessment: Assessment, figure: str) -> list[float]:
    return [round(end, 4) for end in assessment.bounds[figure]]
