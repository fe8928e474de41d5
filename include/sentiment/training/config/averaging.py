"""Weights that are averaged: over the steps of a training, and with those of the pretrained encoder."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import ENCODERS, OPTIMISER, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.architecture import ENCODER_FAMILIES


class AveragingOptions(VerbConfig):
    """Which averages of weights come out of a training."""

    averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of a moving average of the weights over the steps, such as 0.99, that is validated and "
        "comes out; 0: the weights themselves.",
        title="Averaging over steps (decay)",
        json_schema_extra=OPTIMISER,
    )
    pretrained_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the pretrained weights in those of the encoder that comes out; 0: the fine-tuned alone.",
        title="Share of the pretrained weights",
        json_schema_extra=ENCODERS,
    )

    def averaging_refused(self, family: Family, stages: int) -> str:
        """Say why this training has no such average; nothing where it has."""
        if self.averaging and family == "linear":
            return "the linear family is solved at once and has no steps to average over; leave averaging at 0"
        if self.averaging and stages > 1:
            return "a network in stages is not averaged over steps; take stages=1, or leave averaging at 0"
        if self.pretrained_share and family not in ENCODER_FAMILIES:
            return (
                f"{family} has no pretrained weights; choose {' or '.join(ENCODER_FAMILIES)}, or leave "
                "pretrained_share at 0"
            )
        return ""
