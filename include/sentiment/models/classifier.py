"""A pretrained encoder with a classification head, behind the one call that all families share.

Knows how such a module is saved and loaded; where encoders come from is `models/encoders.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn


class EncoderClassifier(nn.Module):
    """Wraps a Hugging Face sequence classifier so that it takes ids and mask and returns bare logits."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for int64 ids and mask [reviews, tokens]."""
        logits: Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits

    @property
    def positions(self) -> int:
        """How many tokens of a review the encoder can number; RoBERTa and MPNet begin at 2."""
        config = self.network.config
        begins_at = 2 if config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"} else 0
        return int(config.max_position_embeddings) - begins_at

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json into an existing folder."""
        self.network.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path) -> EncoderClassifier:
        """Read what `save` wrote."""
        from transformers import AutoModelForSequenceClassification

        return cls(AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True))
