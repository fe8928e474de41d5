"""What a training learns beside its reviews: texts made for it, and that changes without a meaning change nothing."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import LESSONS, Share, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.optimisation import Imbalance


class AugmentationOptions(VerbConfig):
    """What is made of the reviews, and of words of our own, while a network trains."""

    augmentation: Share = Field(
        0.0,
        description="Beside the training texts so many made ones as this share of them: short opinions, sentences "
        "of reviews turned into their opposite, and texts without an opinion.",
        title="Made texts (share)",
        json_schema_extra=LESSONS,
    )
    consistency: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Weight in the loss of how far the predictions for a review and for a copy of it lie apart, which "
        "differs in typing errors, names, places, numbers or a sentence that says nothing.",
        title="Weight of the consistency",
        json_schema_extra=LESSONS,
    )

    def augmentation_refused(self, family: Family, imbalance: Imbalance, stages: int) -> str:
        """Say why this training cannot be augmented so; nothing where it can."""
        if (self.augmentation or self.consistency) and family == "linear":
            return (
                "the linear family learns from the labels of reviews alone; choose another family, or leave "
                "augmentation and consistency at 0"
            )
        if self.augmentation and imbalance != "none":
            return f"{imbalance} weighs labels, and made texts without an opinion have none; leave imbalance at none"
        if self.consistency and stages > 1:
            return "a network in stages takes each review once; leave consistency at 0, or stages at 1"
        return ""
