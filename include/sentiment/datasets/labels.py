"""What the labels of a published data set say: words, 0 and 1, or 1 and 2.

Amazon Polarity has 1 and 2 in its authors' files, and 0 and 1 on the Hugging Face hub: a 1 is either class, and only
the other labels of its file tell which.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment.core.errors import ContractError

# A number whose meaning is open is kept as this and itself, beside 0 (negative) and 1 (positive).
OPEN = 10
NO_LABEL = -1
_WORDS = {"negative": 0, "neg": 0, "positive": 1, "pos": 1}
_TOLD = {"0": 0, "1": 1, **_WORDS}
_OPEN = {str(number): OPEN + number for number in (0, 1, 2)} | _WORDS


def code_of(given: Any, *, is_open: bool) -> int | None:
    """Return the code of a label as it stands in a row, None for what is none.

    With `is_open` numbers count from 0 or from 1; without, a positive review is 1.
    """
    # A column of numbers in which one was lacking is written with fractions.
    text = str(int(given) if isinstance(given, bool) else given).strip().casefold().removesuffix(".0")
    return (_OPEN if is_open else _TOLD).get(text)


def counts_from(codes: np.ndarray, files: np.ndarray, names: list[str]) -> int:
    """Return the number of a negative review, 0 or 1, by all labels that each of the files `names` has.

    Raises ContractError where they cannot tell: one file counts from 0 and another from 1, or one has both alike.
    """
    found = {file: _most(codes[files == file], names[file]) for file in np.unique(files)}
    told = {number: names[file] for file, number in found.items() if number is not None}
    if len(told) > 1:
        raise ContractError(f"{told[0]} has the labels 0 and 1, and {told[1]} 1 and 2; take both from one place")
    return next(iter(told), 1)


def labels_of(codes: np.ndarray, negative: int) -> np.ndarray:
    """Return the labels that codes stand for, NO_LABEL for a number that is neither class's."""
    numbers = codes - OPEN - negative
    return np.where(codes < OPEN, codes, np.where((numbers == 0) | (numbers == 1), numbers, NO_LABEL))


def _most(codes: np.ndarray, name: str) -> int | None:
    """Return the number of a file's negative reviews, None where it has neither 0 nor 2."""
    zeros, twos = (int((codes == OPEN + number).sum()) for number in (0, 2))
    if zeros == twos and zeros:
        raise ContractError(f"{name} has the labels 0, 1 and 2, and two of them are wanted; mend the file")
    return None if zeros == twos else int(twos > zeros)
