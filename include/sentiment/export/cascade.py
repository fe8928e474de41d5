"""Finds where the gate is sure enough, how it speaks with the network where it is not, and how the two decide."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import product

import numpy as np

from sentiment.engine.bundle import GateRule, Thresholds
from sentiment.engine.calibration import fit_temperature, logistic
from sentiment.engine.cascade import blended, gate_probability, sure
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import decision_figures, decisions, fit_threshold

log = logging.getLogger(__name__)

# How sure the gate may have to be, on either side.
_CERTAINTIES = (0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999)
# In none of these may the pair fall below the network alone. New reviews are kinder to the network than those that the
# rule was chosen on: a rule that gave up 0.5 points of the recall of negatives here lost 0.56 on 12,318 others, and one
# that gave up none lost 0.04.
_KEPT = ("accuracy", "macro_f1", "recall_negative")
# A temperature of fewer wrongly decided reviews would be that of chance.
_FEWEST_WRONG = 10


@dataclass(frozen=True)
class BothOdds:
    """What network and gate say of the same validation reviews: their own log odds, float [reviews], and the labels.

    `known` tells where enough of a text is known for the gate to answer; `decision` is the network's alone.
    """

    network: np.ndarray
    gate: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    decision: Decision

    @property
    def alone(self) -> np.ndarray:
        """The network's calibrated positive probabilities."""
        return logistic(self.decision.calibration.scaled(self.network))

    def pair(self, rule: GateRule) -> tuple[np.ndarray, np.ndarray]:
        """Return the positive probabilities under a rule, and where they are the gate's."""
        probability = gate_probability(self.gate, rule)
        gated = sure(probability, self.known, rule)
        return np.where(gated, probability, blended(self.network, self.gate, rule)), gated

    def threshold(self, probability: np.ndarray) -> float:
        """Return from which of these probabilities on a review is positive: tuned if the network's is, else as that."""
        return fit_threshold(probability, self.labels) if self.decision.tuned else self.decision.threshold

    def figures(self, probability: np.ndarray, threshold: float) -> dict[str, float]:
        """Return accuracy, macro F1 and recall of negatives of these probabilities on the reviews."""
        found = decision_figures(decisions(self.labels, probability, threshold))
        return {name: float(found[name]) for name in _KEPT}


def fit_rule(judged: BothOdds) -> tuple[GateRule | None, dict[str, float]]:
    """Return the rule under which the gate answers most reviews, and its figures; None where no rule is good enough.

    Every rule is tried with the threshold that the pair would have under it. By it the pair must not be worse than the
    network alone in accuracy, macro F1 and recall of negatives on these reviews.
    """
    alone = judged.figures(judged.alone, judged.decision.threshold)
    undecided = _undecided(judged, alone)
    best, figures = None, {"gate_share": 0.0}
    for low, high in product(_CERTAINTIES, repeat=2):
        cut = undecided.model_copy(update={"negative_below": 1 - low, "positive_from": high})
        rule, found = _decided(judged, cut)
        if found["gate_share"] > figures["gate_share"] and _as_good(found, alone):
            best, figures = rule, found
    if best:
        tempered, found = _decided(judged, _tempered(judged, best))
        best, figures = (tempered, found) if _as_good(found, alone) else (best, figures)
    log.info("the gate answers %.1f %% of the validation reviews", 100 * figures["gate_share"])
    return best, figures | {f"alone_{name}": value for name, value in alone.items()}


def _decided(judged: BothOdds, rule: GateRule) -> tuple[GateRule, dict[str, float]]:
    """Return the rule with the pair's threshold; how much the gate answers, how rightly, and the pair's figures."""
    probability, gated = judged.pair(rule)
    threshold = judged.threshold(probability)
    right = (probability >= threshold) == (judged.labels == 1)
    return rule.model_copy(update={"thresholds": Thresholds(positive=threshold)}), {
        "gate_share": float(gated.mean()),
        "gate_accuracy": float(right[gated].mean()) if gated.any() else 1.0,
        **{f"cascade_{name}": value for name, value in judged.figures(probability, threshold).items()},
    }


def _undecided(judged: BothOdds, alone: dict[str, float]) -> GateRule:
    """Return a rule by which the gate answers nothing yet, with the blend where it helps."""
    own = judged.decision.calibration
    rule = GateRule(
        temperature=fit_temperature(np.stack([-judged.gate, judged.gate], 1) / 2, judged.labels),
        negative_below=0.0,
        positive_from=1.0,
        encoder_weight=1 / own.temperature,
        gate_weight=0.0,
        bias=own.bias,
    )
    network, gate, bias = _blend(judged)
    both = {"encoder_weight": network / own.temperature, "gate_weight": gate, "bias": network * own.bias + bias}
    mixed = rule.model_copy(update=both)
    return mixed if _as_good(_decided(judged, mixed)[1], alone) else rule


def _tempered(judged: BothOdds, rule: GateRule) -> GateRule:
    """Return the rule with the blend calibrated on the reviews that the gate leaves, which are harder than all are."""
    probability, gated = judged.pair(rule)
    odds = rule.encoder_weight * judged.network + rule.gate_weight * judged.gate + rule.bias
    wrong = ((probability >= 0.5) != (judged.labels == 1)) & ~gated
    if wrong.sum() < _FEWEST_WRONG:
        return rule
    temperature = fit_temperature(np.stack([-odds, odds], 1)[~gated] / 2, judged.labels[~gated])
    blend = {name: getattr(rule, name) / temperature for name in ("encoder_weight", "gate_weight", "bias")}
    return rule.model_copy(update=blend)


def _as_good(found: dict[str, float], alone: dict[str, float]) -> bool:
    return all(found[f"cascade_{name}"] >= alone[name] for name in _KEPT)


def _blend(judged: BothOdds) -> tuple[float, float, float]:
    """Return the weights of network and gate, and the bias, of least log loss (stacking, Wolpert 1992).

    The bias is there because both log odds hold the base rate, which counts once.
    """
    from scipy.optimize import minimize

    sides = np.where(judged.labels == 1, 1.0, -1.0)
    network = judged.decision.calibration.scaled(judged.network)
    both = np.stack([network, judged.gate, np.ones(len(network))], 1) * sides[:, None]

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -both @ weights).mean())

    found = minimize(loss, np.array([1.0, 0.0, 0.0]), bounds=[(0, None), (0, None), (None, None)])
    return float(found.x[0]), float(found.x[1]), float(found.x[2])
