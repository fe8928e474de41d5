"""The gate between a trained model and its bundle: the exported files must decide as the model does on real reviews."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentiment.config import ExportConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.errors import ContractError
from sentiment.evaluation.calibration import positive_probability
from sentiment.export.bundle import FP32_MODEL, INT8_MODEL
from sentiment.scoring.engine import infer, open_session
from sentiment.training.fitted import Fitted, predict_logits


def check_parity(
    fitted: Fitted,
    folder: Path,
    reviews: LabelledReviews,
    config: ExportConfig,
    temperature: float = 1.0,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Compare the two ONNX files in `folder` with torch on `config.parity_reviews` of the reviews, spread evenly.

    Probabilities and decisions are those of scoring, with the bundle's temperature and threshold. Returns the figures:
    `parity_probability_gap` (fp32 ONNX from torch, the largest), `parity_int8_gap` (int8 from fp32, the mean) and the
    accuracies of torch, fp32 and int8. Raises ContractError with the figures when fp32 is off by more than
    `max_probability_gap` or int8 loses more than `max_accuracy_loss`.
    """
    sample = reviews.take(np.linspace(0, len(reviews) - 1, min(config.parity_reviews, len(reviews))).astype(np.int64))
    torch_p, fp32_p, int8_p = (
        positive_probability(logits, temperature)
        for logits in (
            predict_logits(fitted, sample),
            _logits(fitted, folder / FP32_MODEL, sample),
            _logits(fitted, folder / INT8_MODEL, sample),
        )
    )
    figures = {
        "parity_reviews": float(len(sample)),
        "parity_probability_gap": float(np.abs(fp32_p - torch_p).max()),
        "parity_int8_gap": float(np.abs(int8_p - fp32_p).mean()),
        "parity_accuracy_torch": _accuracy(torch_p, sample, threshold),
        "parity_accuracy_fp32": _accuracy(fp32_p, sample, threshold),
        "parity_accuracy_int8": _accuracy(int8_p, sample, threshold),
    }
    _judge(figures, config)
    return figures


def _logits(fitted: Fitted, model: Path, reviews: LabelledReviews) -> np.ndarray:
    return infer(open_session(model, 1), fitted.tokenizer, reviews.titles, reviews.texts)


def _accuracy(probability: np.ndarray, reviews: LabelledReviews, threshold: float) -> float:
    return float(((probability >= threshold) == (reviews.labels == 1)).mean())


def _judge(figures: dict[str, float], config: ExportConfig) -> None:
    gap = figures["parity_probability_gap"]
    loss = figures["parity_accuracy_fp32"] - figures["parity_accuracy_int8"]
    # Written so that a NaN fails too.
    if not gap <= config.max_probability_gap:
        raise ContractError(
            f"the fp32 ONNX model differs from the trained one by {gap:.2e} in probability, more than "
            f"{config.max_probability_gap:.2e} allow; do not use it, and report the encoder and its versions"
        )
    if not loss <= config.max_accuracy_loss:
        raise ContractError(
            f"int8 costs {loss:.4f} of accuracy on {figures['parity_reviews']:.0f} validation reviews "
            f"({figures['parity_accuracy_fp32']:.4f} to {figures['parity_accuracy_int8']:.4f}), more than "
            f"{config.max_accuracy_loss:.4f} allow; use more parity_reviews, allow more, or train another candidate"
        )
