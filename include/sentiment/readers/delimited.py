"""CSV and TSV, a row at a time, with a fault in place of each that cannot be told for certain.

A row that is not closed takes nothing with it: reading goes on at the next line. Python's own reader does the reading;
what it lets pass in silence is looked for here.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sentiment.readers.config import Quotes

# A text of a megabyte is read whole; a quote that nobody closes takes no more lines than these to be found.
csv.field_size_limit(1 << 24)

DELIMITERS = (",", ";", "|")
NOT_CLOSED = "the quotes of the row do not close; write a quote within a quoted value twice, or mend the row"
TAKES_IN = (
    "a quoted value takes in a line that looks like a row of its own; if it is none, say how quotes are written "
    "(--quotes doubled)"
)
TWO_WAYS = "a quote behind a backslash can be read in two ways; say which (--quotes doubled or --quotes backslash)"
BREAKS_OFF = "the file breaks off within its last row"


class Cells(NamedTuple):
    """A row: the number of the line on which it begins, its values or why it has none, and whether a line ends it."""

    line: int
    values: list[str]
    fault: str
    raw: str


_COMMAS_OF_A_SENTENCE = 4
# What a cell of a column without sentences holds: a number, a key, a word.
_CODE = re.compile(r"\S{1,40}")


@dataclass(frozen=True)
class Dialect:
    """How rows are written, whether the first names the columns, and whether a person said so.

    `numbers` and `codes` are the columns whose cells, as far as was looked, are nothing but that, or empty.
    """

    delimiter: str
    quotes: Quotes
    width: int = 0
    names_first: bool = True
    told: bool = False
    numbers: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Return Python's reader of such rows."""
        if self.quotes == "plain":
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def spelled(self, text: str) -> str:
        """Return a text with its quotes as the reader takes them; a backslash means nothing elsewhere."""
        return text.replace('\\"', '""') if self.quotes == "backslash" else text

    def whole(self, text: str) -> list[list[str]] | None:
        """Return the rows of a text that is nothing but whole rows of this width, None for another text."""
        try:
            rows = [row for row in self.reader(io.StringIO(self.spelled(text), newline="\n")) if row]
        except csv.Error:
            return None
        return rows if rows and all(len(row) == self.width for row in rows) else None


def header(lines: Iterable[str], delimiter: str, quotes: Quotes) -> list[str]:
    """Return the first row's values, none where there is no row or its quotes do not close."""
    dialect = Dialect(delimiter, quotes)
    try:
        return next((row for row in dialect.reader(map(dialect.spelled, lines)) if row), [])
    except csv.Error:
        return []


def delimiter_of(beginning: list[str], quotes: Quotes) -> str:
    """Return the delimiter by which the first row has most values; a comma where there is but one."""
    return max(DELIMITERS, key=lambda delimiter: len(header(beginning, delimiter, quotes)))


def rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Cells]:
    """Give the rows, but for one that names the columns; empty lines are none."""
    held = _Held(map(dialect.spelled, lines))
    reader = dialect.reader(held)
    names_next = dialect.names_first
    while True:
        held.begin()
        fault, values = "", list[str]()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fault = BREAKS_OFF if held.ended and _is_cut(held.taken, dialect) else NOT_CLOSED
        if not fault and not values:
            continue
        if names_next:
            names_next = False
            continue
        fault = fault or _fault(values, held.taken, dialect)
        raw = "".join(held.taken) if not fault else held.taken[0]
        yield Cells(held.line, values, fault, raw)
        if fault:
            held.back_to_the_second()


def studied(dialect: Dialect, beginning: list[str]) -> Dialect:
    """Return the dialect with what the rows of a file's beginning say of its columns."""
    cells = [row.values for row in rows(beginning, replace(dialect, told=True)) if not row.fault]
    columns = [[cell for cell in column if cell] for column in zip(*cells, strict=True)]
    numbers = [at for at, column in enumerate(columns) if column and all(map(is_number, column))]
    codes = [at for at, column in enumerate(columns) if column and all(map(_CODE.fullmatch, column))]
    return replace(dialect, numbers=tuple(numbers), codes=tuple(codes))


class _Held:
    """Lines, with those of the row that is being read held, so that all but the first can be read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.line = 1
        self.ended = False

    def __iter__(self) -> _Held:
        return self

    def __next__(self) -> str:
        if not self._again and (line := next(self._lines, None)) is not None:
            self._again.append(line)
        self.ended = not self._again
        if self.ended:
            raise StopIteration
        self.taken.append(self._again.popleft())
        return self.taken[-1]

    def begin(self) -> None:
        """Let go of the row before."""
        self.line += len(self.taken)
        self.taken = []

    def back_to_the_second(self) -> None:
        """Give the lines behind the row's first one again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.taken = self.taken[:1]


def _fault(values: list[str], taken: list[str], dialect: Dialect) -> str:
    if len(values) < dialect.width and not taken[-1].endswith("\n"):
        return BREAKS_OFF
    if len(values) != dialect.width:
        return (
            f"the row has {len(values)} values and the first row {dialect.width} columns; quote values that hold "
            f"{_spelt(dialect.delimiter)} or a line end, or mend the row"
        )
    if dialect.told or dialect.quotes == "plain":
        return ""
    if len(taken) > 1 and any(_is_row(line, dialect) for line in taken[1:]):
        return TAKES_IN
    return TWO_WAYS if dialect.quotes == "doubled" and _reads_otherwise(values, taken, dialect) else ""


def _is_cut(taken: list[str], dialect: Dialect) -> bool:
    """Tell whether a row that is open at the file's end was cut off there, or has a quote too many.

    One that has as many values as the others if quotes are nothing, or takes in rows, has one too many.
    """
    plain = next(csv.reader(taken[:1], delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE))
    return len(plain) != dialect.width and not any(_is_row(line, dialect) for line in taken[1:])


def _is_row(line: str, dialect: Dialect) -> bool:
    """Tell whether a line by itself is a row such as the others: as wide, with numbers and words where they have."""
    found = dialect.whole(line)
    if not found:
        return False
    numbers = [cell for at in dialect.numbers if (cell := found[0][at])]
    codes = [cell for at in dialect.codes if (cell := found[0][at])]
    if not (numbers or codes):
        # A sentence has some commas as well.
        return not (dialect.numbers or dialect.codes) and dialect.width > _COMMAS_OF_A_SENTENCE
    return all(map(is_number, numbers)) and all(map(_CODE.fullmatch, codes))


def _reads_otherwise(values: list[str], taken: list[str], dialect: Dialect) -> bool:
    text = "".join(taken)
    if '\\"' not in text:
        return False
    other = Dialect(dialect.delimiter, "backslash", dialect.width).whole(text)
    return other is not None and other != [values]


def is_number(text: str) -> bool:
    """Tell whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _spelt(delimiter: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(delimiter, f"a {delimiter}")
