"""The cleaning of `ingest/clean.py` in pandas: the same patterns in the same order, for texts in memory.

Java's classes of characters are written out, since Python's `re` has none.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from html.entities import name2codepoint
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = "\x00-\x1f\x7f-\x9f"
_TAG = re.compile(r"(?s)<!--.*?-->|</?[a-zA-Z][^<>]{0,500}>")
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)[^ \t\n\x0b\f\r<>\"]+")
_EMAIL = re.compile(r"\b[a-zA-Z0-9_.+-]{1,64}@[a-zA-Z0-9_-]{1,63}(?:\.[a-zA-Z0-9_-]{1,63})+\b")
_INVISIBLE = re.compile(f"[{_CONTROL}\u00ad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\ufeff]")
_SPACE = re.compile(f"[ {_SEPARATORS}]+")
_NUMERIC_ENTITY = re.compile(r"&#[xX]?([0-9a-fA-F]{1,6});")
_NAMED_ENTITY = re.compile(r"&([a-zA-Z]{2,8}[0-9]{0,2});")
_NOTHING = re.compile(f"[ {_SEPARATORS}{_CONTROL}]*")


def clean(texts: pd.Series) -> pd.Series:
    """Return the cleaned texts; None gives the empty string."""
    texts = texts.fillna("")
    for _ in range(2):
        texts = _without_entities(texts)
    for pattern in (_TAG, _LINK, _EMAIL, _INVISIBLE):
        texts = texts.str.replace(pattern, " ", regex=True)
    texts = texts.str.normalize("NFC").str.replace(_glued(), r"\1 ", regex=True)
    return texts.str.replace(_SPACE, " ", regex=True).str.strip(" ")


def is_blank(texts: pd.Series) -> pd.Series:
    """Tell which texts hold white space and control characters alone."""
    return texts.str.fullmatch(_NOTHING, na=False)


def _without_entities(texts: pd.Series) -> pd.Series:
    marked = texts.str.contains("&", regex=False)
    numeric = texts[marked].str.replace(_NUMERIC_ENTITY, _character, regex=True)
    texts = texts.copy()
    texts[marked] = numeric.str.replace(_NAMED_ENTITY, _named, regex=True)
    return texts


def _character(entity: re.Match[str]) -> str:
    hexadecimal = entity[0][2] in "xX"
    if not hexadecimal and not entity[1].isdecimal():
        return " "
    code = int(entity[1], 16 if hexadecimal else 10)
    return chr(code) if 32 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF else " "


def _named(entity: re.Match[str]) -> str:
    code = name2codepoint.get(entity[1])
    return entity[0] if code is None else chr(code)


@cache
def _glued() -> re.Pattern[str]:
    lower, upper = _letters("Ll"), _letters("Lu")
    return re.compile(f"([{lower}]{{2}}[.!?]+)(?=[{upper}][{lower}]|[{upper}] )")


def _letters(category: str) -> str:
    return "".join(
        letter for code in range(sys.maxunicode + 1) if unicodedata.category(letter := chr(code)) == category
    )
