"""The check between a trained model and its bundle: an engine that does not decide as the model does is left out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.core.wording import cause
from sentiment.engine.engines import open_engine
from sentiment.engine.scorer import infer
from sentiment.evaluation.assessment import Decision
from sentiment.export.config import ExportConfig
from sentiment.training.fitted import Fitted, predict_logits

log = logging.getLogger(__name__)

# Without it there is no bundle; any other engine that fails is left out of it.
REFERENCE: EngineName = "onnxruntime-fp32"
# Of a review: what a product of a share and a number of reviews may lack to the whole number that it is.
_ROUNDED = 1e-6


@dataclass(frozen=True)
class Parity:
    """The engines that decide as the model does, the figures that say so, and why the others do not, in a clause."""

    engines: tuple[EngineName, ...]
    figures: dict[str, float]
    left_out: dict[EngineName, str]


def check_parity(
    fitted: Fitted,
    folder: Path,
    reviews: LabelledReviews,
    config: ExportConfig,
    decision: Decision,
    engines: Iterable[EngineName] = ("onnxruntime-int8",),
) -> Parity:
    """Compare the engines of the models in `folder` with torch on `config.parity_reviews` reviews, spread evenly.

    Probabilities and decisions are those of scoring, with the network's calibration and threshold. The figures are
    `parity_probability_gap` (fp32 ONNX from torch, the largest), the accuracy of torch and of every engine, and the
    mean gap in probability of every other engine from fp32, where it is a number. One that cannot be opened, gives no
    numbers, or loses more than `max_accuracy_loss` of fp32's accuracy, is left out. Raises ContractError with the
    figures when fp32 is off by more than `max_probability_gap`.
    """
    sample = reviews.take(np.linspace(0, len(reviews) - 1, min(config.parity_reviews, len(reviews))).astype(np.int64))
    ids = fitted.tokenizer.whole(sample.titles, sample.texts)
    found, left_out = {REFERENCE: _probability(fitted, folder, REFERENCE, ids, decision)}, {}
    for name in [name for name in dict.fromkeys(engines) if name not in found]:
        try:
            found[name] = _probability(fitted, folder, name, ids, decision)
        except Exception as error:  # each library has its own, and none of them costs the bundle
            log.info("%s does not run its model", name, exc_info=True)
            left_out[name] = f"it does not run its model: {cause(error)}"
    figures = _figures(found, decision.calibration.probability(predict_logits(fitted, sample)), sample, decision)
    _judge_fp32(figures, config)
    losses = {name: loss for name in found if (loss := loss_of(name, figures, config))}
    # An engine without answers has no gap, and JSON has no NaN: bundle.json could not be read any more.
    finite = {name: figure for name, figure in figures.items() if np.isfinite(figure)}
    return Parity(tuple(name for name in found if name not in losses), finite, left_out | losses)


def _probability(
    fitted: Fitted, folder: Path, name: EngineName, ids: list[np.ndarray], decision: Decision
) -> np.ndarray:
    return decision.calibration.probability(infer(open_engine(folder, name, 1), fitted.tokenizer, ids))


def _figures(
    found: Mapping[EngineName, np.ndarray], by_torch: np.ndarray, reviews: LabelledReviews, decision: Decision
) -> dict[str, float]:
    exact = found[REFERENCE]
    figures = {
        "parity_reviews": float(len(reviews)),
        "parity_probability_gap": float(np.abs(exact - by_torch).max()),
        "parity_accuracy_torch": _accuracy(by_torch, reviews, decision),
    }
    for name, probability in found.items():
        figures[f"parity_accuracy_{name}"] = _accuracy(probability, reviews, decision)
        if name != REFERENCE:
            figures[f"parity_gap_{name}"] = float(np.abs(probability - exact).mean())
    return figures


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


def loss_of(name: EngineName, figures: dict[str, float], config: ExportConfig) -> str:
    """Say what an engine costs; nothing where that is allowed."""
    before, after = figures[f"parity_accuracy_{REFERENCE}"], figures[f"parity_accuracy_{name}"]
    if not np.isfinite(figures.get(f"parity_gap_{name}", 0.0)):
        return "its answers are no numbers"
    # A difference of shares misses what is allowed by a rounding error: 0.953 - 0.948 is more than 0.005.
    lost = round((before - after) * figures["parity_reviews"])
    if lost <= config.max_accuracy_loss * figures["parity_reviews"] + _ROUNDED:
        return ""
    return (
        f"it costs {before - after:.4f} of accuracy on {figures['parity_reviews']:.0f} validation reviews "
        f"({before:.4f} to {after:.4f}), more than {config.max_accuracy_loss:.4f} allow"
    )
