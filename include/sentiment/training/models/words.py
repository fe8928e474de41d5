"""The words that a recurrent network knows: a tokenizer made of the training reviews, and fastText's vectors for it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.text.characters import writable

PADDING, UNKNOWN, START = "[PAD]", "[UNK]", "[START]"


def word_tokenizer(reviews: LabelledReviews, vocabulary: int) -> str:
    """Return the content of a tokenizer.json with the reviews' most frequent words, lower-cased, at most `vocabulary`.

    [PAD] is 0 and [UNK] is 1. [START] stands before every review, or one without words would have no token at all.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [PADDING, UNKNOWN, START]
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocabulary + len(special), special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(_parts(reviews), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
    )
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(PADDING), pad_token=PADDING)
    return str(tokenizer.to_str())


def word_ids(tokenizer_json: str) -> dict[str, int]:
    """Return the words of a `word_tokenizer` with their ids, which are 0 to n - 1."""
    ids: dict[str, int] = json.loads(tokenizer_json)["model"]["vocab"]
    return ids


def read_vectors(file: Path, ids: Mapping[str, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of those words that the file knows, int64 [n], and their vectors, float32 [n, size].

    `file` is fastText's text form, plain or gzipped: a line "count size", then a word and its numbers a line. Raises
    ContractError naming file and line where it is not, and when it knows none of the words.
    """
    found: dict[int, np.ndarray] = {}
    for number, line in _lines(file, size):
        place = ids.get(line.split(" ", 1)[0])
        if place is not None:
            found[place] = _numbers(line, file, number)
    if not found:
        raise ContractError(f"{file} knows none of the {len(ids)} words; give vectors of the reviews' language")
    return np.array(list(found), np.int64), np.stack(list(found.values()))


def _parts(reviews: LabelledReviews) -> Iterator[str]:
    for parts in (reviews.titles, reviews.texts):
        yield from map(writable, parts)


def _lines(file: Path, size: int) -> Iterator[tuple[int, str]]:
    """Yield line numbers and the lines after the header, each of one word and `size` numbers."""
    number = 1
    try:
        with _opened(file) as lines:
            count = _header(next(lines, ""), file, size)
            for number, line in enumerate(lines, start=2):
                bare = line.rstrip("\n ")
                if bare.count(" ") != size:
                    raise _malformed(file, number, f"is no word with {size} numbers")
                yield number, bare
    except (OSError, EOFError, zlib.error) as error:
        raise _malformed(file, number, f"is followed by what cannot be read ({error})") from error
    if number - 1 != count:
        raise _malformed(file, number, f"is the last, where the first promises {count} words")


def _opened(file: Path) -> TextIO:
    # Only a line feed ends a line: some words hold other kinds of line ends. Bytes that are no UTF-8 match no word.
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="\n")
    return file.open(encoding="utf-8", errors="replace", newline="\n")


def _header(line: str, file: Path, size: int) -> int:
    count, _, found = line.strip().partition(" ")
    if not (count.isdecimal() and found.isdecimal()):
        raise _malformed(file, 1, "is not the count of words and their size")
    if int(found) != size:
        raise ContractError(f"{file} has vectors of {found} numbers and embedding_size is {size}; set it to {found}")
    return int(count)


def _numbers(line: str, file: Path, number: int) -> np.ndarray:
    try:
        vector = np.array(line.split(" ")[1:], np.float32)
    except ValueError as error:
        raise _malformed(file, number, f"holds something that is no number ({error})") from error
    if not np.isfinite(vector).all():
        raise _malformed(file, number, "holds a number that is not finite")
    return vector


def _malformed(file: Path, number: int, what: str) -> ContractError:
    return ContractError(
        f"{file}: line {number} {what}; fetch a fastText .vec or .vec.gz anew, or leave embeddings out"
    )
