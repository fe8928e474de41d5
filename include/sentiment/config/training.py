"""How a candidate is trained: its family and shape, its optimisation, its data, its processes.

The fields are flat, because the form, the command line and MLflow's params are generated from them; the classes below
only keep what belongs together in one place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sentiment.config.presets import PRESETS, Preset
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

    family: Family = Field("encoder", description="The model family.")
    encoder: str = Field(
        "all-MiniLM-L6-v2", description="Local folder, packaged model or hub name (families encoder, lora, linear)."
    )
    max_length: int = Field(128, ge=8, description="Tokens of a review that the model sees, head and tail.")
    head_share: Share = Field(0.5, description="Share of those tokens taken from the beginning of a longer review.")
    head: Head = Field("linear", description="What stands on an encoder: one linear layer, or a small network.")
    pooling: Pooling = Field("mean", description="What the head reads: the first token, or the mean of all.")
    lora_rank: int = Field(8, ge=1, description="Rank of the adapters (family lora).")
    lora_alpha: int = Field(16, ge=1, description="Scale of the adapters, divided by their rank.")
    lora_dropout: Share = Field(0.1, description="Dropout before the adapters.")
    lora_targets: LoraTargets = Field("query_value", description="Which linear layers get adapters.")
    embeddings: Path | None = Field(
        None, description="fastText .vec or .vec.gz with word vectors for the recurrent families; learnt when empty."
    )
    vocabulary: int = Field(30_000, ge=100, description="Most frequent words that the recurrent families know.")
    embedding_size: int = Field(300, ge=4, description="Numbers a word vector (recurrent families).")
    hidden_size: int = Field(256, ge=4, description="Width of the recurrent layer, a direction.")
    dropout: Share = Field(0.3, description="Dropout around the recurrent layer.")
    buckets: int = Field(2**20, ge=2**8, description="Hash buckets of the linear family's uni- and bigrams.")
    inverse_regularisation: float = Field(8.0, gt=0, description="C of the linear family's logistic regression.")


class OptimisationOptions(VerbConfig):
    """How the neural families learn (AdamW)."""

    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate; the family's own when empty.")
    schedule: Schedule = Field("cosine", description="How the learning rate falls after warm-up; constant: not.")
    warmup_share: Share = Field(0.1, description="Share of the steps in which the learning rate rises.")
    warmup_steps: int | None = Field(None, ge=0, description="Steps in which it rises, instead of a share.")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay.")
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Decay of the mean squared gradient.")
    epsilon: float = Field(1e-8, gt=0, description="Added to the root of the squared gradient.")
    layer_decay: float = Field(1.0, gt=0, le=1, description="Learning rate of an encoder's layer, of the one above.")
    batch_size: int = Field(32, ge=1, description="Reviews a forward pass, on each process.")
    accumulation: int = Field(1, ge=1, description="Forward passes a step.")
    clip_norm: float = Field(1.0, ge=0, description="Longest gradient; longer ones are cut. 0 cuts none.")
    epochs: float = Field(1.0, gt=0, description="Passes over the training reviews.")
    evaluations: int = Field(4, ge=1, description="Validations and checkpoints a training run.")
    evaluate_every: int | None = Field(None, ge=1, description="Steps between validations, instead of a number.")
    patience: int = Field(3, ge=1, description="Validations without a better macro F1 before training stops.")
    precision: Precision = Field("auto", description="Number format; auto takes bf16 or fp16 where the hardware can.")
    gradient_checkpointing: bool = Field(False, description="Compute activations twice instead of keeping them.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a label's weight spread over both.")
    seed: int = Field(17, description="Seed of initialisation, order and dropout.")


class ImbalanceOptions(VerbConfig):
    """What is done about the rare class."""

    imbalance: Imbalance = Field("none", description="Weights or focal loss, or more reviews of the rare class.")
    focal_gamma: float = Field(2.0, ge=0, description="How strongly focal loss looks away from easy reviews.")
    focal_alpha: Share = Field(0.25, description="Weight of positive reviews in focal loss; negative get the rest.")
    tune_threshold: bool = Field(False, description="Choose the threshold of a positive review on validation.")


class TrainConfig(ModelOptions, OptimisationOptions, ImbalanceOptions):
    """Train one candidate on a snapshot, evaluate it on the test products, and record it in MLflow."""

    preset: Preset | None = Field(None, description="Published settings to start from; fields given here win.")
    snapshot: str | None = Field(None, description="Id of the snapshot; a new one of the whole lake when empty.")
    train_reviews: int = Field(12_000, ge=100, description="Most reviews to train on, sampled from the snapshot.")
    evaluation_reviews: int = Field(4_000, ge=50, description="Most reviews to validate on while training.")
    test_reviews: int = Field(4_000, ge=50, description="Most reviews to test on; the same for every candidate.")
    folds: int = Field(0, ge=0, le=20, description="Stratified folds of a cross-validation beforehand; 0 for none.")
    fold_reviews: int = Field(2_000, ge=100, description="Reviews that the cross-validation is made on.")
    processes: int = Field(1, ge=1, description="Processes that each train on their share of every step's reviews.")
    stages: int = Field(1, ge=1, le=2, description="Processes that one recurrent network is divided over.")

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
