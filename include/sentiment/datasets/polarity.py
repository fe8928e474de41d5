"""Amazon Polarity as it is published: the CSV of Zhang et al. 2015 and the fastText form of the same reviews.

Zhang, Zhao, LeCun: Character-level Convolutional Networks for Text Classification, NIPS 2015. It knows lines of text,
and nothing of files or splits. The data set has neither stars nor categories.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from sentiment.core.text.clean import clean_text
from sentiment.datasets.rows import BadRow, Row

_LABELS = {"1": 0, "2": 1}
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
        yield _row(_LABELS[match[1]], title, text) if colon else _row(_LABELS[match[1]], "", title)


def _csv_row(fields: list[str]) -> Row | BadRow:
    if any(len(field) > _LONGEST_FIELD for field in fields):
        return BadRow(f"not CSV: a field of more than {_LONGEST_FIELD} characters")
    if len(fields) != 3:
        return BadRow(f"{len(fields)} columns, not label, title and content")
    label, title, text = fields
    if label.strip() not in _LABELS:
        return BadRow(f"the label is {label[:20]!r}, not 1 or 2")
    return _row(_LABELS[label.strip()], title.replace("\\n", "\n"), text.replace("\\n", "\n"))


def _row(label: int, title: str, text: str) -> Row | BadRow:
    text = clean_text(text)
    return Row(label, clean_text(title), text) if text else BadRow("the text is empty")


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
