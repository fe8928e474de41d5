"""The engines that run a bundle's network: onnxruntime, and OpenVINO where it is installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import EngineChoice, EngineName
from sentiment.core.wording import cause
from sentiment.engine.bundle import FP16_MODEL, FP32_MODEL, INT8_MODEL, STATIC_INT8_MODEL

log = logging.getLogger(__name__)

# Token ids and attention mask, int64 [reviews, tokens], to float32 logits [reviews, 2].
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]

# The file of the bundle that each engine reads. TensorRT makes its own fp16 of fp32.
MODEL_OF: dict[EngineName, str] = {
    "onnxruntime-fp32": FP32_MODEL,
    "onnxruntime-int8": INT8_MODEL,
    "openvino-int8": STATIC_INT8_MODEL,
    "cuda-fp16": FP16_MODEL,
    "tensorrt-fp16": FP32_MODEL,
}
# Padded tokens a call. OpenVINO holds some 45 KB for each of MiniLM, and runs encoders alone, which are as fast with
# four reviews a call as with sixteen; a recurrent network takes all reviews of a call a token further in one step, so
# few make it slow. A GPU would be idle with so few; its own figure is memory's, and not measured.
_TOKENS_A_CALL: dict[EngineName, int] = {
    "onnxruntime-fp32": 2_048,
    "onnxruntime-int8": 2_048,
    "openvino-int8": 512,
    "cuda-fp16": 16_384,
    "tensorrt-fp16": 16_384,
}
_PROVIDER = {"cuda-fp16": "CUDAExecutionProvider", "tensorrt-fp16": "TensorrtExecutionProvider"}
_REMEDY = {
    "openvino-int8": "install the packages openvino and nncf",
    "cuda-fp16": "install onnxruntime-gpu on a machine with an NVIDIA GPU",
    "tensorrt-fp16": "install onnxruntime-gpu and TensorRT on a machine with an NVIDIA GPU",
}


@dataclass(frozen=True)
class Engine:
    """A loaded network, and how many padded tokens a call of several reviews should hold at most."""

    run: Network
    tokens_a_call: int


def runs_here(name: EngineName) -> bool:
    """Say whether this machine has what an engine needs; nothing is loaded for it but onnxruntime's own list."""
    if name == "openvino-int8":
        return find_spec("openvino") is not None
    if name in _PROVIDER:
        from onnxruntime import get_available_providers

        return _PROVIDER[name] in get_available_providers()
    return True


def choose_engine(choice: EngineChoice, offered: Iterable[EngineName]) -> EngineName:
    """Return the engine asked for, or for `auto` the first of the bundle's (the fastest first) that runs here.

    Raises ContractError when the one asked for is not in the bundle, or cannot run on this machine.
    """
    names = list(offered)
    if choice == "auto":
        chosen = next(name for name in names if runs_here(name))
        if chosen != names[0]:
            log.info("the bundle's fastest engine %s does not run here; %s does", names[0], chosen)
        return chosen
    if choice not in names:
        raise ContractError(
            f"the bundle has no {choice} ({', '.join(names)}); choose one of them or auto, or export the model anew "
            f"where {choice} can be built"
        )
    require_here(choice)
    return choice


def require_here(name: EngineName) -> None:
    """Raise ContractError with what this machine lacks for an engine."""
    if not runs_here(name):
        raise ContractError(f"{name} does not run on this machine: {_REMEDY[name]}, or choose another engine")


def open_chosen(
    folder: Path, choice: EngineChoice, offered: Iterable[EngineName], threads: int
) -> tuple[EngineName, Engine]:
    """Open the engine asked for, or for `auto` the first one that opens: a library may be here and its driver not.

    Raises ContractError when the one asked for is not in the bundle, cannot run on this machine, or does not open.
    """
    left = [*offered]
    if choice != "auto":
        return choice, _open_asked(folder, choose_engine(choice, left), threads)
    while True:
        name = choose_engine(choice, left)
        try:
            return name, open_engine(folder, name, threads)
        except Exception as error:  # each library has its own
            left = left[left.index(name) + 1 :]
            if not any(map(runs_here, left)):
                raise
            log.warning("%s does not open here, and the next engine is tried: %s", name, cause(error))


def _open_asked(folder: Path, name: EngineName, threads: int) -> Engine:
    try:
        return open_engine(folder, name, threads)
    except ContractError:
        raise
    except Exception as error:  # each library has its own
        raise ContractError(f"{name} does not open here: {cause(error)}; choose another engine or auto") from error


def open_engine(folder: Path, name: EngineName, threads: int) -> Engine:
    """Open the bundle's model for this engine, with a fixed number of CPU threads.

    Raises ContractError where onnxruntime cannot use the GPU that the engine is for.
    """
    model = folder / MODEL_OF[name]
    network = _openvino(model, threads) if name == "openvino-int8" else open_onnx(model, threads, _providers(name))
    return Engine(network, _TOKENS_A_CALL[name])


def open_onnx(model: Path, threads: int, providers: list[Any] | None = None) -> Network:
    """Open an ONNX file in onnxruntime; on the CPU when no providers are given."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Batches have a shape each: a memory plan for every shape would be kept for ever and hardly be met again.
    options.enable_mem_pattern = False
    asked = providers or ["CPUExecutionProvider"]
    session = InferenceSession(str(model), options, providers=asked)
    first, used = asked[0][0] if isinstance(asked[0], tuple) else asked[0], session.get_providers()[0]
    if used != first:  # a library or a driver is missing, and it would go on in silence
        raise ContractError(
            f"onnxruntime cannot use {first} here and would run on {used}: its log names the library that is missing; "
            "install that, or choose another engine"
        )

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        (logits,) = session.run(None, {"input_ids": input_ids, "attention_mask": attention_mask})
        return np.asarray(logits, np.float32)

    return run


def _providers(name: EngineName) -> list[Any]:
    if name == "tensorrt-fp16":
        return [(_PROVIDER[name], {"trt_fp16_enable": True}), "CUDAExecutionProvider", "CPUExecutionProvider"]
    return [_PROVIDER[name], "CPUExecutionProvider"] if name in _PROVIDER else ["CPUExecutionProvider"]


def _openvino(model: Path, threads: int) -> Network:
    import openvino

    # Pinned, the threads of all workers of a machine would sit on the same first cores.
    options: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    # A CPU that has bfloat16 would take it for what is not int8, and give other numbers than the one of the export.
    options["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = openvino.Core().compile_model(str(model), "CPU", options)
    request, alone = compiled.create_infer_request(), Lock()

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        # The result is the request's own memory, which the next call overwrites; two calls at once are an error.
        with alone:
            found = request.infer({"input_ids": input_ids, "attention_mask": attention_mask}, share_inputs=True)
            return np.array(next(iter(found.values())), np.float32)

    return run
