"""How many steps a training takes, and at which of them it warms up, logs and validates. Knows numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sentiment.training.config.train import TrainConfig

LOGS_A_RUN = 50


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
        warmup = math.ceil(steps * config.warmup_share) if config.warmup_steps is None else config.warmup_steps
        every = config.evaluate_every or math.ceil(steps / config.evaluations)
        return cls(an_epoch, steps, warmup, every, max(1, steps // LOGS_A_RUN))
