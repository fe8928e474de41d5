"""How a candidate is trained: its family and shape, its optimisation, its data, its processes.

The fields are flat, because the form, the command line and MLflow's params are generated from them; the classes below
only keep what belongs together in one place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sentiment.config.presets import PRESETS, Preset
from sentiment.config.sections import DATA, EXPERTS, MODEL, OPTIMISER, RARE_CLASS
from sentiment.config.verb import Share, VerbConfig

Family = Literal["linear", "encoder", "lora", "bilstm", "lstm", "gru"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Head = Literal["linear", "mlp"]
Pooling = Literal["first", "mean"]
LoraTargets = Literal["query", "query_value", "all_linear"]
Schedule = Literal["cosine", "linear", "constant"]
Imbalance = Literal["none", "class_weights", "focal", "oversampling", "smote"]

ENCODER_FAMILIES: tuple[Family, ...] = ("encoder", "lora")
RECURRENT_FAMILIES: tuple[Family, ...] = ("bilstm", "lstm", "gru")
# Peak learning rates where none is given: full fine-tuning of a small encoder, adapters, networks from nothing.
LEARNING_RATES: dict[Family, float] = {"encoder": 1e-4, "lora": 5e-4, "bilstm": 1e-3, "lstm": 1e-3, "gru": 1e-3}


class ModelOptions(VerbConfig):
    """What is trained."""

    family: Family = Field(
        "encoder",
        description="linear: minutes on a laptop. encoder: a pretrained transformer, fine-tuned. lora: the same "
        "with adapters. bilstm, lstm, gru: recurrent networks.",
        title="Model family",
    )
    encoder: str = Field(
        "all-MiniLM-L6-v2",
        description="Local folder, packaged model or hub name (families encoder, lora; the linear family takes its "
        "tokenizer).",
        title="Pretrained encoder",
        json_schema_extra=MODEL,
    )
    max_length: int = Field(
        128,
        ge=8,
        description="Tokens of a review that the model sees, head and tail.",
        title="Tokens of a review",
        json_schema_extra=MODEL,
    )
    head_share: Share = Field(
        0.5,
        description="Share of those tokens taken from the beginning of a longer review.",
        title="Share taken from the beginning",
        json_schema_extra=MODEL,
    )
    head: Head = Field(
        "linear",
        description="What stands on an encoder: one linear layer, or a small network.",
        title="Head",
        json_schema_extra=MODEL,
    )
    pooling: Pooling = Field(
        "mean",
        description="What the head reads: the first token, or the mean of all.",
        title="Pooling",
        json_schema_extra=MODEL,
    )
    lora_rank: int = Field(
        8, ge=1, description="Rank of the adapters (family lora).", title="LoRA rank", json_schema_extra=MODEL
    )
    lora_alpha: int = Field(
        16,
        ge=1,
        description="Scale of the adapters, divided by their rank.",
        title="LoRA alpha",
        json_schema_extra=MODEL,
    )
    lora_dropout: Share = Field(
        0.1, description="Dropout before the adapters.", title="LoRA dropout", json_schema_extra=MODEL
    )
    lora_targets: LoraTargets = Field(
        "query_value", description="Which linear layers get adapters.", title="LoRA layers", json_schema_extra=MODEL
    )
    embeddings: Path | None = Field(
        None,
        description="fastText .vec or .vec.gz with word vectors for the recurrent families; learnt when empty.",
        title="Word vectors",
        json_schema_extra=MODEL,
    )
    vocabulary: int = Field(
        30_000,
        ge=100,
        description="Most frequent words that the recurrent families know.",
        title="Vocabulary (words)",
        json_schema_extra=MODEL,
    )
    embedding_size: int = Field(
        300,
        ge=4,
        description="Numbers a word vector (recurrent families).",
        title="Size of a word vector",
        json_schema_extra=MODEL,
    )
    hidden_size: int = Field(
        256,
        ge=4,
        description="Width of the recurrent layer, a direction.",
        title="Width of the recurrent layer",
        json_schema_extra=MODEL,
    )
    dropout: Share = Field(
        0.3, description="Dropout around the recurrent layer.", title="Dropout", json_schema_extra=MODEL
    )
    buckets: int = Field(
        2**20,
        ge=2**8,
        description="Hash buckets of the linear family's uni- and bigrams.",
        title="Hash buckets",
        json_schema_extra=MODEL,
    )
    inverse_regularisation: float = Field(
        8.0,
        gt=0,
        description="C of the linear family's logistic regression.",
        title="Inverse regularisation (C)",
        json_schema_extra=MODEL,
    )


class OptimisationOptions(VerbConfig):
    """How the neural families learn (AdamW)."""

    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Empty: the family's own (encoder 1e-4, lora 5e-4, recurrent 1e-3).",
        title="Peak learning rate",
        json_schema_extra=OPTIMISER,
    )
    schedule: Schedule = Field(
        "cosine",
        description="After warm-up the rate falls as a cosine, linearly, or stays.",
        title="Learning rate schedule",
        json_schema_extra=OPTIMISER,
    )
    warmup_share: Share = Field(
        0.1,
        description="Share of the steps in which the learning rate rises.",
        title="Warm-up (share of steps)",
        json_schema_extra=OPTIMISER,
    )
    warmup_steps: int | None = Field(
        None,
        ge=0,
        description="Steps in which it rises, instead of a share.",
        title="Warm-up (steps)",
        json_schema_extra=OPTIMISER,
    )
    weight_decay: float = Field(
        0.01, ge=0, description="Weight decay.", title="Weight decay", json_schema_extra=OPTIMISER
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
        description="Added to the root of the squared gradient.",
        title="Adam epsilon",
        json_schema_extra=OPTIMISER,
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Learning rate of an encoder's layer, of the one above; 1 is none.",
        title="Layer-wise learning rate decay",
        json_schema_extra=OPTIMISER,
    )
    batch_size: int = Field(
        32,
        ge=1,
        description="Reviews a forward pass, on each process.",
        title="Batch size",
        json_schema_extra=OPTIMISER,
    )
    accumulation: int = Field(
        1, ge=1, description="Forward passes a step.", title="Gradient accumulation steps", json_schema_extra=OPTIMISER
    )
    clip_norm: float = Field(
        1.0,
        ge=0,
        description="Longer gradients are cut; 0 cuts none.",
        title="Max gradient norm",
        json_schema_extra=OPTIMISER,
    )
    epochs: float = Field(1.0, gt=0, description="Passes over the training reviews.", title="Epochs")
    evaluations: int = Field(
        4,
        ge=1,
        description="Validations and checkpoints a training run.",
        title="Validations per training",
        json_schema_extra=OPTIMISER,
    )
    evaluate_every: int | None = Field(
        None,
        ge=1,
        description="Instead of a number of validations.",
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
        17, description="Seed of initialisation, order and dropout.", title="Seed", json_schema_extra=OPTIMISER
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
        description="Choose the threshold of a positive review on validation.",
        title="Tune the threshold",
        json_schema_extra=RARE_CLASS,
    )


class TrainConfig(ModelOptions, OptimisationOptions, ImbalanceOptions):
    """Train one candidate on a snapshot, evaluate it on the test products, and record it in MLflow."""

    preset: Preset | None = Field(
        None,
        description="Settings to start from; fields given here win.",
        title="Published settings",
        json_schema_extra=EXPERTS,
    )
    snapshot: str | None = Field(
        None,
        description="Id of the snapshot; a new one of the whole lake when empty.",
        title="Snapshot",
        json_schema_extra=DATA,
    )
    train_reviews: int = Field(
        12_000, ge=100, description="At most so many, sampled from the snapshot.", title="Training reviews"
    )
    evaluation_reviews: int = Field(
        4_000,
        ge=50,
        description="At most so many to validate on while training.",
        title="Validation reviews",
        json_schema_extra=DATA,
    )
    test_reviews: int = Field(
        4_000,
        ge=50,
        description="At most so many; the same for every candidate.",
        title="Test reviews",
        json_schema_extra=DATA,
    )
    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="Stratified, beforehand; 0 for none.",
        title="Folds of a cross-validation",
        json_schema_extra=DATA,
    )
    fold_reviews: int = Field(
        2_000,
        ge=100,
        description="Reviews that the cross-validation is made on.",
        title="Reviews of the cross-validation",
        json_schema_extra=DATA,
    )
    processes: int = Field(
        1,
        ge=1,
        description="Processes that each train on their share of every step's reviews.",
        title="Data-parallel processes",
        json_schema_extra=EXPERTS,
    )
    stages: int = Field(
        1,
        ge=1,
        le=2,
        description="Processes that one recurrent network is divided over.",
        title="Pipeline stages per model",
        json_schema_extra=EXPERTS,
    )

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        preset = given.get("preset") if isinstance(given, dict) else None
        if preset is None:
            return given
        by_hand = {name: value for name, value in given.items() if value is not None}
        published = dict(PRESETS.get(preset, {}))
        if "warmup_share" in by_hand and "warmup_steps" not in by_hand:
            published.pop("warmup_steps", None)  # one of the two says how long, and the one by hand wins
        return {**published, **by_hand}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.imbalance == "smote" and self.family != "linear":
            raise ValueError("smote makes reviews of counts and fits the linear family alone; take oversampling")
        if self.imbalance == "focal" and self.family == "linear":
            raise ValueError("the linear family has no focal loss; take class_weights, oversampling or smote")
        if self.imbalance == "focal" and self.label_smoothing:
            raise ValueError("focal loss knows no label smoothing; leave label_smoothing at 0")
        if self.gradient_checkpointing and self.family in RECURRENT_FAMILIES:
            raise ValueError("recurrent families keep few activations; leave gradient_checkpointing off")
        if self.folds == 1:
            raise ValueError("one fold leaves nothing to train on; give 2 or more, or 0 for no cross-validation")
        if self.stages > 1 and self.family not in RECURRENT_FAMILIES:
            raise ValueError(f"only {', '.join(RECURRENT_FAMILIES)} can be divided into stages; take stages=1")
        if self.processes * self.stages > 1 and self.family == "linear":
            raise ValueError("the linear family trains in one process; take processes=1")
        return self

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate given, or the family's own."""
        return self.learning_rate if self.learning_rate is not None else LEARNING_RATES.get(self.family, 1e-4)
