"""From a configuration to an untrained neural model and the tokenizer that it reads with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.models.start import starting_model
from sentiment.training.models.words import read_vectors, word_ids, word_tokenizer

if TYPE_CHECKING:
    from torch import nn

    from sentiment.training.models.classifier import EncoderClassifier

log = logging.getLogger(__name__)


def build_model(config: TrainConfig, train: LabelledReviews) -> tuple[nn.Module, str]:
    """Return the module of the configuration's family and the content of its tokenizer.json.

    The module's `forward(input_ids, attention_mask)` gives logits [reviews, 2], and while it learns stars those of the
    stars behind them; new weights follow torch's seed. The recurrent families take their words from the training
    reviews, the others their tokenizer from the encoder.
    """
    if config.family in RECURRENT_FAMILIES:
        tokenizer_json = word_tokenizer(train, config.vocabulary)
        return _recurrent(config, word_ids(tokenizer_json)), tokenizer_json
    model, tokenizer_json = _encoder(config)
    if config.family == "lora":
        from sentiment.training.models.adapters import add_adapters

        add_adapters(model, config)
    if config.star_weight:
        model.learn_stars()
    return model, tokenizer_json


def _encoder(config: TrainConfig) -> tuple[EncoderClassifier, str]:
    from tokenizers import Tokenizer

    model, tokenizer_json = starting_model(config)
    if config.max_length > model.positions:
        raise ContractError(
            f"max_length {config.max_length} exceeds the {model.positions} positions of {config.encoder}; lower it"
        )
    tokens = Tokenizer.from_str(tokenizer_json).get_vocab_size()
    embedded = model.backbone.get_input_embeddings().num_embeddings
    if tokens > embedded:
        raise ContractError(
            f"the tokenizer of {config.encoder} has {tokens:,} tokens and the encoder knows {embedded:,}: they are not "
            "of one model; take the folder of one"
        )
    return model, tokenizer_json


def _recurrent(config: TrainConfig, ids: dict[str, int]) -> nn.Module:
    import torch

    from sentiment.training.models.recurrent import RecurrentClassifier, RecurrentShape

    kind: Any = config.family
    model = RecurrentClassifier(
        RecurrentShape(kind, len(ids), config.embedding_size, config.hidden_size, config.dropout)
    )
    if config.embeddings:
        rows, vectors = read_vectors(config.embeddings, ids, config.embedding_size)
        model.embedding.weight.data[torch.from_numpy(rows)] = torch.from_numpy(vectors)
        log.info("%s knows %d of the %d words", config.embeddings.name, len(rows), len(ids))
    return model
