"""How a model learns: the optimiser, and what is done about the rare class."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sentiment.core.config import LESSONS, LINEAR, OPTIMISER, RARE_CLASS, Share, VerbConfig
from sentiment.core.names import FIRST_SEED

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Schedule = Literal["cosine", "linear", "constant"]
Imbalance = Literal["none", "class_weights", "focal", "oversampling", "smote"]


class SearchedOptions(VerbConfig):
    """What every search varies, and a training alone is given."""

    learning_rate: float | None = Field(
        None,
        gt=0,
        le=1e38,  # float32's range: what is far too large becomes NaN, and a training says so
        description="Empty: the family's own (encoder 1e-4, lora 5e-4, recurrent 1e-3).",
        title="Peak learning rate",
        json_schema_extra=OPTIMISER,
    )
    weight_decay: float = Field(
        0.01, ge=0, le=100, description="Weight decay.", title="Weight decay", json_schema_extra=OPTIMISER
    )
    batch_size: int = Field(
        32,
        ge=1,
        description="Reviews in a forward pass, on each process.",
        title="Batch size",
        json_schema_extra=OPTIMISER,
    )
    inverse_regularisation: float = Field(
        8.0,
        gt=0,
        le=1e6,
        description="C of the linear family's logistic regression.",
        title="Inverse regularisation (C)",
        json_schema_extra=LINEAR,
    )


class OptimisationOptions(VerbConfig):
    """How the neural families learn (AdamW)."""

    schedule: Schedule = Field(
        "cosine",
        description="After warm-up the rate falls as a cosine, linearly, or stays.",
        title="Learning rate schedule",
        json_schema_extra=OPTIMISER,
    )
    warmup_share: Share = Field(
        0.1,
        description="Share of all steps during which the learning rate rises from 0 to its peak.",
        title="Warm-up (share of steps)",
        json_schema_extra=OPTIMISER,
    )
    warmup_steps: int | None = Field(
        None,
        ge=0,
        description="The same as a number of steps, instead of a share.",
        title="Warm-up (steps)",
        json_schema_extra=OPTIMISER,
    )
    beta1: float = Field(
        0.9, ge=0, lt=1, description="Decay of the mean gradient.", title="Adam beta 1", json_schema_extra=OPTIMISER
    )
    beta2: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay of the mean squared gradient.",
        title="Adam beta 2",
        json_schema_extra=OPTIMISER,
    )
    epsilon: float = Field(
        1e-8,
        gt=0,
        le=1,
        description="Added to the root of the squared gradient.",
        title="Adam epsilon",
        json_schema_extra=OPTIMISER,
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Each layer of an encoder learns at this share of the rate of the layer above it; 1: all alike.",
        title="Layer-wise learning rate decay",
        json_schema_extra=OPTIMISER,
    )
    accumulation: int = Field(
        1,
        ge=1,
        description="Forward passes before each step of the optimiser.",
        title="Gradient accumulation steps",
        json_schema_extra=OPTIMISER,
    )
    clip_norm: float = Field(
        1.0,
        ge=0,
        description="A gradient whose norm is larger is scaled down to it; 0 leaves all as they are.",
        title="Max gradient norm",
        json_schema_extra=OPTIMISER,
    )
    epochs: float = Field(1.0, gt=0, description="Passes over the training reviews.", title="Epochs")
    title_share: Share = Field(
        0.0,
        description="Of so many of the training reviews the title is learnt from as a text of its own, too.",
        title="Titles as training texts (share)",
        json_schema_extra=LESSONS,
    )
    evaluations: int = Field(
        4,
        ge=1,
        description="How often a training is validated, and a checkpoint kept.",
        title="Validations per training",
        json_schema_extra=OPTIMISER,
    )
    evaluate_every: int | None = Field(
        None,
        ge=1,
        description="Validate every so many steps, instead of so many times.",
        title="Steps between validations",
        json_schema_extra=OPTIMISER,
    )
    patience: int = Field(
        3,
        ge=1,
        description="Validations without a better macro F1 before training stops.",
        title="Patience (validations)",
        json_schema_extra=OPTIMISER,
    )
    precision: Precision = Field(
        "auto",
        description="auto takes bf16 or fp16 where the hardware can.",
        title="Number format",
        json_schema_extra=OPTIMISER,
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Compute activations twice instead of keeping them.",
        title="Gradient checkpointing",
        json_schema_extra=OPTIMISER,
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of a label's weight spread over both.",
        title="Label smoothing",
        json_schema_extra=OPTIMISER,
    )
    seed: int = Field(
        FIRST_SEED,
        ge=0,
        # NumPy's generators take up to 2^32 - 1, and those of further repetitions and processes follow.
        le=2**31 - 1,
        description="Seed of the sample of training reviews, of initialisation, order and dropout.",
        title="Seed",
        json_schema_extra=OPTIMISER,
    )


class ImbalanceOptions(VerbConfig):
    """What is done about the rare class."""

    imbalance: Imbalance = Field(
        "none",
        description="Weights or focal loss, or more reviews of the rare class.",
        title="Remedy for the rare class",
        json_schema_extra=RARE_CLASS,
    )
    focal_gamma: float = Field(
        2.0,
        ge=0,
        le=100,
        description="How strongly focal loss looks away from easy reviews.",
        title="Focal gamma",
        json_schema_extra=RARE_CLASS,
    )
    focal_alpha: Share = Field(
        0.25,
        description="Weight of positive reviews in focal loss; negative get the rest.",
        title="Focal alpha",
        json_schema_extra=RARE_CLASS,
    )
    tune_threshold: bool = Field(
        False,
        description="Choose the threshold of a positive review by macro F1 on validation, here for the network alone "
        "and at the export for gate and network together.",
        title="Tune the threshold",
        json_schema_extra=RARE_CLASS,
    )

    @property
    def weighted(self) -> bool:
        """Whether the training sees other shares of the classes than the reviews have."""
        return self.imbalance != "none"
