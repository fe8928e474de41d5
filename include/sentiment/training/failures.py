"""What can go wrong while a network learns, and what follows: a loss that is no number, a device without memory.

Knows settings and exceptions; nothing of the Trainer.
"""

from __future__ import annotations

import logging

import torch
from accelerate.utils.memory import should_reduce_batch_size  # type: ignore[import-untyped]

from sentiment.core.errors import ContractError
from sentiment.training.config.train import TrainConfig

log = logging.getLogger(__name__)


def not_a_number(what: str, step: int, config: TrainConfig) -> ContractError:
    """Return the error that ends a training; `what` says what became NaN or infinite, such as "the loss became nan"."""
    return ContractError(
        f"{what} at step {step} with learning_rate={config.peak_learning_rate}, schedule={config.schedule}, "
        f"batch_size={config.batch_size}, accumulation={config.accumulation}, precision={config.precision}, "
        f"clip_norm={config.clip_norm}, seed={config.seed}; lower the learning rate or choose precision=fp32"
    )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error of torch means that smaller batches might fit."""
    return isinstance(error, torch.OutOfMemoryError) or bool(should_reduce_batch_size(error))


def with_smaller_batches(config: TrainConfig, error: Exception) -> TrainConfig:
    """Return the settings with half the batch and twice the accumulation: the same step in less memory.

    Raises ContractError when a batch is one review already.
    """
    if config.batch_size == 1:
        raise ContractError(
            "one review does not fit into the device's memory; lower max_length, take a smaller model, or turn "
            "gradient_checkpointing on"
        ) from error
    smaller = {"batch_size": config.batch_size // 2, "accumulation": config.accumulation * 2}
    log.warning("out of memory with batches of %d; going on with %s", config.batch_size, smaller)
    return config.model_copy(update=smaller)
