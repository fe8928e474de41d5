"""Published data sets, a row at a time: Amazon Polarity and IMDb, in the columns, lines and files that they come in.

Zhang, Zhao, LeCun: Character-level Convolutional Networks for Text Classification, NIPS 2015; it has neither stars nor
categories. Maas, Daly, Pham, Huang, Ng, Potts: Learning Word Vectors for Sentiment Analysis, ACL 2011; its ten points
become five stars, two points a star, so that 7 and more (positive) are 4 stars and more, and 4 and less (negative) are
2 and less, as everywhere here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sentiment.core.text.clean import cell_text
from sentiment.datasets.labels import code_of
from sentiment.readers.config import FileOptions
from sentiment.readers.schemas import mapping_of

POLARITY = "amazon_polarity"
# The columns of the authors' files, which do not name them.
COLUMNS_OF_POLARITY = ("label", "title", "text")


class Row(NamedTuple):
    """A review with its label (0, 1, or a code of `labels`); stars are None, the category is "", where it has none."""

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


_FASTTEXT_LABELS = {"1": 0, "2": 1}
_FASTTEXT = re.compile(r"__label__([12]) (.*)", re.DOTALL)
_FOLDERS = {"neg": 0, "pos": 1}
_NAME = re.compile(r"(?:^|/)(neg|pos)/\d+_(\d+)\.txt$")
_MOST_POINTS = 10
# What a label's column is called: on the hub, by Kaggle's IMDb, and by Kaggle's Amazon reviews.
_LABELS = ("label", "sentiment", "polarity")
_WANTED = {POLARITY: "label, title and content", "imdb": "text and label"}
_NO_LABEL = {POLARITY: "1 or 2 (0 or 1 on the hub)", "imdb": "0 or 1"}


def review(dataset: str, values: Mapping[str, Any]) -> Row | BadRow:
    """Return what a row's columns hold: text and label, and maybe title, rating (1 to 10) and category.

    In Amazon Polarity a line break may be written as backslash and n, and what a number means as label stays open.
    """
    columns = tuple(values)
    if several := several_labels(columns):
        return BadRow(several)
    roles = roles_of(columns)
    if not {"text", "label"} <= roles.keys():
        named = ", ".join(name for name in values if not name.isdecimal())
        return BadRow(f"{len(values)} columns, not {_WANTED[dataset]}{named and ': '}{named[:80]}")
    given, text = values[roles["label"]], values[roles["text"]]
    title = str(values.get(roles.get("title", "")) or "")
    label = code_of(given, is_open=dataset == POLARITY)
    if label is None:
        return BadRow(f"the label is {str(given)[:20]!r}, not {_NO_LABEL[dataset]}")
    if not isinstance(text, str):
        return BadRow("there is no text")
    if dataset == POLARITY:
        return _row(label, title.replace("\\n", "\n"), text.replace("\\n", "\n"))
    category = cell_text(str(values.get("category") or ""))
    return _row(label, title, text, values.get("rating"), category)


@lru_cache(maxsize=1024)
def roles_of(columns: tuple[str, ...]) -> dict[str, str]:
    """Return which of the columns are text, title and label, as far as they are known."""
    small = {column.strip().casefold(): column for column in reversed(columns)}
    found = mapping_of(columns, FileOptions()).columns
    label = next((small[name] for name in _LABELS if name in small), None)
    return {role: column for role in ("text", "title") if (column := found.get(role))} | (
        {"label": label} if label is not None else {}
    )


@lru_cache(maxsize=1024)
def several_labels(columns: tuple[str, ...]) -> str:
    """Say which of the columns may all be the label, as where somebody's own stands beside a decision of `predict`."""
    found = [column for column in columns if column.strip().casefold() in _LABELS]
    return f"{' and '.join(found)} may each be the label; leave one of them, and rename the rest" if found[1:] else ""


def read_fasttext(line: str) -> Row | BadRow:
    """Read a line `__label__1 title: text`; the first colon and space end the title, without any it is "".

    That is how titles were joined to their texts, so an untitled review with a colon gets a title back.
    """
    match = _FASTTEXT.match(line)
    if not match:
        return BadRow("the line does not begin with __label__1 or __label__2")
    title, colon, text = match[2].partition(": ")
    return _row(_FASTTEXT_LABELS[match[1]], title if colon else "", text if colon else title)


def read_file(name: str, content: str) -> Row | BadRow:
    """Read one review of the archive, such as train/pos/123_8.txt: its label and its points stand in the name."""
    match = _NAME.search(name)
    if not match:
        return BadRow("the name is not like pos/123_8.txt, which holds a label and points")
    return _row(_FOLDERS[match[1]], "", content, int(match[2]))


def _row(label: int, title: str, text: str, points: Any = None, category: str = "") -> Row | BadRow:
    text = cell_text(text)
    if not text:
        return BadRow("the text is empty")
    if points in (None, ""):
        return Row(label, cell_text(title), text, None, category)
    try:
        number = float(points)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 1 <= number <= _MOST_POINTS:
        return BadRow(f"the rating is {str(points)[:20]!r}, not 1 to {_MOST_POINTS}")
    return Row(label, cell_text(title), text, float(math.ceil(number / 2)), category)
