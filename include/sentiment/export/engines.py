"""Which engines a bundle is built for on this machine, and which of them is the fastest here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.core.wording import cause
from sentiment.engine.bundle import FP16_MODEL, FP32_MODEL, INT8_MODEL, STATIC_INT8_MODEL, STATIC_INT8_WEIGHTS
from sentiment.engine.engines import MODEL_OF, Engine, open_engine, require_here, runs_here
from sentiment.engine.scorer import infer
from sentiment.engine.tokens import ReviewTokenizer, length_batches
from sentiment.export.formats import can_quantise_static, export_onnx, quantise, quantise_static, write_fp16
from sentiment.export.parity import REFERENCE
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.fitted import Fitted

log = logging.getLogger(__name__)

# Enough for an order of engines: about a second of a small encoder on one thread. Noise only slows, so the fastest of
# the passes counts.
_TIMED_REVIEWS, _PASSES = 100, 3
# Batches of 16 reviews, and no more tokens than these, are enough to set the scales of static int8.
_CALIBRATION_BATCH, _CALIBRATION_TOKENS = 16, 2_048


@dataclass(frozen=True)
class Models:
    """The engines whose model was written, and for each that was left out the reason, in a clause."""

    engines: tuple[EngineName, ...]
    left_out: dict[EngineName, str]


def require_buildable(asked: Sequence[EngineName]) -> None:
    """Raise ContractError naming the first engine that cannot be built on this machine; nothing is built for it."""
    for name in asked:
        require_here(name)
    if "openvino-int8" in asked and not can_quantise_static():
        raise ContractError("openvino-int8 is built by the package nncf; install it, or leave that engine out")


def write_models(
    fitted: Fitted, folder: Path, calibration: LabelledReviews, asked: Sequence[EngineName] = ()
) -> Models:
    """Write the models of the engines that are asked for into `folder`, of all that can be built when none is.

    fp32 is written in any case, for the others are made of it and held against it. Static int8, whose scales the
    calibration reviews set, is for encoders; fp16 is for a machine with a GPU.
    """
    export_onnx(fitted, folder / FP32_MODEL)
    written: list[EngineName] = [REFERENCE]
    left_out: dict[EngineName, str] = {}
    for name in dict.fromkeys(asked or _possible(fitted)):
        try:
            _write(name, fitted, folder, calibration)
        except Exception as error:  # each library has its own, and none of them costs the bundle
            log.info("%s cannot be built", name, exc_info=True)
            left_out[name] = f"it cannot be built: {cause(error)}"
        else:
            written.append(name)
    return Models(tuple(dict.fromkeys(written)), left_out)


def _possible(fitted: Fitted) -> list[EngineName]:
    """Return the engines that this machine, for this family, can build."""
    possible: list[EngineName] = ["onnxruntime-int8"]
    if fitted.family in ENCODER_FAMILIES and can_quantise_static():
        possible.append("openvino-int8")
    on_gpu: tuple[EngineName, ...] = ("cuda-fp16", "tensorrt-fp16")
    return possible + [name for name in on_gpu if runs_here(name)]


def _write(name: EngineName, fitted: Fitted, folder: Path, calibration: LabelledReviews) -> None:
    """Write the model that an engine reads; TensorRT and fp32 read what is there."""
    if name == "onnxruntime-int8":
        quantise(folder / FP32_MODEL, folder / INT8_MODEL)
    elif name == "openvino-int8":
        if fitted.family not in ENCODER_FAMILIES:
            raise ContractError(f"only encoders have this form, and {fitted.family} is none")
        batches = _batches(fitted.tokenizer, calibration)
        quantise_static(folder / FP32_MODEL, folder / STATIC_INT8_MODEL, batches)
    elif name == "cuda-fp16":
        write_fp16(folder / FP32_MODEL, folder / FP16_MODEL)


def remove_unread(folder: Path, engines: Iterable[EngineName]) -> None:
    """Remove the models in `folder` that none of these engines reads; fp32 stays."""
    unread = {*MODEL_OF.values()} - {FP32_MODEL, *(MODEL_OF[name] for name in engines)}
    for name in unread | ({STATIC_INT8_WEIGHTS} if STATIC_INT8_MODEL in unread else set()):
        (folder / name).unlink(missing_ok=True)


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
    budget = min(_CALIBRATION_TOKENS, _CALIBRATION_BATCH * max(map(len, windows)))
    groups = length_batches([len(window) for window in windows], budget)
    return [tokenizer.pad([windows[row] for row in rows]) for rows in groups]
