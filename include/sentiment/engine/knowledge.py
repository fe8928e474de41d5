"""How much of a review a model can know: the share of its pieces that are whole words of the tokenizer's vocabulary.

Numbers, base64, letters of another alphabet and most words of another language fall into parts of words, or are unknown
altogether. Of 20,000 reviews of electronics under MiniLM's tokenizer the English ones have a share of 0.88 in the
middle and 0.58 at the lowest hundredth, the Spanish ones 0.11 to 0.25. Where too little begins is found by
`export/build.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from sentiment.engine.calibration import probability_of

# The confidence of a text of which too little is known is this at most.
SUREST_OF_UNKNOWN = 0.6


class Knowledge:
    """Three tables by token id, bool [vocabulary]: it begins a word; it continues one; it is no punctuation."""

    def __init__(self, begins: np.ndarray, goes_on: np.ndarray, counts: np.ndarray) -> None:
        self._begins, self._goes_on, self._counts = begins, goes_on, counts

    @classmethod
    def of(cls, vocabulary: Mapping[str, int], model: Mapping[str, Any]) -> Self:
        """Read a vocabulary; `model` is that part of a tokenizer.json."""
        tables = np.zeros((3, max(vocabulary.values(), default=0) + 1), bool)
        begins_word = _reader(model)
        unknown = model.get("unk_token")
        for token, place in vocabulary.items():
            begins, bare = begins_word(token)
            counts = token == unknown or any(map(_means, bare))
            whole = begins and counts and token != unknown and _is_word(bare)
            tables[:, place] = whole, not begins and counts, counts
        return cls(*tables)

    def shares(self, ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return the share of known pieces, float32 [reviews], of whole reviews' ids without special tokens.

        Punctuation is not counted; a review of which nothing is counted has a share of -1.
        """
        ends = np.cumsum([len(review) for review in ids], dtype=np.int64)
        if not len(ends) or not ends[-1]:
            return np.full(len(ids), -1, np.float32)
        tokens = np.concatenate(ids)
        goes_on = np.append(self._goes_on[tokens[1:]], False)
        goes_on[ends[ends > 0] - 1] = False  # the last token of one review, and the first of the next
        known = _sums(self._begins[tokens] & ~goes_on, ends)
        counted = _sums(self._counts[tokens], ends)
        return np.where(counted > 0, known / np.maximum(counted, 1), -1).astype(np.float32)


def no_surer(probability: np.ndarray, known: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the probabilities with those of reviews that are not `known` enough drawn to the threshold."""
    return np.where(known, probability, np.clip(probability, *probability_of(SUREST_OF_UNKNOWN, threshold)))


def _reader(model: Mapping[str, Any]) -> Callable[[str], tuple[bool, str]]:
    """Return the function that tells of a token whether it begins a word, and its letters."""
    if model.get("type") == "WordLevel":
        return lambda token: (True, token)
    if model.get("type") == "WordPiece":
        prefix = model.get("continuing_subword_prefix", "##")
        return lambda token: (not token.startswith(prefix), token.removeprefix(prefix))
    # Byte-level tokenizers mark the space before a word with the first sign, sentencepiece with the second.
    return lambda token: (token[:1] in {"\u0120", "\u2581"}, token.lstrip("\u0120\u2581"))


def _means(sign: str) -> bool:
    """Letters, numbers, and signs that are no punctuation, as emoji are."""
    return sign.isalnum() or unicodedata.category(sign) == "So"


def _is_word(bare: str) -> bool:
    if bare.isalpha():
        return len(bare) > 1 or bare.lower() in {"i", "a"}
    return all(unicodedata.category(sign) == "So" for sign in bare)


def _sums(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0], np.cumsum(values)])
    return np.diff(running[ends], prepend=0)
