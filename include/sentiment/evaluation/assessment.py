"""Everything that is said of a candidate: calibration, threshold, figures with intervals, slices, errors, behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.calibration import fit_temperature, positive_probability
from sentiment.evaluation.behaviour.suite import BehaviourRow, Predict, run_behaviour
from sentiment.evaluation.errors import (
    CategoryRow,
    ConfidenceRow,
    MistakeRow,
    confidence_histogram,
    error_categories,
    most_confident_mistakes,
)
from sentiment.evaluation.intervals import intervals
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.evaluation.slices import SliceRow, slice_table


@dataclass(frozen=True)
class Decision:
    """How logits become decisions: both numbers are fitted on validation reviews."""

    temperature: float
    threshold: float

    @classmethod
    def fitted(cls, logits: np.ndarray, labels: np.ndarray, tune_threshold: bool) -> Decision:
        """Fit on validation logits [n, 2] and labels [n]; the threshold stays 0.5 unless it is to be tuned."""
        temperature = fit_temperature(logits, labels)
        tuned = fit_threshold(positive_probability(logits, temperature), labels) if tune_threshold else 0.5
        return cls(temperature, tuned)


@dataclass(frozen=True)
class Assessment:
    """What the test reviews say; probabilities [n] are float32, `before` those without temperature scaling.

    `figures` are those of `evaluate` and `ece_before`; `bounds` their 95 % intervals; `uncalibrated` are the figures
    of `before`.
    """

    decision: Decision
    before: np.ndarray
    probability: np.ndarray
    figures: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    uncalibrated: dict[str, float]
    slices: list[SliceRow]
    histogram: list[ConfidenceRow]
    mistakes: list[MistakeRow]
    categories: list[CategoryRow]
    behaviour: list[BehaviourRow]

    def tables(self) -> dict[str, Any]:
        """Return what is kept as JSON beside the run."""
        figures = {name: [value, *self.bounds.get(name, ())] for name, value in self.figures.items()}
        return {
            "figures": figures,
            "temperature": self.decision.temperature,
            "threshold": self.decision.threshold,
            "slices": self.slices,
            "confidence_of_errors": self.histogram,
            "error_categories": self.categories,
            "behaviour": self.behaviour,
        }


def assess(decision: Decision, logits: np.ndarray, test: LabelledReviews, predict: Predict) -> Assessment:
    """Measure test logits [n, 2]; `predict` gives the model's calibrated probabilities for the behaviour suite."""
    before = positive_probability(logits)
    probability = positive_probability(logits, decision.temperature)
    threshold = decision.threshold
    bounds = intervals(test.labels, probability, threshold)
    bounds["ece_before"] = intervals(test.labels, before, threshold)["ece"]
    figures, uncalibrated = (evaluate(test.labels, some, threshold) for some in (probability, before))
    return Assessment(
        decision=decision,
        before=before,
        probability=probability,
        figures={**figures, "ece_before": uncalibrated["ece"]},
        bounds=bounds,
        uncalibrated=uncalibrated,
        slices=slice_table(test, probability, threshold),
        histogram=confidence_histogram(test.labels, probability, threshold),
        mistakes=most_confident_mistakes(test, probability, threshold),
        categories=error_categories(test, probability, threshold),
        behaviour=run_behaviour(predict, threshold),
    )
