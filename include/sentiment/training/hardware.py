"""What this machine asks of a training: the number format, the threads, and smaller batches where memory ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.utils.memory import should_reduce_batch_size  # type: ignore[import-untyped]

from sentiment.core.errors import ContractError
from sentiment.core.names import Family
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment.training.config.optimisation import Precision
from sentiment.training.config.train import TrainConfig

log = logging.getLogger(__name__)


def training_precision(precision: Precision, family: Family = "encoder") -> Precision:
    """Return the format to train in: what was asked for, or for `auto` the fastest here that is safe to train in.

    Raises ContractError when the hardware cannot train in the format asked for.
    """
    chosen = _fastest(family) if precision == "auto" else precision
    if chosen == "fp16" and not torch.cuda.is_available():
        raise ContractError("precision fp16 needs a GPU; choose auto, bf16 or fp32")
    if chosen == "bf16" and torch.cuda.is_available() and not _gpu_has_bf16():
        raise ContractError("this GPU has no bf16; choose auto, fp16 or fp32")
    return chosen


def device_here() -> str:
    """Return where a network computes in this process, as torch names it: its GPU, where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def computing_in(precision: Precision, family: Family) -> torch.autocast:
    """Return a context in which torch computes in the format in which a family is trained with this `precision`."""
    # The linear family is solved by scikit-learn, in no format of a network.
    chosen = "fp32" if family == "linear" else training_precision(precision, family)
    half = torch.float16 if chosen == "fp16" else torch.bfloat16
    return torch.autocast(device_here(), dtype=half, enabled=chosen != "fp32")


@contextmanager
def suitable_threads(family: Family) -> Iterator[None]:
    """Let torch compute a recurrent network on one thread within the block, and the other families as before.

    A recurrent layer's products are so small that threads wait for one another at each word: a step of 32 reviews of
    128 words takes 0.25 s on one thread, 0.42 s on two, and 5 s on two when another program has one of the cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if family in RECURRENT_FAMILIES else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error of torch means that smaller batches might fit."""
    return isinstance(error, torch.OutOfMemoryError) or bool(should_reduce_batch_size(error))


def with_smaller_batches(config: TrainConfig, error: Exception) -> TrainConfig:
    """Return the settings with half the batch and twice the accumulation: the same step in less memory.

    From an odd batch the step loses a review, and what is left of an epoch stands in another order. Raises
    ContractError when a batch is one review already.
    """
    if config.batch_size == 1:
        raise ContractError(f"one review does not fit into the device's memory; {_smaller(config)}") from error
    smaller = {"batch_size": config.batch_size // 2, "accumulation": config.accumulation * 2}
    log.warning("out of memory with batches of %d; going on with %s", config.batch_size, smaller)
    return config.model_copy(update=smaller)


def _smaller(config: TrainConfig) -> str:
    """Say which of the family's settings take less memory."""
    if config.family in RECURRENT_FAMILIES:
        return "lower max_length, hidden_size, embedding_size or vocabulary"
    again = "" if config.gradient_checkpointing else ", or turn gradient_checkpointing on"
    return f"lower max_length, or take a smaller encoder{again}"


def _fastest(family: Family) -> Precision:
    if torch.cuda.is_available():
        return "bf16" if _gpu_has_bf16() else "fp16"
    # Torch's recurrent layers gain nothing from bf16 on a CPU: a step takes twice as long as in fp32.
    if family in RECURRENT_FAMILIES:
        return "fp32"
    # Without these instructions bf16 is emulated and slower than fp32; with them MiniLM runs 1.9 times as fast.
    cpu_has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if cpu_has_bf16 else "fp32"


def _gpu_has_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
