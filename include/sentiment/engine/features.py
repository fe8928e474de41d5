"""Hashed uni- and bigrams of token ids as a sparse count matrix, in vectorised NumPy.

`training/models/linear.py` computes the same buckets in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Odd multipliers and a Mersenne prime. Ids stay below 2^20, so every product and sum fits int64 exactly, in NumPy,
# torch and ONNX alike. The offset keeps a unigram apart from a bigram that ends in id 0.
FIRST, SECOND, OFFSET, PRIME = 1_000_003, 2_654_435_761, 97_531, 2**31 - 1


def count_buckets(ids: Sequence[np.ndarray], special_ids: Sequence[int], buckets: int) -> csr_matrix:
    """Return float32 counts [reviews, buckets] of every review's unigrams and bigrams, special tokens dropped.

    A bigram is two neighbouring tokens of one review of which neither is special.
    """
    from scipy.sparse import csr_matrix

    rows, tokens = _flatten(ids)
    kept = ~np.isin(tokens, np.asarray(special_ids))
    pairs = kept[:-1] & kept[1:] & (rows[:-1] == rows[1:])
    columns = np.concatenate(
        [unigram_buckets(tokens[kept], buckets), bigram_buckets(tokens[:-1][pairs], tokens[1:][pairs], buckets)]
    )
    places = np.concatenate([rows[kept], rows[:-1][pairs]])
    ones = np.ones(len(columns), np.float32)
    # The constructor adds up what falls on the same place.
    return csr_matrix((ones, (places, columns.astype(np.int32))), shape=(len(ids), buckets))


def unigram_buckets(ids: Any, buckets: int) -> Any:
    """Hash ids elementwise; an int64 NumPy array or torch tensor in, the same kind out."""
    return (ids * FIRST + OFFSET) % PRIME % buckets


def bigram_buckets(left: Any, right: Any, buckets: int) -> Any:
    """Hash pairs of ids elementwise; int64 NumPy arrays or torch tensors in, the same kind out."""
    return (left * FIRST + right * SECOND) % PRIME % buckets


def _flatten(ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the review number of every token, and all tokens one after another."""
    rows = np.repeat(np.arange(len(ids)), [len(review) for review in ids])
    tokens = np.concatenate(ids) if len(ids) else np.empty(0, np.int64)
    return rows, tokens
