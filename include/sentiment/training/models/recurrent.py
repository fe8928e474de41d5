"""Recurrent networks over words: an embedding, a recurrent layer and an output, each a module of its own.

Word ids come in and logits go out; which id is which word is `models/words.py`. The three modules call one another in a
row, so that a training may divide them over processes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentiment.core.names import LABELS

RecurrentKind = Literal["bilstm", "lstm", "gru"]

PADDING_ID = 0
# The spread of fastText's components, so that learnt and given vectors begin alike; torch's own is 1.
EMBEDDING_SPREAD = 0.1


@dataclass(frozen=True)
class RecurrentShape:
    """What a network is made of; `words` counts the rows of the embedding, `hidden_size` is that of one direction."""

    kind: RecurrentKind
    words: int
    embedding_size: int
    hidden_size: int
    dropout: float

    @property
    def width(self) -> int:
        """Numbers a word that leave the recurrent layer."""
        return self.hidden_size * (2 if self.kind == "bilstm" else 1)


class RecurrentClassifier(nn.Module):
    """Reads a review's words one after another; padding on the right does not change its logits."""

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.words, shape.embedding_size, padding_idx=PADDING_ID)
        with torch.no_grad():
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_SPREAD)[PADDING_ID] = 0
        self.recurrent = BothDirections(shape) if shape.kind == "bilstm" else OneDirection(shape)
        self.output = AttentionOutput(shape) if shape.kind == "bilstm" else LastWordOutput(shape)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for int64 ids and mask [reviews, words]; every review has at least one word."""
        states = self.recurrent(self.embedding(input_ids), attention_mask)
        logits: Tensor = self.output(states, attention_mask)
        return logits

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json into an existing folder."""
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(asdict(self.shape)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RecurrentClassifier:
        """Read what `save` wrote."""
        model = cls(RecurrentShape(**json.loads((folder / "config.json").read_text(encoding="utf-8"))))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model


class OneDirection(nn.Module):
    """From word vectors [reviews, words, embedding] to states [reviews, words, hidden], first word to last."""

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(shape.dropout)
        self.forwards = _layer(shape)

    def forward(self, vectors: Tensor, attention_mask: Tensor) -> Tensor:
        """Padding stands on the right, behind all states that anything reads; the mask is not needed."""
        states: Tensor = self.forwards(self.dropout(vectors))[0]
        return states


class BothDirections(nn.Module):
    """From word vectors to states [reviews, words, 2 * hidden]: each word's from the left, then from the right."""

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(shape.dropout)
        self.forwards, self.backwards = _layer(shape), _layer(shape)

    def forward(self, vectors: Tensor, attention_mask: Tensor) -> Tensor:
        """Each review is turned round by its own length; a bidirectional layer would begin at the batch's padding."""
        vectors, order = self.dropout(vectors), _turned_round(attention_mask)
        from_right = self.backwards(_reordered(vectors, order))[0]
        return torch.cat([self.forwards(vectors)[0], _reordered(from_right, order)], dim=2)


class LastWordOutput(nn.Module):
    """One logit z from the state at the last real word, given as [-z/2, z/2].

    The softmax of these two is the sigmoid of z, so their cross-entropy is the binary cross-entropy of z.
    """

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(shape.dropout)
        self.linear = nn.Linear(shape.width, 1)

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for states [reviews, words, width] and mask [reviews, words]."""
        last = (attention_mask.sum(1) - 1).clamp_min(0)
        state = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)
        half = self.linear(self.dropout(state)) / 2
        return torch.cat([-half, half], dim=1)


class AttentionOutput(nn.Module):
    """Two logits from the states' mean, each weighted by softmax(v . tanh(W state + b)) over the real words.

    Yang, Yang, Dyer, He, Smola, Hovy: Hierarchical Attention Networks for Document Classification, NAACL 2016,
    equations 5 to 7.
    """

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(shape.dropout)
        self.projection = nn.Linear(shape.width, shape.width)
        self.context = nn.Linear(shape.width, 1, bias=False)
        self.linear = nn.Linear(shape.width, len(LABELS))

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for states [reviews, words, width] and mask [reviews, words]."""
        scores = self.context(torch.tanh(self.projection(states))).squeeze(2).float()
        weights = scores.masked_fill(attention_mask == 0, -1e9).softmax(1).to(states.dtype)
        logits: Tensor = self.linear(self.dropout((states * weights.unsqueeze(2)).sum(1)))
        return logits


def _layer(shape: RecurrentShape) -> nn.RNNBase:
    kind = nn.GRU if shape.kind == "gru" else nn.LSTM
    layer = kind(shape.embedding_size, shape.hidden_size, batch_first=True)
    # The gate that keeps the state begins open: Jozefowicz, Zaremba, Sutskever, ICML 2015, section 2.2. It lies second
    # in both: input, forget, cell, output of an LSTM; reset, update, new of a GRU.
    with torch.no_grad():
        layer.get_parameter("bias_ih_l0")[shape.hidden_size : 2 * shape.hidden_size] = 1
    return layer


def _turned_round(attention_mask: Tensor) -> Tensor:
    """Return [reviews, words]: for each place the one that it changes with, last real word for first; padding stays."""
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    mirrored = attention_mask.sum(1, keepdim=True) - 1 - places
    return torch.where(attention_mask > 0, mirrored, places)


def _reordered(vectors: Tensor, order: Tensor) -> Tensor:
    return vectors.gather(1, order.unsqueeze(2).expand(-1, -1, vectors.shape[2]))
