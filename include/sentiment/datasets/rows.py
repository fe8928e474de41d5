"""One row of a published data set, good or bad, and what makes two texts one. It knows no file format."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A review with its label (0 or 1); stars are None, and the category is "", where the data set has none."""

    label: int
    title: str
    text: str
    stars: float | None = None
    category: str = ""


class BadRow(NamedTuple):
    """What stands where a review should, and why it is none."""

    reason: str


# All that is neither letter nor figure in ASCII, and the quotes, dashes and dots that programs put in its place.
_ASCII = bytes(code for code in range(128) if not chr(code).isalnum())
_TYPESET = dict.fromkeys(range(0x2000, 0x2070))


def bare(text: str) -> str:
    """Return the letters and figures of a text, small ones, by which its copies know one another.

    Capitals, punctuation and white space make no other text of it. What has no letter stays as it is.
    """
    small = text.casefold()
    if not small.isascii():
        small = small.translate(_TYPESET)
    return small.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass") or text
