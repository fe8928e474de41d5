"""Which candidates the benchmark of models trains: one of each family, and the base-size encoder where asked for."""

from __future__ import annotations

from typing import Any

from sentiment.training.config.train import TrainConfig
from sentiment_benchmarks.config import BenchmarkModelsConfig

BASE_ENCODER = "all-mpnet-base-v2"
# Lower layers of a base-size encoder keep what they know: a rate of 3e-5 that falls by a tenth a layer.
_BASE = {"encoder": BASE_ENCODER, "learning_rate": 3e-5, "layer_decay": 0.9, "batch_size": 16}
_RECURRENT = {"epochs": 2.0, "batch_size": 64}


def candidates(config: BenchmarkModelsConfig, data: str) -> dict[str, TrainConfig]:
    """Return the configurations to train on a data set, by name, the cheap ones first."""
    many, few = config.train_reviews, config.encoder_reviews
    fields: dict[str, dict[str, Any]] = {
        "linear": {"family": "linear", "train_reviews": many},
        "gru": {"family": "gru", "train_reviews": many, **_RECURRENT},
        "lstm": {"family": "lstm", "train_reviews": many, **_RECURRENT},
        "bilstm": {"family": "bilstm", "train_reviews": many, **_RECURRENT},
        "lora": {"family": "lora", "train_reviews": few},
        "encoder": {"family": "encoder", "train_reviews": few},
        "base encoder": {"family": "encoder", "train_reviews": config.base_reviews, **_BASE},
    }
    if not config.base_reviews:
        del fields["base encoder"]
    chosen = {name: given for name, given in fields.items() if not config.models or name in config.models}
    return {name: TrainConfig(seed=config.seed, **given) for name, given in chosen.items()}
