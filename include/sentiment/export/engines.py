"""Which engines a bundle is built for on this machine, and which of them is the fastest here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.engine.bundle import FP16_MODEL, FP32_MODEL, INT8_MODEL, STATIC_INT8_MODEL
from sentiment.engine.engines import Engine, open_engine, runs_here
from sentiment.engine.scorer import TOKEN_BUDGET, infer
from sentiment.engine.tokens import ReviewTokenizer, length_batches
from sentiment.export.formats import can_quantise_static, export_onnx, quantise, quantise_static, write_fp16
from sentiment.export.parity import REQUIRED
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.fitted import Fitted

# Enough for an order of engines: about a second of a small encoder on one thread. Noise only slows, so the fastest of
# the passes counts.
_TIMED_REVIEWS, _PASSES = 100, 3
# The gate's share of the work needs no larger batches than this to set the scales of static int8.
_CALIBRATION_BATCH = 16


def write_models(fitted: Fitted, folder: Path, calibration: LabelledReviews) -> list[EngineName]:
    """Write the model of every engine that can be built here into `folder` and return their names.

    An encoder gets static int8 for OpenVINO where that is installed, with scales set by the calibration reviews; any
    network gets fp16 on a machine with a GPU.
    """
    export_onnx(fitted, folder / FP32_MODEL)
    quantise(folder / FP32_MODEL, folder / INT8_MODEL)
    names = list(REQUIRED)
    if fitted.family in ENCODER_FAMILIES and can_quantise_static():
        batches = _batches(fitted.tokenizer, calibration)
        quantise_static(folder / FP32_MODEL, folder / STATIC_INT8_MODEL, batches)
        names.append("openvino-int8")
    if runs_here("cuda-fp16"):
        write_fp16(folder / FP32_MODEL, folder / FP16_MODEL)
        names.append("cuda-fp16")
    if runs_here("tensorrt-fp16"):
        names.append("tensorrt-fp16")
    return names


def fastest_first(
    folder: Path, names: Iterable[EngineName], tokenizer: ReviewTokenizer, reviews: LabelledReviews
) -> dict[EngineName, float]:
    """Return the engines' reviews a second on one thread, tokenising not counted, the fastest first."""
    ids = tokenizer.whole(reviews.titles[:_TIMED_REVIEWS], reviews.texts[:_TIMED_REVIEWS])
    speeds = {name: _speed(open_engine(folder, name, 1), tokenizer, ids) for name in names}
    return dict(sorted(speeds.items(), key=lambda measured: -measured[1]))


def _speed(engine: Engine, tokenizer: ReviewTokenizer, ids: list[np.ndarray]) -> float:
    seconds = []
    infer(engine, tokenizer, ids[:8])
    for _ in range(_PASSES):
        started = time.perf_counter()
        infer(engine, tokenizer, ids)
        seconds.append(time.perf_counter() - started)
    return len(ids) / min(seconds)


def _batches(tokenizer: ReviewTokenizer, reviews: LabelledReviews) -> list[tuple[np.ndarray, np.ndarray]]:
    windows = tokenizer.encode(reviews.titles, reviews.texts)
    budget = min(TOKEN_BUDGET, _CALIBRATION_BATCH * max(map(len, windows)))
    groups = length_batches([len(window) for window in windows], budget)
    return [tokenizer.pad([windows[row] for row in rows]) for rows in groups]
