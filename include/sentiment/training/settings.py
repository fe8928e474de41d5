"""The settings that a training really has: what its family takes from the configuration, as it is used here.

What the form left open is filled in (the family's learning rate, this machine's number format), what another family
would have used is left out, and shares become steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentiment.core.names import FIRST_SEED
from sentiment.training.config.architecture import ENCODER_FAMILIES, RECURRENT_FAMILIES, ModelOptions
from sentiment.training.config.augmentation import AugmentationOptions
from sentiment.training.config.mixing import MixingOptions
from sentiment.training.config.optimisation import OptimisationOptions, SearchedOptions
from sentiment.training.config.train import TrainConfig
from sentiment.training.hardware import training_precision

_OF_ENCODERS = {"head", "pooling", "star_weight", "pretrained_share", "warm_start"}
_OF_LORA = {"lora_rank", "lora_alpha", "lora_dropout", "lora_targets"}
_OF_RECURRENT = {"embeddings", "vocabulary", "embedding_size", "hidden_size", "dropout", "stages"}
_OF_LINEAR = {"buckets", "inverse_regularisation"}
_OF_FOCAL_LOSS = {"focal_gamma", "focal_alpha"}
_OF_FOLDS = {"fold_reviews"}
_OF_MIXING = {*MixingOptions.model_fields}
_OF_TEACHING = {"teacher_weight", "teacher_temperature"}
_OF_NETWORKS = {*OptimisationOptions.model_fields, *SearchedOptions.model_fields, "max_length", "processes"}
_OF_NETWORKS |= {*AugmentationOptions.model_fields, "averaging", "selection"}
_OF_NETWORKS -= {"seed", "title_share", "inverse_regularisation"}
_OF_ENCODERS_LAYERS = {"layer_decay", "gradient_checkpointing"}

LOGS_A_RUN = 50
# A warm-up in steps is meant for the length that it was published with; where it would take more than this share of a
# training, most of which would then learn at a fraction of its rate, the share of steps takes its place.
LONGEST_WARMUP = 0.5


@dataclass(frozen=True)
class StepPlan:
    """Counts in optimiser steps: of an epoch, in all, of the warm-up, between validations, between log records."""

    an_epoch: int
    steps: int
    warmup: int
    validate_every: int
    log_every: int

    @classmethod
    def of(cls, config: TrainConfig, reviews: int) -> StepPlan:
        """Plan a training on so many reviews; a step takes batch_size * accumulation of them on every process."""
        passes = math.ceil(reviews / config.batch_size / config.processes)
        an_epoch = math.ceil(passes / config.accumulation)
        steps = math.ceil(an_epoch * config.epochs)
        by_steps = config.warmup_steps is not None and config.warmup_steps <= LONGEST_WARMUP * steps
        warmup = config.warmup_steps if by_steps else math.ceil(steps * config.warmup_share)
        every = config.evaluate_every or math.ceil(steps / config.evaluations)
        return cls(an_epoch, steps, warmup or 0, every, max(1, steps // LOGS_A_RUN))


def remarks(config: TrainConfig, reviews: int) -> list[str]:
    """Say what of a training on so many reviews is not as one would think: a shorter warm-up, a larger step."""
    if config.family == "linear":
        return []
    plan, said = StepPlan.of(config, reviews), []
    if config.warmup_steps is not None and plan.warmup != config.warmup_steps:
        said.append(
            f"a warm-up of {config.warmup_steps:,} steps would take most of this training's {plan.steps:,}: it takes "
            f"{plan.warmup:,} (warmup_share {config.warmup_share:g})"
        )
    if config.processes > 1:
        said.append(
            f"each step takes {global_batch(config):,} reviews, {config.batch_size * config.accumulation:,} on each of "
            f"{config.processes} processes, so there are {config.processes} times fewer steps than in one process and "
            "the model may be worse at the same learning_rate: raise it, or lower batch_size"
        )
    return said


def global_batch(config: TrainConfig) -> int:
    """Return how many reviews a step of the optimiser takes over all processes."""
    return config.batch_size * config.accumulation * config.processes


def run_name(config: TrainConfig) -> str:
    """Return what the run of a training is called: its model, its reviews, and what it learns otherwise than usual."""
    model = f"{Path(config.encoder).name}-{config.family}" if config.family in ENCODER_FAMILIES else config.family
    kinds = {
        "warm": config.warm_start,
        "doubted": config.selection == "doubt",
        "taught": config.teacher,
        "stars": config.star_weight,
        "mixed": config.mixed_snapshots,
    }
    beside = "".join(f"-{kind}" for kind, asked in kinds.items() if asked)
    return f"{model}-{config.train_reviews}{beside}" + (f"-seed{config.seed}" if config.seed != FIRST_SEED else "")


def effective_settings(config: TrainConfig, reviews: int) -> dict[str, Any]:
    """Return name and value of every setting that counts in a training on so many reviews, as JSON can hold them.

    Raises ContractError when this machine cannot train in the number format asked for.
    """
    given = config.model_dump(mode="json", exclude={*_idle(config, reviews), "seeds"})
    if config.family != "linear":
        given["learning_rate"] = config.peak_learning_rate
        given["precision"] = training_precision(config.precision, config.family)
        given["global_batch"] = global_batch(config)
    # What is trained comes before how: pydantic has the fields of the last base first.
    given = {name: given[name] for name in ModelOptions.model_fields if name in given} | given
    return {name: value for name, value in given.items() if value not in (None, "")}


def _idle(config: TrainConfig, reviews: int) -> set[str]:
    """Return the fields that change nothing in this training."""
    idle = _of_other_families(config)
    if not config.takes_encoder:
        idle |= {"encoder"}
    if config.imbalance != "focal":
        idle |= _OF_FOCAL_LOSS
    if not config.folds:
        idle |= _OF_FOLDS
    if not config.teacher:
        idle |= _OF_TEACHING
    if not config.mixed_snapshots:
        idle |= _OF_MIXING
    if config.warmup_steps is not None:
        idle |= {"warmup_share"} if StepPlan.of(config, reviews).warmup == config.warmup_steps else {"warmup_steps"}
    if config.evaluate_every is not None:
        idle |= {"evaluations"}
    return idle


def _of_other_families(config: TrainConfig) -> set[str]:
    if config.family == "linear":
        return _OF_ENCODERS | _OF_LORA | _OF_RECURRENT | _OF_NETWORKS
    if config.family in RECURRENT_FAMILIES:
        return _OF_ENCODERS | _OF_LORA | _OF_LINEAR | _OF_ENCODERS_LAYERS
    return _OF_RECURRENT | _OF_LINEAR | (set() if config.family == "lora" else _OF_LORA)
