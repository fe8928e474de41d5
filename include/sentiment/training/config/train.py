"""How a candidate is trained: its architecture, its optimisation, its data, its processes.

The fields are flat, because the form, the command line and MLflow's params are generated from them; the classes that
they come from only keep what belongs together in one place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from sentiment.core.config import DATA, EXPERTS, OPTIMISER, VerbConfig
from sentiment.core.names import Family
from sentiment.datasets.config import OnSnapshot
from sentiment.training.config.architecture import RECURRENT_FAMILIES, ModelOptions
from sentiment.training.config.augmentation import AugmentationOptions
from sentiment.training.config.averaging import AveragingOptions
from sentiment.training.config.mixing import MixingOptions
from sentiment.training.config.optimisation import ImbalanceOptions, OptimisationOptions, SearchedOptions
from sentiment.training.config.presets import PRESETS, Preset
from sentiment.training.config.selection import SelectionOptions
from sentiment.training.config.start import StartOptions
from sentiment.training.config.teaching import TeachingOptions

MOST_SEEDS = 20

# Peak learning rates where none is given: full fine-tuning of a small encoder, adapters, networks from nothing.
LEARNING_RATES: dict[Family, float] = {"encoder": 1e-4, "lora": 5e-4, "bilstm": 1e-3, "lstm": 1e-3, "gru": 1e-3}


class TrainingOptions(
    TeachingOptions, AugmentationOptions, OnSnapshot, ModelOptions, OptimisationOptions, ImbalanceOptions
):
    """What a training and a search for better settings share: everything but what a search varies."""

    preset: Preset | None = Field(
        None,
        description="Settings to start from; fields given here win.",
        title="Published settings",
        json_schema_extra=EXPERTS,
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
        published = {name: value for name, value in PRESETS.get(preset, {}).items() if name in cls.model_fields}
        if "warmup_share" in by_hand and "warmup_steps" not in by_hand:
            published.pop("warmup_steps", None)  # one of the two says how long, and the one by hand wins
        return {**published, **by_hand}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sentence := next(filter(None, self.refusals()), ""):
            raise ValueError(sentence)
        return self

    def refusals(self) -> Iterator[str]:
        """Yield of each kind of settings why they do not go together, and what to do; nothing where they do."""
        yield self._imbalance_refused()
        yield self._shape_refused()
        yield self.augmentation_refused(self.family, self.imbalance, self.stages)
        yield self.stars_refused(self.family)
        yield self.teacher_refused(self.family, self.imbalance, self.folds)

    def _imbalance_refused(self) -> str:
        if self.imbalance == "smote" and self.family != "linear":
            return "smote makes reviews of counts and fits the linear family alone; take oversampling"
        if self.imbalance == "focal" and self.family == "linear":
            return "the linear family has no focal loss; take class_weights, oversampling or smote"
        if self.imbalance == "focal" and self.label_smoothing:
            return "focal loss knows no label smoothing; leave label_smoothing at 0"
        return ""

    def _shape_refused(self) -> str:
        if self.gradient_checkpointing and self.family in RECURRENT_FAMILIES:
            return "recurrent families keep few activations; leave gradient_checkpointing off"
        if self.folds == 1:
            return "one fold leaves nothing to train on; give 2 or more, or 0 for no cross-validation"
        if self.stages > 1 and self.family not in RECURRENT_FAMILIES:
            return f"only {', '.join(RECURRENT_FAMILIES)} can be divided into stages; take stages=1"
        if self.processes * self.stages > 1 and self.family == "linear":
            return "the linear family trains in one process; take processes=1"
        return ""


class TrainConfig(AveragingOptions, MixingOptions, SelectionOptions, StartOptions, TrainingOptions, SearchedOptions):
    """A training of one candidate on a snapshot."""

    seeds: int = Field(
        1,
        ge=1,
        le=MOST_SEEDS,
        description="Train so many times, with `seed` and those after it, each on a sample of its own, to tell luck "
        "from skill.",
        title="Repetitions",
        json_schema_extra=OPTIMISER,
    )

    def refusals(self) -> Iterator[str]:
        """Yield also those of the settings that a search does not have."""
        yield from super().refusals()
        yield self.selection_refused(self.family, self.imbalance, self.folds)
        yield self.mixing_refused(self.snapshot, self.folds)
        yield self.averaging_refused(self.family, self.stages)
        yield self.start_refused(self.family, self.folds)

    @property
    def weighted(self) -> bool:
        """Whether it sees other shares of the classes than the reviews have: by weights, or by those of other data."""
        return super().weighted or bool(self.mixed_snapshots)

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate given, or the family's own."""
        return self.learning_rate if self.learning_rate is not None else LEARNING_RATES.get(self.family, 1e-4)

    @property
    def takes_encoder(self) -> bool:
        """Whether an encoder, or its words alone, is a part of it: to learn with, or to choose the reviews by."""
        return self.family not in RECURRENT_FAMILIES or self.selection == "doubt"

    def gives_one_model(self, available: float) -> bool:
        """Say whether every seed gives the same model: a linear one of all `available` reviews and nothing drawn."""
        drawn = self.imbalance in {"smote", "oversampling"} or self.mixed_snapshots or 0 < self.title_share < 1
        return self.family == "linear" and not drawn and self.train_reviews >= available


class TrainRequest(TrainConfig):
    """Train one candidate on a snapshot, evaluate it on the test products, and record it in MLflow.

    A training that was interrupted, or killed, goes on from its last checkpoint when it is asked for again.
    """

    resume: str = Field(
        "",
        description="Run of an interrupted training to go on with, with all of its settings; `sentiment trainings` "
        "lists them.",
        title="Run to go on with",
        json_schema_extra=EXPERTS,
    )

    @model_validator(mode="after")
    def _settings_of_the_run(self) -> Self:
        if self.resume and (given := sorted(self.model_fields_set - {"resume"})):
            raise ValueError(f"resume takes all settings of its run; leave out {', '.join(given)}")
        return self

    def training(self) -> TrainConfig:
        """Return the training that is asked for."""
        given = self.model_dump(exclude={"resume"})
        return TrainConfig.model_construct(self.model_fields_set - {"resume"}, **given)


class TrainingsConfig(VerbConfig):
    """List what trainings that have not come to their end keep on this machine, and remove what is not wanted."""

    remove: tuple[str, ...] = Field(
        (),
        description="Runs whose checkpoints are removed; all: those of every training that is not at work.",
        title="Runs to remove",
    )
