"""Which number format this machine trains in. Knows torch's view of the hardware and nothing of models."""

from __future__ import annotations

import torch

from sentiment.config import Precision
from sentiment.errors import ContractError


def training_precision(precision: Precision) -> Precision:
    """Return the format to train in: what was asked for, or for `auto` the fastest here that is safe to train in.

    Raises ContractError when the hardware cannot train in the format asked for.
    """
    chosen = _fastest() if precision == "auto" else precision
    if chosen == "fp16" and not torch.cuda.is_available():
        raise ContractError("precision fp16 needs a GPU; choose auto, bf16 or fp32")
    if chosen == "bf16" and torch.cuda.is_available() and not _gpu_has_bf16():
        raise ContractError("this GPU has no bf16; choose auto, fp16 or fp32")
    return chosen


def _fastest() -> Precision:
    if torch.cuda.is_available():
        return "bf16" if _gpu_has_bf16() else "fp16"
    # Without these instructions bf16 is emulated and slower than fp32; with them MiniLM runs 1.9 times as fast.
    cpu_has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if cpu_has_bf16 else "fp32"


def _gpu_has_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
