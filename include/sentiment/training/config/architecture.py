"""What is trained: a family of models and its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from sentiment.core.config import ADAPTERS, ENCODERS, LINEAR, MODEL, RECURRENT, Share, VerbConfig
from sentiment.core.names import Family

Head = Literal["linear", "mlp"]
Pooling = Literal["first", "mean"]
LoraTargets = Literal["query", "query_value", "all_linear"]

ENCODER_FAMILIES: tuple[Family, ...] = ("encoder", "lora")
RECURRENT_FAMILIES: tuple[Family, ...] = ("bilstm", "lstm", "gru")


class ModelOptions(VerbConfig):
    """What is trained."""

    family: Family = Field(
        "encoder",
        description="linear: minutes on a laptop. encoder: a pretrained transformer, fine-tuned. lora: the same "
        "with adapters. bilstm, lstm, gru: recurrent networks.",
        title="Model family",
    )
    encoder: str = Field(
        "all-MiniLM-L6-v2",
        description="Local folder, packaged model or hub name (families encoder, lora; the linear family, and a "
        "selection by doubt, take its tokenizer).",
        title="Pretrained encoder",
        json_schema_extra=ENCODERS,
    )
    max_length: int = Field(
        128,
        ge=8,
        description="Tokens of a review that the model sees, head and tail.",
        title="Tokens of a review",
        json_schema_extra=MODEL,
    )
    head_share: Share = Field(
        0.5,
        description="Share of those tokens taken from the beginning of a longer review.",
        title="Share taken from the beginning",
        json_schema_extra=MODEL,
    )
    head: Head = Field(
        "linear",
        description="What stands on an encoder: one linear layer, or a small network.",
        title="Head",
        json_schema_extra=ENCODERS,
    )
    pooling: Pooling = Field(
        "mean",
        description="What the head reads: the first token, or the mean of all.",
        title="Pooling",
        json_schema_extra=ENCODERS,
    )
    lora_rank: int = Field(
        8, ge=1, description="Rank of the adapters (family lora).", title="LoRA rank", json_schema_extra=ADAPTERS
    )
    lora_alpha: int = Field(
        16,
        ge=1,
        description="Scale of the adapters, divided by their rank.",
        title="LoRA alpha",
        json_schema_extra=ADAPTERS,
    )
    lora_dropout: Share = Field(
        0.1, description="Dropout before the adapters.", title="LoRA dropout", json_schema_extra=ADAPTERS
    )
    lora_targets: LoraTargets = Field(
        "query_value", description="Which linear layers get adapters.", title="LoRA layers", json_schema_extra=ADAPTERS
    )
    embeddings: Path | None = Field(
        None,
        description="fastText .vec or .vec.gz with word vectors for the recurrent families; learnt when empty.",
        title="Word vectors",
        json_schema_extra=RECURRENT,
    )
    vocabulary: int = Field(
        30_000,
        ge=100,
        description="Most frequent words that the recurrent families know.",
        title="Vocabulary (words)",
        json_schema_extra=RECURRENT,
    )
    embedding_size: int = Field(
        300,
        ge=4,
        description="Numbers a word vector (recurrent families).",
        title="Size of a word vector",
        json_schema_extra=RECURRENT,
    )
    hidden_size: int = Field(
        256,
        ge=4,
        description="Width of the recurrent layer, a direction.",
        title="Width of the recurrent layer",
        json_schema_extra=RECURRENT,
    )
    dropout: Share = Field(
        0.3, description="Dropout around the recurrent layer.", title="Dropout", json_schema_extra=RECURRENT
    )
    buckets: int = Field(
        2**20,
        ge=2**8,
        description="Hash buckets of the linear family's uni- and bigrams.",
        title="Hash buckets",
        json_schema_extra=LINEAR,
    )
