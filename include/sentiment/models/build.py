"""From a configuration to an untrained neural model and the tokenizer that it reads with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentiment.config import TrainConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.errors import ContractError
from sentiment.models.encoders import build_encoder, encoder_tokenizer

if TYPE_CHECKING:
    from torch import nn


def build_model(config: TrainConfig, train: LabelledReviews) -> tuple[nn.Module, str]:
    """Return the module of the configuration's family and the content of its tokenizer.json.

    The module's `forward(input_ids, attention_mask)` gives logits [reviews, 2]; new weights follow torch's seed.
    """
    model = build_encoder(config.encoder, config.head, config.pooling)
    if config.max_length > model.positions:
        raise ContractError(
            f"max_length {config.max_length} exceeds the {model.positions} positions of {config.encoder}; lower it"
        )
    return model, encoder_tokenizer(config.encoder)
