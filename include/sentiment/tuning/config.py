"""What a search for better settings is made of: what its trainings share, what it varies, and how it looks.

The fields of a training that every search varies are none of its own, and one that a list of values overrules is
refused: what is given counts.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sentiment.core.config import EXPERTS, SEARCH, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.architecture import ENCODER_FAMILIES, RECURRENT_FAMILIES, Head
from sentiment.training.config.optimisation import Imbalance, SearchedOptions
from sentiment.training.config.train import PRESETS, TrainConfig, TrainingOptions

Sampler = Literal["tpe", "random"]

# The field that a list of dropouts varies: encoders have none of their own.
_DROPOUTS: dict[Family, str] = {"lora": "lora_dropout", **dict.fromkeys(RECURRENT_FAMILIES, "dropout")}
_RANGES = ("learning_rate", "weight_decay", "inverse_regularisation")
# What one study may do more of without becoming another one.
_NO_PART_OF_THE_STUDY = {"study", "trials", "workers"}


class TuneConfig(TrainingOptions):
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
        (16, 32), description="32 alone when empty.", title="Batch sizes tried", json_schema_extra=SEARCH
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

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_searched(cls, given: Any) -> Any:
        for name in SearchedOptions.model_fields:
            if isinstance(given, dict) and given.get(name) is not None:
                instead = "batch_sizes" if name == "batch_size" else f"{name}_low and {name}_high"
                raise ValueError(f"a search tries {name} itself; give {instead}, one value to vary nothing")
        return given

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        for name in _RANGES:
            low, high = self._bounds(name)
            if low > high:
                raise ValueError(f"{name}_low {low} lies above {name}_high {high}; swap them")
        if self.processes * self.stages > 1:
            raise ValueError("a trial trains in one process; leave processes and stages at 1 and raise workers")
        for name in self._without_effect():
            raise ValueError(f"{name} says nothing to the family {self.family}; leave it as it is by default")
        for name, values in self.choices.items():
            self._require_tried(name, values)
            for value in values:
                self.candidate(**{name: value})
        return self

    def _without_effect(self) -> list[str]:
        """Return the fields that were changed and vary nothing of this family."""
        linear = self.family == "linear"
        idle = {
            "lora_ranks": self.family != "lora",
            "dropouts": self.family not in _DROPOUTS,
            "heads": self.family not in ENCODER_FAMILIES,
            "batch_sizes": linear,
            **{f"{name}_{end}": linear for name in ("learning_rate", "weight_decay") for end in ("low", "high")},
            **{f"inverse_regularisation_{end}": not linear for end in ("low", "high")},
        }
        return [name for name, is_idle in idle.items() if is_idle and self._changed(name)]

    def _require_tried(self, name: str, values: tuple[Any, ...]) -> None:
        """Refuse a single value that the values to try leave out; a preset's gives way to them."""
        if name not in type(self).model_fields or not self._changed(name):
            return
        value = getattr(self, name)
        if value not in values and value != PRESETS.get(self.preset or "", {}).get(name):
            tried = ", ".join(map(str, values))
            raise ValueError(f"{name} {value} is none of the values to try ({tried}); add it to them, or leave it out")

    def _changed(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

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
        base = self.model_dump(include=set(TrainingOptions.model_fields), exclude={"preset"})
        return TrainConfig(**{**base, **changes})

    def _bounds(self, name: str) -> tuple[float, float]:
        return getattr(self, f"{name}_low"), getattr(self, f"{name}_high")


class StudyConfig(VerbConfig):
    """Work on a study that `tune` opened, as one more worker."""

    study: str = Field(min_length=1, description="Name of the study.")
