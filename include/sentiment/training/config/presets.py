"""Settings that were published, by the name of the study."""

from __future__ import annotations

from typing import Any, Literal

Preset = Literal["electronics-distilbert", "imdb-standard", "imdb-aggressive", "imdb-conservative", "lora-polarity"]

# A film review is twice as long as one of a product: half of them have more than 230 tokens, a seventh over 512.
_IMDB: dict[str, Any] = {
    **{"family": "encoder", "schedule": "linear", "warmup_steps": 500, "weight_decay": 0.01},
    "max_length": 256,
}

PRESETS: dict[str, dict[str, Any]] = {
    "electronics-distilbert": {
        "family": "encoder",
        "learning_rate": 2e-5,
        "batch_size": 32,
        "warmup_share": 0.1,
        "schedule": "constant",
        "weight_decay": 0.01,
        "precision": "auto",
        "epochs": 3.0,
    },
    "imdb-standard": {**_IMDB, "learning_rate": 2e-5, "batch_size": 16, "epochs": 3.0},
    "imdb-aggressive": {**_IMDB, "learning_rate": 5e-5, "batch_size": 16, "epochs": 3.0},
    "imdb-conservative": {**_IMDB, "learning_rate": 3e-5, "batch_size": 8, "epochs": 4.0, "weight_decay": 0.02},
    "lora-polarity": {
        "family": "lora",
        "lora_rank": 4,
        "lora_alpha": 32,
        "lora_dropout": 0.1,
        "lora_targets": "query",
        "learning_rate": 5e-4,
        "batch_size": 16,
        "epochs": 5.0,
        "patience": 2,
    },
}
