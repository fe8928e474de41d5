"""Everything that is said of a candidate: calibration, threshold, figures with intervals, slices, errors, behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.calibration import Calibration, logistic, positive_probability
from sentiment.evaluation.behaviour.suite import BehaviourRow, Predict, run_behaviour
from sentiment.evaluation.errors import (
    CategoryRow,
    ConfidenceRow,
    MistakeRow,
    confidence_histogram,
    error_categories,
    most_confident_mistakes,
)
from sentiment.evaluation.intervals import Over, drawn_over, intervals
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.evaluation.slices import SliceRow, slice_table


@dataclass(frozen=True)
class Decision:
    """How logits become decisions; the numbers are fitted on validation reviews, the threshold where it is `tuned`."""

    temperature: float
    threshold: float
    bias: float = 0.0
    tuned: bool = False

    @classmethod
    def fitted(cls, logits: np.ndarray, labels: np.ndarray, tune: bool, weighted: bool = False) -> Decision:
        """Fit on validation logits [n, 2] and labels [n].

        Calibration has a bias where the training `weighted` or resampled the classes. It changes no decision: unless
        the threshold is to be tuned, it lies where the network itself is undecided, at 0.5 without a bias.
        """
        found = Calibration.fitted(logits, labels, with_bias=weighted)
        threshold = fit_threshold(found.probability(logits), labels) if tune else found.undecided
        return cls(found.temperature, threshold, found.bias, tune)

    @property
    def calibration(self) -> Calibration:
        """What turns logits into probabilities."""
        return Calibration(self.temperature, self.bias)

    @property
    def uncalibrated_threshold(self) -> float:
        """The same threshold before calibration: it gives the same decisions."""
        within = float(np.clip(self.threshold, 1e-9, 1 - 1e-9))
        odds = (np.log(within / (1 - within)) - self.bias) * self.temperature
        return float(logistic(odds))

    def figures(self) -> dict[str, float]:
        """Return what is logged of it."""
        return {"temperature": self.temperature, "bias": self.bias, "threshold": self.threshold}


@dataclass(frozen=True)
class Assessment:
    """What the test reviews say; probabilities [n] are float32, `before` those without calibration.

    `figures` are those of `evaluate` and `ece_before`; `bounds` the 95 % intervals of all that have one,
    `over` says what was drawn for them, and `uncalibrated` are the figures of `before`.
    """

    decision: Decision
    before: np.ndarray
    probability: np.ndarray
    figures: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    over: Over
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
            "intervals_over": self.over,
            **self.decision.figures(),
            "slices": self.slices,
            "confidence_of_errors": self.histogram,
            "error_categories": self.categories,
            "behaviour": self.behaviour,
        }


def assess(
    decision: Decision, logits: np.ndarray, test: LabelledReviews, products: Sequence[str], predict: Predict
) -> Assessment:
    """Measure logits [n, 2] of test reviews of `products` [n].

    `predict` gives the model's calibrated probabilities for the behaviour suite.
    """
    before, probability = positive_probability(logits), decision.calibration.probability(logits)
    threshold, threshold_before = decision.threshold, decision.uncalibrated_threshold
    figures, uncalibrated = (
        evaluate(test.labels, probability, threshold),
        evaluate(test.labels, before, threshold_before),
    )
    return Assessment(
        decision=decision,
        before=before,
        probability=probability,
        figures={**figures, "ece_before": uncalibrated["ece"]},
        bounds=intervals(test.labels, probability, threshold, products=products),
        over=drawn_over(products),
        uncalibrated=uncalibrated,
        slices=slice_table(test, probability, threshold),
        histogram=confidence_histogram(test.labels, probability, threshold),
        mistakes=most_confident_mistakes(test, probability, threshold),
        categories=error_categories(test, probability, threshold),
        behaviour=run_behaviour(predict, threshold),
    )
