"""The settings that a training really has: what its family takes from the configuration, as it is used here.

What the form left open is filled in (the family's learning rate, this machine's number format), and what another family
would have used is left out.
"""

from __future__ import annotations

from typing import Any

from sentiment.training.config.architecture import RECURRENT_FAMILIES, ModelOptions
from sentiment.training.config.optimisation import OptimisationOptions, SearchedOptions
from sentiment.training.config.train import TrainConfig
from sentiment.training.hardware import training_precision

_OF_ENCODERS = {"head", "pooling"}
_OF_LORA = {"lora_rank", "lora_alpha", "lora_dropout", "lora_targets"}
_OF_RECURRENT = {"embeddings", "vocabulary", "embedding_size", "hidden_size", "dropout", "stages"}
_OF_LINEAR = {"buckets", "inverse_regularisation"}
_OF_FOCAL_LOSS = {"focal_gamma", "focal_alpha"}
_OF_FOLDS = {"fold_reviews"}
_OF_NETWORKS = {*OptimisationOptions.model_fields, *SearchedOptions.model_fields, "max_length", "processes"}
_OF_NETWORKS -= {"seed", "inverse_regularisation"}
_OF_WORDS_OF_AN_ENCODER = {"encoder"}
_OF_ENCODERS_LAYERS = {"layer_decay", "gradient_checkpointing"}


def effective_settings(config: TrainConfig) -> dict[str, Any]:
    """Return name and value of every setting that counts in this training, as JSON can hold them.

    Raises ContractError when this machine cannot train in the number format asked for.
    """
    given = config.model_dump(mode="json", exclude={*_idle(config), "seeds"})
    if config.family != "linear":
        given["learning_rate"] = config.peak_learning_rate
        given["precision"] = training_precision(config.precision, config.family)
    # What is trained comes before how: pydantic has the fields of the last base first.
    given = {name: given[name] for name in ModelOptions.model_fields if name in given} | given
    return {name: value for name, value in given.items() if value not in (None, "")}


def _idle(config: TrainConfig) -> set[str]:
    """Return the fields that change nothing in this training."""
    idle = _of_other_families(config)
    if config.imbalance != "focal":
        idle |= _OF_FOCAL_LOSS
    if not config.folds:
        idle |= _OF_FOLDS
    if config.warmup_steps is not None:
        idle |= {"warmup_share"}
    if config.evaluate_every is not None:
        idle |= {"evaluations"}
    return idle


def _of_other_families(config: TrainConfig) -> set[str]:
    if config.family == "linear":
        return _OF_ENCODERS | _OF_LORA | _OF_RECURRENT | _OF_NETWORKS
    if config.family in RECURRENT_FAMILIES:
        return _OF_WORDS_OF_AN_ENCODER | _OF_ENCODERS | _OF_LORA | _OF_LINEAR | _OF_ENCODERS_LAYERS
    return _OF_RECURRENT | _OF_LINEAR | (set() if config.family == "lora" else _OF_LORA)
