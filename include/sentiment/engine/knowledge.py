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
# How byte-level tokenizers write bytes (Radford et al. 2019): those that are printed in Latin 1 as they are, the others
# in the order of their values from U+0100 on.
_PRINTED = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = sorted({*range(0x100)} - {*_PRINTED})
_BYTES = {chr(byte): byte for byte in _PRINTED} | {chr(0x100 + at): byte for at, byte in enumerate(_OTHERS)}
_SPACE = chr(0x100 + _OTHERS.index(ord(" ")))


class Knowledge:
    """Three tables by token id, bool [vocabulary]: it goes on with a word; it is one by itself; it is counted.

    Punctuation is not counted. A word that stands first in a review, or behind punctuation, has no space before it, by
    which most tokenizers mark what begins a word.
    """

    def __init__(self, goes_on: np.ndarray, is_word: np.ndarray, counts: np.ndarray) -> None:
        self._goes_on, self._is_word, self._counts = goes_on, is_word, counts

    @classmethod
    def of(cls, vocabulary: Mapping[str, int], model: Mapping[str, Any]) -> Self:
        """Read a vocabulary; `model` is that part of a tokenizer.json."""
        tables = np.zeros((3, max(vocabulary.values(), default=0) + 1), bool)
        read = _reader(vocabulary, model)
        unknown = model.get("unk_token")
        for token, place in vocabulary.items():
            begins, bare = read(token)
            counts = token == unknown or any(map(_means, bare))
            word = counts and token != unknown and _is_word(bare)
            # What goes on with a word in pieces of words is marked, and is never one by itself.
            stands_alone = word and (begins or model.get("type") != "WordPiece")
            tables[:, place] = not begins and counts, stands_alone, counts
        return cls(*tables)

    def shares(self, ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return the share of known pieces, float32 [reviews], of whole reviews' ids without special tokens.

        Punctuation is not counted; a review of which nothing is counted has a share of -1.
        """
        lengths = np.array([len(review) for review in ids], np.int64)
        ends = np.cumsum(lengths)
        if not len(ends) or not ends[-1]:
            return np.full(len(ids), -1, np.float32)
        tokens = np.concatenate(ids)
        counts = self._counts[tokens]
        follows = np.append(False, counts[:-1])  # what is no punctuation, in the same review
        follows[(ends - lengths)[lengths > 0]] = False
        goes_on = self._goes_on[tokens] & follows
        whole = self._is_word[tokens] & ~goes_on & ~np.append(goes_on[1:], False)
        known, counted = _sums(whole, ends), _sums(counts, ends)
        return np.where(counted > 0, known / np.maximum(counted, 1), -1).astype(np.float32)


def no_surer(probability: np.ndarray, known: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the probabilities with those of reviews that are not `known` enough drawn to the threshold."""
    return np.where(known, probability, np.clip(probability, *probability_of(SUREST_OF_UNKNOWN, threshold)))


def _reader(vocabulary: Mapping[str, int], model: Mapping[str, Any]) -> Callable[[str], tuple[bool, str]]:
    """Return the function that tells of a token whether it begins a word, and its letters."""
    if model.get("type") == "WordLevel":
        return lambda token: (True, token)
    if model.get("type") == "WordPiece":
        prefix = model.get("continuing_subword_prefix", "##")
        return lambda token: (not token.startswith(prefix), token.removeprefix(prefix))
    if any(token.startswith(_SPACE) for token in vocabulary):
        return _read_bytes
    return lambda token: (token.startswith("\u2581"), token.lstrip("\u2581"))  # sentencepiece's sign for a space


def _read_bytes(token: str) -> tuple[bool, str]:
    """Read a token of a byte-level tokenizer: a letter a byte. What is a part of a sign alone is no word."""
    try:
        bare = bytes(_BYTES[letter] for letter in token).decode("utf-8", "replace")
    except KeyError:
        return False, token  # added to the vocabulary as it is
    return bare.startswith(" "), bare.lstrip(" ")


def _means(sign: str) -> bool:
    """Letters, numbers, and signs that are no punctuation, as emoji are."""
    return sign.isalnum() or unicodedata.category(sign) == "So"


def _is_word(bare: str) -> bool:
    if "\ufffd" in bare:
        return False
    if bare.isalpha():
        return len(bare) > 1 or bare.lower() in {"i", "a"}
    return all(unicodedata.category(sign) == "So" for sign in bare)


def _sums(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0], np.cumsum(values)])
    return np.diff(running[ends], prepend=0)
