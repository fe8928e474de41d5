"""A pretrained encoder under a pooling and a head, behind the one call that all families share.

Where encoders come from is `models/encoders.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS, STAR_THRESHOLDS
from sentiment.training.config.architecture import Head, Pooling

MLP_WIDTH = 256
# Architectures that number a review's tokens from the padding id + 1 on.
NUMBERED_AFTER_PADDING = {
    *("camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "roberta"),
    *("roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
}
# What an encoder that numbers no positions, or relative ones alone, can read.
_ANY_LENGTH = 2**31


class EncoderClassifier(nn.Module):
    """An encoder whose token states are pooled into one vector, from which a head makes two logits.

    While it is trained another one may stand beside it, which learns the stars; it is no part of what is saved.
    """

    def __init__(self, backbone: Any, head: Head = "linear", pooling: Pooling = "mean") -> None:
        super().__init__()
        self.backbone = backbone
        self.head_kind, self.pooling = head, pooling
        self.head = _head(head, backbone.config)
        self.star_head: nn.Module | None = None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for int64 ids and mask [reviews, tokens].

        In training mode those of a star head follow: [reviews, 2 + thresholds between stars].
        """
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = self._pooled(states, attention_mask)
        logits: Tensor = self.head(pooled)
        if self.training and self.star_head is not None:
            return torch.cat([logits, self.star_head(pooled)], dim=1)
        return logits

    def learn_stars(self) -> None:
        """Add a linear head for the stars, to learn with."""
        self.star_head = _linear_head(self.backbone.config, len(STAR_THRESHOLDS))

    def forget_stars(self) -> None:
        """Leave that head out, once all is learnt."""
        self.star_head = None

    @property
    def positions(self) -> int:
        """How many tokens of a review the encoder can number."""
        config = self.backbone.config
        places = int(getattr(config, "max_position_embeddings", None) or -1)
        if places < 0:
            return _ANY_LENGTH
        begins_at = int(config.pad_token_id) + 1 if config.model_type in NUMBERED_AFTER_PADDING else 0
        return places - begins_at

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """Called by the Trainer; raises ContractError when the architecture cannot compute its activations twice."""
        try:
            self.backbone.activation_checkpointing_enable(**options)
        except ValueError as error:
            raise ContractError(f"{error} Turn gradient_checkpointing off.") from error

    def save(self, folder: Path) -> None:
        """Write model.safetensors, config.json (the encoder's) and classifier.json into an existing folder."""
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / "model.safetensors")
        self.backbone.config.save_pretrained(folder)
        kind = {"head": self.head_kind, "pooling": self.pooling}
        (folder / "classifier.json").write_text(json.dumps(kind), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EncoderClassifier:
        """Read what `save` wrote."""
        kind = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        model = cls(_empty_backbone(folder), kind["head"], kind["pooling"])
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model

    def _pooled(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        if self.pooling == "first":
            return states[:, 0]
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1).clamp_min(1)


def without_pooler(backbone: Any) -> Any:
    """Return an encoder without the layer that our head, which reads the token states, has no use for.

    It would neither train nor export.
    """
    if hasattr(backbone, "pooler"):
        backbone.pooler = None
    return backbone


def _empty_backbone(folder: Path) -> Any:
    """Build the encoder that a folder's config.json describes, its weights still to be loaded."""
    from transformers import AutoConfig, AutoModel

    config: Any = AutoConfig.from_pretrained(folder)
    return without_pooler(AutoModel.from_config(config))  # type: ignore[no-untyped-call]


def _head(kind: Head, config: Any) -> nn.Module:
    if kind == "linear":
        return _linear_head(config, len(LABELS))
    layers = [nn.Dropout(0.2), nn.Linear(int(config.hidden_size), MLP_WIDTH), nn.ReLU(), nn.Dropout(0.1)]
    layers.append(nn.Linear(MLP_WIDTH, len(LABELS)))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=(2 / layer.in_features) ** 0.5)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _linear_head(config: Any, outputs: int) -> nn.Module:
    linear = nn.Linear(int(config.hidden_size), outputs)
    nn.init.normal_(linear.weight, std=getattr(config, "initializer_range", 0.02))
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.Dropout(0.1), linear)
