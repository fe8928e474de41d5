"""One row of a published data set, good or bad, and its text without markup. It knows no file format."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

# As in the lake: the letter right after < tells a tag from "<3", and 500 bounds what an unclosed one can swallow.
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]{0,500}>", re.DOTALL)


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


def plain(text: str) -> str:
    """Return a text without entities and tags, on one line; feeling (capitals, emoticons, !!!) stays."""
    # Twice, because published reviews hold entities of entities (&amp;quot;).
    text = html.unescape(html.unescape(text)) if "&" in text else text
    text = _TAG.sub(" ", text) if "<" in text else text
    # A lone surrogate, which JSON can spell, has no UTF-8 form; it becomes a question mark.
    text = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())
