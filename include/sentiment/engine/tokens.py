"""Turn reviews into token ids, the same way in training and in scoring, and group them into batches.

A BERT-like tokenizer parts a text at white space and punctuation and looks at every word alone. So the ids of a word
are worked out once and remembered: the tokenizer's own, several times as fast.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.text.characters import joined
from sentiment.engine.knowledge import Knowledge

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# An English word piece is about 4.5 characters with its space, so 8 a token hardly ever starve the window, and what
# lies between head and tail costs no tokenising.
CHARACTERS_A_TOKEN = 8
# Some scripts have no spaces: what ends farther than this from where a text is cut is no word.
_LONGEST_WORD = 64
# Encodings of a whole review are large (six vectors each); this many at once bound the memory to some tens of MB.
REVIEWS_AT_ONCE = 1_024
# An engine prepares itself for every shape that it meets, and keeps that: some 4 MB each in OpenVINO for MiniLM. Steps
# of 8 make shapes come back, for 3 to 4 % of padding.
LENGTH_STEP = 8
# 200,000 words are some 40 MB; reviews of electronics hold about 100,000 different ones in 250,000 reviews.
WORDS, LONGEST_WORD = 200_000, 32
# What BertPreTokenizer makes of lower-cased ASCII: runs of letters and digits, and every punctuation mark by itself.
_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
# Control characters vanish from the text, and what stood around them joins.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class ReviewTokenizer:
    """A tokenizer file with a window: titles and texts in, arrays of token ids out.

    `max_length` counts special tokens. A longer review keeps `head_share` of the room from its beginning and the rest
    from its end. Truncation and padding that the file asks for are switched off.
    """

    def __init__(self, tokenizer_file: Path, max_length: int, head_share: float) -> None:
        try:
            content = tokenizer_file.read_text(encoding="utf-8")
        except OSError as error:
            raise ContractError(f"cannot read the tokenizer {tokenizer_file}: {error}; export it anew") from error
        self._set_up(content, max_length, head_share)

    @classmethod
    def from_json(cls, content: str, max_length: int, head_share: float) -> Self:
        """Make a tokenizer from the content of a tokenizer.json."""
        tokenizer = cls.__new__(cls)
        tokenizer._set_up(content, max_length, head_share)
        return tokenizer

    def encode(self, titles: Sequence[str], texts: Sequence[str]) -> list[np.ndarray]:
        """Return the int64 ids of every review, special tokens included, none longer than `max_length`."""
        return [self.window(ids) for ids in self.whole(titles, texts)]

    def whole(self, titles: Sequence[str], texts: Sequence[str]) -> list[np.ndarray]:
        """Return the int64 ids of every review without special tokens, before the window; far middles are left out."""
        ids: list[np.ndarray] = []
        for start in range(0, len(texts), REVIEWS_AT_ONCE):
            rows = slice(start, start + REVIEWS_AT_ONCE)
            cut = [self._cut(joined(title, text)) for title, text in zip(titles[rows], texts[rows], strict=True)]
            ids.extend(np.array(review, np.int64) for review in self._ids(cut))
        return ids

    def window(self, ids: np.ndarray) -> np.ndarray:
        """Return a review's head and tail as `max_length` allows, with the special tokens around them."""
        parts = [ids]
        if len(ids) > self._room:
            parts = [ids[: self._head], ids[len(ids) - (self._room - self._head) :]]
        return np.concatenate([self._before, *parts, self._after])

    def pad(self, batch: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return `(input_ids, attention_mask)`, both int64 [reviews, tokens], padded on the right.

        They are as wide as the longest review in whole steps of LENGTH_STEP, and no wider than `max_length`.
        """
        longest = max(map(len, batch), default=0)
        width = max(longest, min(_whole_steps(longest), self._max_length))
        input_ids = np.full((len(batch), width), self.pad_id, np.int64)
        attention_mask = np.zeros((len(batch), width), np.int64)
        for row, ids in enumerate(batch):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        return input_ids, attention_mask

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids that stand around every review."""
        return (*self._before.tolist(), *self._after.tolist())

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the vocabulary tells of the share of a review that is known; made when it is first asked for."""
        return Knowledge.of(self._tokenizer.get_vocab(), self._model)

    def _set_up(self, content: str, max_length: int, head_share: float) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # the binding raises plain Exception
            raise ContractError(f"this is not a tokenizer.json: {error}; export the model anew") from error
        description = json.loads(content)
        self._memory = WordMemory.of(self._tokenizer, description)
        self._model = description["model"]
        self.pad_id = _pad_id(self._tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before, self._after = (np.array(ids, np.int64) for ids in _special_tokens(self._tokenizer))
        room = max_length - len(self.special_ids)
        if room < 1:
            raise ContractError(f"max_length {max_length} leaves no room beside {len(self.special_ids)} special tokens")
        self._max_length, self._room, self._head = max_length, room, round(room * head_share)
        self._characters = max(self._head, room - self._head) * CHARACTERS_A_TOKEN

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of the texts: from the memory of words where there is one, else from the tokenizer."""
        known = [self._memory.ids(text) if self._memory is not None else None for text in texts]
        others = [row for row, ids in enumerate(known) if ids is None]
        encodings = self._tokenizer.encode_batch_fast([texts[row] for row in others], add_special_tokens=False)
        found = {row: list(encoding.ids) for row, encoding in zip(others, encodings, strict=True)}
        return [found[row] if ids is None else ids for row, ids in enumerate(known)]

    def _cut(self, text: str) -> str:
        """Drop the middle of a text far longer than the window, between words where one ends near, else within one."""
        side = self._characters
        if len(text) <= 2 * side:
            return text
        *head, last = text[:side].rsplit(None, 1) or [""]
        first, *tail = text[-side:].split(None, 1) or [""]
        begun = head[0] if head and len(last) <= _LONGEST_WORD else text[:side]
        ended = tail[0] if tail and len(first) <= _LONGEST_WORD else text[-side:]
        return f"{begun} {ended}"


class WordMemory(dict[str, list[int]]):
    """The ids of words, filled as they are met; `ids` gives those of a whole text.

    It knows plain ASCII texts and BERT-like tokenizers; for all else there is the tokenizer itself.
    """

    def __init__(self, tokenizer: Tokenizer, lower_case: bool, added: tuple[str, ...]) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self._lower_case = lower_case
        self._added = added

    @classmethod
    def of(cls, tokenizer: Tokenizer, description: dict[str, Any]) -> Self | None:
        """Return a memory for a tokenizer with the parsed tokenizer.json `description`, or None for another kind."""
        normalizer = description.get("normalizer") or {}
        parts = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer", "model": "WordPiece"}
        if any((description.get(part) or {}).get("type") != kind for part, kind in parts.items()):
            return None
        if not normalizer.get("clean_text"):
            return None
        added = tuple(token["content"].lower() for token in description.get("added_tokens") or [])
        return cls(tokenizer, bool(normalizer.get("lowercase")), added)

    def ids(self, text: str) -> list[int] | None:
        """Return the ids of a text without special tokens, or None for a text that only the tokenizer understands."""
        if not text.isascii() or _CONTROL.search(text):
            return None
        lowered = text.lower()
        # "[SEP]" in a review stands for the special token, however hostile that is.
        if any(token in lowered for token in self._added):
            return None
        words = _WORD.findall(lowered if self._lower_case else text)
        return list(chain.from_iterable(map(self.__getitem__, words)))

    def __missing__(self, word: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(word, add_special_tokens=False).ids
        if len(self) < WORDS and len(word) <= LONGEST_WORD:
            self[word] = ids
        return ids


def length_batches(lengths: Sequence[int], token_budget: int) -> Iterator[np.ndarray]:
    """Yield row numbers in batches of similar length, each of at most `token_budget` padded tokens (or one review).

    The longest come first, and as many together as the budget allows; the last ones by powers of two. So there are few
    shapes, and an engine meets them again.
    """
    longest_first = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(longest_first):
        left = len(longest_first) - start
        most = max(1, token_budget // max(1, _whole_steps(lengths[longest_first[start]])))
        end = start + (most if most <= left else 1 << (left.bit_length() - 1))
        yield longest_first[start:end]
        start = end


def _whole_steps(length: int) -> int:
    return -(-length // LENGTH_STEP) * LENGTH_STEP


def _pad_id(tokenizer: Tokenizer) -> int:
    """The padding id, which RoBERTa-like models need exactly: they count positions by it."""
    if tokenizer.padding:
        return int(tokenizer.padding["pad_id"])
    known = (tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
    return next((found for found in known if found is not None), 0)


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What the tokenizer's own post-processor puts before and after a text."""
    encoding = tokenizer.encode("a")
    ids, special = encoding.ids, encoding.special_tokens_mask
    if 0 not in special:
        half = len(ids) // 2
        return ids[:half], ids[half:]
    first, last = special.index(0), len(special) - special[::-1].index(0)
    return ids[:first], ids[last:]
