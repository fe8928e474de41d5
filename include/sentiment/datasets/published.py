"""Published data sets, a row at a time: Amazon Polarity (CSV and fastText), and IMDb (JSON lines and its archive).

Zhang, Zhao, LeCun: Character-level Convolutional Networks for Text Classification, NIPS 2015; it has neither stars nor
categories. Maas, Daly, Pham, Huang, Ng, Potts: Learning Word Vectors for Sentiment Analysis, ACL 2011; its ten points
become five stars, two points a star, so that 7 and more (positive) are 4 stars and more, and 4 and less (negative) are
2 and less, as everywhere here.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sentiment.core.text.clean import clean_text


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


_POLARITY_LABELS = {"1": 0, "2": 1}
_LONGEST_FIELD = 131_072  # characters; the longest review of the data set has some 1,000
_FASTTEXT = re.compile(r"__label__([12]) (.*)", re.DOTALL)


def read_csv(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    r"""Give the rows of a CSV without header: label (1 negative, 2 positive), title, content.

    Fields are quoted, a quote within one is doubled, and a line break may be written as backslash and n.
    """
    for rows in _whole_rows(lines):
        try:
            yield from (_csv_row(fields) for fields in csv.reader(rows) if fields)
        except csv.Error as error:
            yield BadRow(f"not CSV: {error}")


def read_fasttext(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Give the rows of lines `__label__1 title: text`; the first colon and space end the title, without any it is "".

    That is how titles were joined to their texts, so an untitled review with a colon gets a title back.
    """
    for line in lines:
        if not line.strip():
            continue
        match = _FASTTEXT.match(line)
        if not match:
            yield BadRow("the line does not begin with __label__1 or __label__2")
            continue
        title, colon, text = match[2].partition(": ")
        yield (
            _polarity_row(_POLARITY_LABELS[match[1]], title, text)
            if colon
            else _polarity_row(_POLARITY_LABELS[match[1]], "", title)
        )


def _csv_row(fields: list[str]) -> Row | BadRow:
    if any(len(field) > _LONGEST_FIELD for field in fields):
        return BadRow(f"not CSV: a field of more than {_LONGEST_FIELD} characters")
    if len(fields) != 3:
        return BadRow(f"{len(fields)} columns, not label, title and content")
    label, title, text = fields
    if label.strip() not in _POLARITY_LABELS:
        return BadRow(f"the label is {label[:20]!r}, not 1 or 2")
    return _polarity_row(_POLARITY_LABELS[label.strip()], title.replace("\\n", "\n"), text.replace("\\n", "\n"))


def _whole_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Give the lines of a row together, by their quotes; one that is never closed takes lines up to the limit."""
    held: list[str] = []
    length, quotes = 0, 0
    for line in lines:
        held.append(line)
        length, quotes = length + len(line), quotes + line.count('"')
        if quotes % 2 == 0 or length > _LONGEST_FIELD:
            yield held
            held, length, quotes = [], 0, 0
    if held:
        yield held


def _polarity_row(label: int, title: str, text: str) -> Row | BadRow:
    text = clean_text(text)
    return Row(label, clean_text(title), text) if text else BadRow("the text is empty")


_IMDB_LABELS = {"neg": 0, "pos": 1}
_NAME = re.compile(r"(?:^|/)(neg|pos)/\d+_(\d+)\.txt$")
_MOST_POINTS = 10


def read_jsonl(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Give the rows of objects with `text`, `label` (0 or 1) and maybe `rating` (1-10), `title` and `category`."""
    for line in lines:
        if line.strip():
            yield _object_row(line)


def read_file(name: str, content: str) -> Row | BadRow:
    """Read one review of the archive, such as train/pos/123_8.txt: its label and its points stand in the name."""
    match = _NAME.search(name)
    if not match:
        return BadRow("the name is not like pos/123_8.txt, which holds a label and points")
    return _imdb_row(_IMDB_LABELS[match[1]], "", content, int(match[2]))


def _object_row(line: str) -> Row | BadRow:
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError also of numbers with thousands of digits
        return BadRow(f"not JSON: {error}")
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return BadRow("not an object with a text")
    if given.get("label") not in (0, 1):
        return BadRow(f"the label is {str(given.get('label'))[:20]!r}, not 0 or 1")
    category = clean_text(str(given.get("category") or ""))
    return _imdb_row(int(given["label"]), str(given.get("title") or ""), given["text"], given.get("rating"), category)


def _imdb_row(label: int, title: str, text: str, points: Any = None, category: str = "") -> Row | BadRow:
    text = clean_text(text)
    if not text:
        return BadRow("the text is empty")
    if points is None:
        return Row(label, clean_text(title), text, None, category)
    if not isinstance(points, int | float) or not 1 <= points <= _MOST_POINTS:
        return BadRow(f"the rating is {str(points)[:20]!r}, not 1 to {_MOST_POINTS}")
    return Row(label, clean_text(title), text, float(math.ceil(points / 2)), category)
