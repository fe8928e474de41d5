"""The check between a trained model and its bundle: every engine must decide as the model does on real reviews."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.engine.engines import open_engine
from sentiment.engine.scorer import infer
from sentiment.evaluation.assessment import Decision
from sentiment.export.config import ExportConfig
from sentiment.training.fitted import Fitted, predict_logits

log = logging.getLogger(__name__)

# Without these two there is no bundle; any other engine that fails is left out of it.
REQUIRED: tuple[EngineName, ...] = ("onnxruntime-fp32", "onnxruntime-int8")


@dataclass(frozen=True)
class Parity:
    """The engines that decide as the model does, and the figures that say so."""

    engines: tuple[EngineName, ...]
    figures: dict[str, float]


def check_parity(
    fitted: Fitted,
    folder: Path,
    reviews: LabelledReviews,
    config: ExportConfig,
    decision: Decision,
    engines: Iterable[EngineName] = REQUIRED,
) -> Parity:
    """Compare the engines of the models in `folder` with torch on `config.parity_reviews` reviews, spread evenly.

    Probabilities and decisions are those of scoring, with the network's calibration and threshold. The figures are
    `parity_probability_gap` (fp32 ONNX from torch, the largest), the accuracy of torch and of every engine, and the
    mean gap in probability of every other engine from fp32. Raises ContractError with the figures when fp32 is off by
    more than `max_probability_gap`, or int8 of onnxruntime loses more than `max_accuracy_loss` of fp32's accuracy.
    """
    sample = reviews.take(np.linspace(0, len(reviews) - 1, min(config.parity_reviews, len(reviews))).astype(np.int64))
    ids = fitted.tokenizer.whole(sample.titles, sample.texts)
    found = {
        name: decision.calibration.probability(infer(open_engine(folder, name, 1), fitted.tokenizer, ids))
        for name in dict.fromkeys([*REQUIRED, *engines])
    }
    by_torch = decision.calibration.probability(predict_logits(fitted, sample))
    exact = found["onnxruntime-fp32"]
    figures = {
        "parity_reviews": float(len(sample)),
        "parity_probability_gap": float(np.abs(exact - by_torch).max()),
        "parity_accuracy_torch": _accuracy(by_torch, sample, decision),
    }
    for name, probability in found.items():
        figures[f"parity_accuracy_{name}"] = _accuracy(probability, sample, decision)
        if name != "onnxruntime-fp32":
            figures[f"parity_gap_{name}"] = float(np.abs(probability - exact).mean())
    _judge_fp32(figures, config)
    return Parity(tuple(name for name in found if _keeps_accuracy(name, figures, config)), figures)


def _accuracy(probability: np.ndarray, reviews: LabelledReviews, decision: Decision) -> float:
    return float(((probability >= decision.threshold) == (reviews.labels == 1)).mean())


def _judge_fp32(figures: dict[str, float], config: ExportConfig) -> None:
    gap = figures["parity_probability_gap"]
    # Written so that a NaN fails too.
    if not gap <= config.max_probability_gap:
        raise ContractError(
            f"the fp32 ONNX model differs from the trained one by {gap:.2e} in probability, more than "
            f"{config.max_probability_gap:.2e} allow; do not use it, and report the encoder and its versions"
        )


def _keeps_accuracy(name: EngineName, figures: dict[str, float], config: ExportConfig) -> bool:
    before, after = figures["parity_accuracy_onnxruntime-fp32"], figures[f"parity_accuracy_{name}"]
    if before - after <= config.max_accuracy_loss:
        return True
    loss = (
        f"{name} costs {before - after:.4f} of accuracy on {figures['parity_reviews']:.0f} validation reviews "
        f"({before:.4f} to {after:.4f}), more than {config.max_accuracy_loss:.4f} allow"
    )
    if name in REQUIRED:
        raise ContractError(f"{loss}; use more parity_reviews, allow more, or train another candidate")
    log.warning("%s; it is left out of the bundle", loss)
    return False
