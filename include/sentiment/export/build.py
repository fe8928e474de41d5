"""From a trained model to a bundle: export, quantise, pass the gate, seal. Knows the order and none of the details."""

from __future__ import annotations

from pathlib import Path

from sentiment.config import ExportConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.export.bundle import FP32_MODEL, INT8_MODEL, TOKENIZER, Bundle, Thresholds, assembled, seal
from sentiment.export.onnx import export_onnx, quantise
from sentiment.export.parity import check_parity
from sentiment.training.fitted import Fitted


def build_bundle(
    fitted: Fitted,
    validation: LabelledReviews,
    config: ExportConfig,
    destination: Path,
    provenance: dict[str, str],
    temperature: float = 1.0,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Write the bundle of a trained model to the folder `destination` and return the figures of its bundle.json.

    A review is positive from the probability `threshold` on, after the logits were divided by `temperature`.
    Raises ContractError, and leaves whatever was at `destination`, when the exported model fails the parity gate.
    """
    with assembled(destination) as folder:
        export_onnx(fitted, folder / FP32_MODEL)
        quantise(folder / FP32_MODEL, folder / INT8_MODEL)
        (folder / TOKENIZER).write_text(fitted.tokenizer_json, encoding="utf-8")
        metrics = check_parity(fitted, folder, validation, config, temperature, threshold) | _sizes(folder)
        description = Bundle(
            family=fitted.family,
            max_length=fitted.max_length,
            head_share=fitted.head_share,
            temperature=temperature,
            thresholds=Thresholds(positive=threshold),
            provenance=provenance,
            metrics=metrics,
        )
        seal(folder, description)
    return metrics


def _sizes(folder: Path) -> dict[str, float]:
    return {
        "fp32_megabytes": (folder / FP32_MODEL).stat().st_size / 1e6,
        "int8_megabytes": (folder / INT8_MODEL).stat().st_size / 1e6,
    }
