"""What a search for better settings is made of: the training that it starts from, what it varies, and how it looks."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sentiment.core.config import EXPERTS, SEARCH, VerbConfig
from sentiment.training.config.architecture import ENCODER_FAMILIES, RECURRENT_FAMILIES, Head
from sentiment.training.config.optimisation import Imbalance
from sentiment.training.config.train import TrainConfig

Sampler = Literal["tpe", "random"]

# The field that a list of dropouts varies: encoders have none of their own.
_DROPOUTS = {"lora": "lora_dropout", **dict.fromkeys(RECURRENT_FAMILIES, "dropout")}
# What one study may do more of without becoming another one.
_NO_PART_OF_THE_STUDY = {"study", "trials", "workers"}


class TuneConfig(TrainConfig):
    """Search for better settings of a training: trials on one study, each a training without a test."""

    study: str | None = Field(
        None,
        description="A study of this snapshot and these settings when empty.",
        title="Name of the study",
        json_schema_extra=EXPERTS,
    )
    trials: int = Field(
        12, ge=1, description="A search that is started again goes on to this number.", title="Settings to try"
    )
    workers: int = Field(
        2, ge=1, le=64, description="Processes that each train one trial after another.", title="Trials at a time"
    )
    sampler: Sampler = Field(
        "tpe",
        description="tpe: by what earlier trials gave; random: at random.",
        title="Sampler",
        json_schema_extra=SEARCH,
    )
    prune: bool = Field(
        True,
        description="Stop a trial that falls behind at a validation.",
        title="Stop early",
        json_schema_extra=SEARCH,
    )
    learning_rate_low: float = Field(
        1e-5,
        gt=0,
        description="Lowest peak learning rate that is tried.",
        title="Lowest learning rate tried",
        json_schema_extra=SEARCH,
    )
    learning_rate_high: float = Field(
        1e-3,
        gt=0,
        description="The same as the lowest varies nothing.",
        title="Highest learning rate tried",
        json_schema_extra=SEARCH,
    )
    weight_decay_low: float = Field(
        1e-6,
        gt=0,
        description="Lowest weight decay that is tried.",
        title="Lowest weight decay tried",
        json_schema_extra=SEARCH,
    )
    weight_decay_high: float = Field(
        1e-2,
        gt=0,
        description="The same as the lowest varies nothing.",
        title="Highest weight decay tried",
        json_schema_extra=SEARCH,
    )
    inverse_regularisation_low: float = Field(
        0.5,
        gt=0,
        description="Inverse regularisation of the family linear.",
        title="Lowest C tried",
        json_schema_extra=SEARCH,
    )
    inverse_regularisation_high: float = Field(
        32.0,
        gt=0,
        description="Inverse regularisation of the family linear.",
        title="Highest C tried",
        json_schema_extra=SEARCH,
    )
    batch_sizes: tuple[int, ...] = Field(
        (16, 32), description="The batch size alone when empty.", title="Batch sizes tried", json_schema_extra=SEARCH
    )
    lora_ranks: tuple[int, ...] = Field(
        (),
        description="Ranks to try (family lora); lora_rank alone when empty.",
        title="LoRA ranks tried",
        json_schema_extra=SEARCH,
    )
    dropouts: tuple[float, ...] = Field(
        (),
        description="Dropouts to try (lora and recurrent families).",
        title="Dropouts tried",
        json_schema_extra=SEARCH,
    )
    heads: tuple[Head, ...] = Field(
        (),
        description="Heads to try on an encoder; head alone when empty.",
        title="Heads tried",
        json_schema_extra=SEARCH,
    )
    imbalances: tuple[Imbalance, ...] = Field(
        (),
        description="Losses and samplings of the rare class to try.",
        title="Remedies for the rare class tried",
        json_schema_extra=SEARCH,
    )

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        for name in ("learning_rate", "weight_decay", "inverse_regularisation"):
            low, high = self._bounds(name)
            if low > high:
                raise ValueError(f"{name}_low {low} lies above {name}_high {high}; swap them")
        if self.processes * self.stages > 1:
            raise ValueError("a trial trains in one process; leave processes and stages at 1 and raise workers")
        fitting = {"lora_ranks": ("lora",), "dropouts": tuple(_DROPOUTS), "heads": ENCODER_FAMILIES}
        for name, families in fitting.items():
            if getattr(self, name) and self.family not in families:
                raise ValueError(f"{name} say nothing to the family {self.family}; leave them empty")
        for name, values in self.choices.items():
            for value in values:
                self.candidate(**{name: value})
        return self

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The fields of a training that are searched between two bounds, on a logarithmic scale."""
        names = ("inverse_regularisation",) if self.family == "linear" else ("learning_rate", "weight_decay")
        return {name: self._bounds(name) for name in names}

    @property
    def choices(self) -> dict[str, tuple[Any, ...]]:
        """The fields of a training that are searched among a few values."""
        lists: dict[str, tuple[Any, ...]] = {
            "batch_size": () if self.family == "linear" else self.batch_sizes,
            "lora_rank": self.lora_ranks,
            _DROPOUTS.get(self.family, ""): self.dropouts,
            "head": self.heads,
            "imbalance": self.imbalances,
        }
        return {name: tuple(dict.fromkeys(values)) for name, values in lists.items() if values}

    @property
    def question(self) -> dict[str, Any]:
        """What makes a study this one and no other: everything but its name and its size."""
        return self.model_dump(mode="json", exclude=_NO_PART_OF_THE_STUDY)

    def candidate(self, **changes: Any) -> TrainConfig:
        """Return the training that the search starts from, with `changes`; pydantic refuses what does not fit."""
        # Preset and fields given were merged when this configuration was made.
        base = self.model_dump(include=set(TrainConfig.model_fields), exclude={"preset"})
        return TrainConfig(**{**base, **changes})

    def _bounds(self, name: str) -> tuple[float, float]:
        return getattr(self, f"{name}_low"), getattr(self, f"{name}_high")


class StudyConfig(VerbConfig):
    """Work on a study that `tune` opened, as one more worker."""

    study: str = Field(min_length=1, description="Name of the study.")
