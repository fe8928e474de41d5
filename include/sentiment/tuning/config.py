"""What a search for better settings is made of: what its trainings share, what it varies, and how it looks.

A search has no field for what it always varies, such as the learning rate, and refuses a single value that a list of
values would override: no option is ignored in silence.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic.fields import FieldInfo

from sentiment.core.config import EXPERTS, SEARCH, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.architecture import ENCODER_FAMILIES, RECURRENT_FAMILIES, Head, LoraTargets
from sentiment.training.config.optimisation import Imbalance, Schedule, SearchedOptions
from sentiment.training.config.presets import PRESETS
from sentiment.training.config.train import TrainConfig, TrainingOptions

Sampler = Literal["tpe", "random", "grid"]

# The field that a list of dropouts varies: encoders have none of their own.
_DROPOUTS: dict[Family, str] = {"lora": "lora_dropout", **dict.fromkeys(RECURRENT_FAMILIES, "dropout")}
_RANGES = ("learning_rate", "weight_decay", "inverse_regularisation")
# What one study may do more of without becoming another one.
_NO_PART_OF_THE_STUDY = {"study", "trials", "workers"}
# A grid of more is a typing mistake, or a case for another sampler.
_LARGEST_GRID = 10_000


def _tried(title: str, description: str) -> Any:
    """Return a field of values to try, none by default."""
    return Field((), title=f"{title} tried", description=description, json_schema_extra=SEARCH)


def _bound(value: float, title: str, description: str) -> Any:
    """Return the field of a bound between which is searched, above 0."""
    return Field(value, gt=0, title=title, description=description, json_schema_extra=SEARCH)


def _of_the_best(name: str) -> Any:
    """Return a field of trainings that the search hands on with the best settings, and no trial makes use of."""
    field = TrainingOptions.model_fields[name]
    said = f"Of the training with the best settings; a trial is judged by validation alone. {field.description}"
    return FieldInfo.merge_field_infos(field, description=said)


class TuneConfig(TrainingOptions):
    """Search for better settings of a training: trials on one study, each a training without a test."""

    test_reviews: int = _of_the_best("test_reviews")
    folds: int = _of_the_best("folds")
    fold_reviews: int = _of_the_best("fold_reviews")
    study: str | None = Field(
        None,
        description="A study of this snapshot and these settings when empty.",
        title="Name of the study",
        json_schema_extra=EXPERTS,
    )
    trials: int = Field(
        12,
        ge=1,
        description="A search that is started again goes on to this number; a grid has as many as it has combinations.",
        title="Settings to try",
    )
    workers: int = Field(
        2, ge=1, le=64, description="Processes that each train one trial after another.", title="Trials at a time"
    )
    sampler: Sampler = Field(
        "tpe",
        description="tpe: by what earlier trials gave; random: at random; grid: every combination of the values to try "
        "below, the rest as in a training.",
        title="Sampler",
        json_schema_extra=SEARCH,
    )
    prune: bool = Field(
        True,
        description="Stop a trial that falls behind at a validation.",
        title="Stop early",
        json_schema_extra=SEARCH,
    )
    learning_rate_low: float = _bound(1e-5, "Lowest learning rate tried", "Lowest peak learning rate that is tried.")
    learning_rate_high: float = _bound(1e-3, "Highest learning rate tried", "The same as the lowest varies nothing.")
    weight_decay_low: float = _bound(1e-6, "Lowest weight decay tried", "Lowest weight decay that is tried.")
    weight_decay_high: float = _bound(1e-2, "Highest weight decay tried", "The same as the lowest varies nothing.")
    inverse_regularisation_low: float = _bound(0.5, "Lowest C tried", "Inverse regularisation of the family linear.")
    inverse_regularisation_high: float = _bound(32.0, "Highest C tried", "Inverse regularisation of the family linear.")
    batch_sizes: tuple[int, ...] = Field(
        (16, 32),
        description="32 or the preset's alone when empty.",
        title="Batch sizes tried",
        json_schema_extra=SEARCH,
    )
    learning_rates: tuple[float, ...] = _tried("Learning rates", "Values instead of the range above.")
    schedules: tuple[Schedule, ...] = _tried("Learning rate schedules", "After warm-up; schedule alone when empty.")
    epoch_counts: tuple[float, ...] = _tried("Epochs", "Passes over the training reviews; epochs alone when empty.")
    max_lengths: tuple[int, ...] = _tried("Tokens of a review", "max_length alone when empty.")
    lora_ranks: tuple[int, ...] = _tried("LoRA ranks", "Ranks to try (family lora); lora_rank alone when empty.")
    lora_alphas: tuple[int, ...] = _tried("LoRA alphas", "Scales to try (family lora); lora_alpha alone when empty.")
    lora_layers: tuple[LoraTargets, ...] = _tried(
        "LoRA layers", "Of query, query_value and all_linear (family lora); lora_targets alone when empty."
    )
    dropouts: tuple[float, ...] = _tried("Dropouts", "Dropouts to try (lora and recurrent families).")
    heads: tuple[Head, ...] = _tried("Heads", "Heads to try on an encoder; head alone when empty.")
    imbalances: tuple[Imbalance, ...] = _tried(
        "Remedies for the rare class", "Losses and samplings of the rare class to try."
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
        for name in _RANGES:
            self._require_values(name)
        for name, values in self.choices.items():
            self._require_tried(name, values)
        for name, values in {**self.choices, **self.ranges}.items():
            for value in values:
                self.candidate(**{name: value})
        if self.sampler == "grid" and not 1 < self.size <= _LARGEST_GRID:
            raise ValueError(
                f"a grid of {self.size} is none to try; give 2 to {_LARGEST_GRID:,} combinations of values"
            )
        return self

    def _require_values(self, name: str) -> None:
        """Refuse a range where values are tried: those of a grid, and that of learning rates that are given."""
        low, high = self._bounds(name)
        listed = name == "learning_rate" and bool(self.learning_rates)
        ranged = self._changed(f"{name}_low") or self._changed(f"{name}_high")
        if ranged and (listed or (self.sampler == "grid" and low != high)):
            instead = "learning_rates" if name == "learning_rate" else "the two alike"
            raise ValueError(f"values are tried, and {name}_low and {name}_high are a range; give {instead}")

    def _without_effect(self) -> list[str]:
        """Return the fields that were changed and vary nothing of this family."""
        linear = self.family == "linear"
        idle = {
            **dict.fromkeys(("lora_ranks", "lora_alphas", "lora_layers"), self.family != "lora"),
            "dropouts": self.family not in _DROPOUTS,
            "heads": self.family not in ENCODER_FAMILIES,
            **dict.fromkeys(("batch_sizes", "learning_rates", "schedules", "epoch_counts", "max_lengths"), linear),
            **{f"{name}_{end}": linear for name in ("learning_rate", "weight_decay") for end in ("low", "high")},
            **{f"inverse_regularisation_{end}": not linear for end in ("low", "high")},
        }
        # An emptied list varies nothing, which is what the family does with it.
        return [name for name, is_idle in idle.items() if is_idle and self._changed(name) and getattr(self, name) != ()]

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
        searched = {name: self._bounds(name) for name in names if name != "learning_rate" or not self.learning_rates}
        if self.sampler != "grid":
            return searched
        return {name: (low, high) for name, (low, high) in searched.items() if low == high}

    @property
    def choices(self) -> dict[str, tuple[Any, ...]]:
        """The fields of a training that are searched among a few values."""
        lists: dict[str, tuple[Any, ...]] = {
            "batch_size": () if self.family == "linear" else self.batch_sizes,
            "learning_rate": self.learning_rates,
            "schedule": self.schedules,
            "epochs": self.epoch_counts,
            "max_length": self.max_lengths,
            "lora_rank": self.lora_ranks,
            "lora_alpha": self.lora_alphas,
            "lora_targets": self.lora_layers,
            _DROPOUTS.get(self.family, ""): self.dropouts,
            "head": self.heads,
            "imbalance": self.imbalances,
        }
        return {name: tuple(dict.fromkeys(values)) for name, values in lists.items() if values}

    @property
    def grid(self) -> list[dict[str, JsonValue]]:
        """Every combination of the values to try, the first values first; of a grid alone."""
        varied = self.choices if self.sampler == "grid" else {}
        return [dict(zip(varied, values, strict=True)) for values in product(*varied.values())] if varied else []

    @property
    def size(self) -> int:
        """How many trials the study shall have."""
        return len(self.grid) if self.sampler == "grid" else self.trials

    @property
    def question(self) -> dict[str, JsonValue]:
        """What makes a study this one and no other: everything but its name and its size."""
        return self.model_dump(mode="json", exclude=_NO_PART_OF_THE_STUDY)

    def candidate(self, **changes: Any) -> TrainConfig:
        """Return the training that the search starts from, with `changes`; pydantic refuses what does not fit."""
        # Preset and fields given were merged when this configuration was made, but for what every search varies.
        published = PRESETS.get(self.preset or "", {})
        searched = {name: value for name, value in published.items() if name in SearchedOptions.model_fields}
        base = self.model_dump(include=set(TrainingOptions.model_fields), exclude={"preset"})
        return TrainConfig(**{**searched, **base, **changes})

    def _bounds(self, name: str) -> tuple[float, float]:
        return getattr(self, f"{name}_low"), getattr(self, f"{name}_high")


class StudyConfig(VerbConfig):
    """A study that `tune` opened."""

    study: str = Field(min_length=1, description="Name of the study.")


class SearchConfig(StudyConfig):
    """Work on a study that `tune` opened, as one more worker."""

    caller: int | None = Field(
        None, ge=1, description="Id of the process that started this one; without it the search stops.", title="Caller"
    )
