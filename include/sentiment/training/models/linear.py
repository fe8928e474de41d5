"""A logistic regression over TF-IDF weighted hashed uni- and bigrams, as a torch module that exports like any encoder.

Token ids come in and logits go out; training it is `training/linear.py`, its buckets are `engine/features.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentiment.engine.features import bigram_buckets, unigram_buckets

# A linear model reads nearly the whole review at no cost; 512 tokens hold 94 % of electronics reviews whole.
LINEAR_MAX_LENGTH = 512


class HashedLinear(nn.Module):
    """Scores a review exactly as scikit-learn's `TfidfTransformer(sublinear_tf=True)` and `LogisticRegression` do.

    `idf` and `coefficients` are float32 [buckets]; a bucket whose idf is 0 does not count at all.
    """

    idf: Tensor

    def __init__(self, idf: Tensor, coefficients: Tensor, intercept: float, special_ids: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("idf", idf)
        self.coefficients = nn.Parameter(coefficients)
        self.intercept = nn.Parameter(torch.tensor(intercept, dtype=torch.float32))
        self.special_ids = tuple(special_ids)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits [reviews, 2] for int64 ids and mask [reviews, tokens]; their difference is the log odds."""
        features, exists = self._features(input_ids, attention_mask)
        # A feature that stands c times in a review appears c times here, so each appearance carries 1/c of it.
        counts = _appearances(features, exists)
        weights = (1 + counts.log()) * self._at(self.idf, features)
        share = exists / counts
        norm = (weights.square() * share).sum(1).clamp_min(1e-12).sqrt()
        half = ((weights * self._at(self.coefficients, features) * share).sum(1) / norm + self.intercept) / 2
        return torch.stack([-half, half], dim=1)

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json into an existing folder."""
        save_file(dict(self.state_dict()), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"special_ids": self.special_ids}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> HashedLinear:
        """Read what `save` wrote."""
        tensors = load_file(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(tensors["idf"], tensors["coefficients"], float(tensors["intercept"]), config["special_ids"])

    def _features(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the buckets [reviews, 2 * tokens - 1] of all uni- and bigrams, and 1.0 where there is one."""
        buckets = self.coefficients.shape[0]
        kept = attention_mask > 0
        for special in self.special_ids:
            kept = kept & (input_ids != special)
        left, right = input_ids[:, :-1], input_ids[:, 1:]
        features = torch.cat([unigram_buckets(input_ids, buckets), bigram_buckets(left, right, buckets)], dim=1)
        exists = torch.cat([kept, kept[:, :-1] & kept[:, 1:]], dim=1)
        return features, exists.to(torch.float32)

    def _at(self, table: Tensor, features: Tensor) -> Tensor:
        return table.index_select(0, features.flatten()).view(features.shape)


def _appearances(features: Tensor, exists: Tensor) -> Tensor:
    """Count how often each review holds each of its features, as float32 of the same shape; at least 1."""
    # Sorting makes equal features neighbours: n log n, where comparing all pairs takes n^2, a million at 512 tokens.
    # Places without a feature get -1, which is no bucket.
    ordered, origin = torch.where(exists > 0, features, -1).sort(dim=1)
    begins = torch.cat([torch.zeros_like(ordered[:, :1]), (ordered[:, 1:] != ordered[:, :-1]).to(torch.int64)], dim=1)
    runs = begins.cumsum(1)
    sizes = torch.zeros_like(exists).scatter_add(1, runs, torch.ones_like(exists)).gather(1, runs)
    return torch.zeros_like(exists).scatter(1, origin, sizes)
