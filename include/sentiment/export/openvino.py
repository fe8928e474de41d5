"""Write a model for OpenVINO with int8 weights and activations whose scales are fixed beforehand (static quantisation).

NNCF and OpenVINO are optional.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)


def can_quantise() -> bool:
    """Say whether this machine has what static quantisation needs."""
    return find_spec("openvino") is not None and find_spec("nncf") is not None


def quantise_static(fp32_path: Path, destination: Path, batches: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write `destination` (.xml, and .bin beside it) from an ONNX file.

    `batches` are `(input_ids, attention_mask)` of real reviews, int64 [reviews, tokens]: what passes between the layers
    for them sets the scales. Activations that a transformer spreads unevenly over channels are evened out into the
    weights first (Xiao and others: SmoothQuant, ICML 2023).
    """
    # A product that scores hostile texts tells nobody what it does.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf
    import openvino

    model = openvino.Core().read_model(fp32_path)
    samples = nncf.Dataset(batches, lambda batch: {"input_ids": batch[0], "attention_mask": batch[1]})
    quantised = nncf.quantize(
        model,
        samples,
        subset_size=len(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
    )
    openvino.save_model(quantised, destination)
    log.info("wrote %s, %.1f MB", destination.name, destination.with_suffix(".bin").stat().st_size / 1e6)
