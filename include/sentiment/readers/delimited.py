"""CSV and TSV, a row at a time, with a fault in place of each that cannot be told for certain.

Where the quotes of a row never close, its first line alone is lost: reading goes on at the next one. Of a row over
several lines that is refused, no line is read as a row of its own. Python's own reader does the reading;
what it lets pass in silence is looked for here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from sentiment.readers.dialects import Dialect, Escaped, is_number, is_row
from sentiment.readers.held_lines import NOT_CLOSED, HeldLines, without_returns

RETURN = "a carriage return stands outside quotes, and a line ends with a line feed; save the file with such line ends"
TAKES_IN = (
    "a quoted value takes in a line that looks like a row of its own; if it is none, say how quotes are written "
    "(--quotes doubled)"
)
TAKEN_IN = "the line stands within a row that is refused"
TOO_LONG = (
    f"a value is longer than {csv.field_size_limit():,} characters, or its quotes do not close; shorten it, or write a "
    "quote within a quoted value twice"
)
TWO_WAYS = "a backslash of the row can be read in two ways; say which (--quotes doubled, backslash or plain)"
OUTSIDE = "two backslashes outside quotes can be one or two; enclose the value in quotes"
BREAKS_OFF = "the file breaks off within its last row"

_COMMAS_OF_A_SENTENCE = 4
# What a cell of a column without sentences holds: a number, a key, a word.
_CODE = re.compile(r"\S{1,40}")


class Cells(NamedTuple):
    """A row: the number of the line on which it begins, its values or why it has none, and its beginning."""

    line: int
    values: list[str]
    fault: str
    raw: str


def rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Cells]:
    """Give the rows, but for one that names the columns; empty lines are none, nor those of delimiters alone."""
    held = HeldLines(lines, dialect)
    reader = dialect.reader(held)
    names_next = dialect.names_first
    refused_to = 0
    while (found := _next(reader, held)) is not None:
        values, fault = found
        if not fault and not values:
            continue
        if names_next:
            names_next = not (fault or is_row(values))
            continue
        if _is_blank(held.taken, dialect):
            continue
        fault = fault or (TAKEN_IN if held.line <= refused_to else _fault(values, held, dialect))
        yield Cells(held.line, values, fault, held.taken[0] if fault else "".join(held.taken))
        if fault:
            refused_to = max(refused_to, _taken_along(values, held, dialect), _end_otherwise(held, dialect))
            held.back_to_the_second()


def why_no_names(first: str) -> str:
    """Say why a first line is no row of names."""
    return RETURN if "\r" in first.rstrip("\r\n") else NOT_CLOSED


def studied(dialect: Dialect, beginning: list[str]) -> Dialect:
    """Return the dialect with what the rows of a file's beginning say of its columns."""
    cells = [row.values for row in rows(beginning, replace(dialect, told=True)) if not row.fault]
    columns = [[cell for cell in column if cell] for column in zip(*cells, strict=True)]
    numbers = [at for at, column in enumerate(columns) if column and all(map(is_number, column))]
    codes = [at for at, column in enumerate(columns) if column and all(map(_CODE.fullmatch, column))]
    return replace(dialect, numbers=tuple(numbers), codes=tuple(codes))


def _next(reader: Iterator[list[str]], held: HeldLines) -> tuple[list[str], str] | None:
    """Return the next row's values, or why it has none; None behind the last."""
    held.begin()
    try:
        return next(reader), ""
    except StopIteration:
        return None
    except csv.Error as error:
        if str(error).startswith("field larger"):
            return [], TOO_LONG
        if not str(error).startswith("new-line"):
            return [], BREAKS_OFF if held.ended and _is_cut(held.taken, held.dialect) else NOT_CLOSED
    if not _first_of(held.dialect, held):
        held.reached = 0
    return [], RETURN


def _first_of(dialect: Dialect | Escaped, held: HeldLines) -> list[str]:
    """Return the values of the row that begins here as another dialect reads it, or without returns within lines."""
    try:
        return next(dialect.reader(held.ahead()), [])
    except csv.Error:
        return []


def _is_blank(taken: list[str], dialect: Dialect) -> bool:
    """Tell a spreadsheet's row without values; one behind which no line ends may be the beginning of one with some."""
    line = taken[0]
    return line.endswith("\n") and line.rstrip("\r\n") == dialect.delimiter * (dialect.width - 1)


def _fault(values: list[str], held: HeldLines, dialect: Dialect) -> str:
    if len(values) < dialect.width and not held.taken[-1].endswith("\n"):
        return BREAKS_OFF
    if len(values) != dialect.width:
        return (
            f"the row has {len(values)} values and the first row {dialect.width} columns; quote values that hold "
            f"{_spelt(dialect.delimiter)} or a line end, or mend the row"
        )
    if dialect.doubles_backslash_outside(held.taken):
        return OUTSIDE
    if dialect.told and dialect.quotes != "backslash":
        return ""
    if not dialect.told and _takes_in(held.taken, dialect):
        return TAKES_IN
    return TWO_WAYS if _reads_otherwise(values, held, dialect) else ""


def _taken_along(values: list[str], held: HeldLines, dialect: Dialect) -> int:
    """Return the last line that may be part of a row that is refused: its quotes close, or a backslash leads on."""
    last, text = (held.last, held.taken[-1]) if values else (held.line, held.taken[0])
    leads_on = text.rstrip("\r\n").endswith("\\") and (dialect.quotes == "backslash" or not dialect.told)
    return max(last + leads_on, held.reached)


def _end_otherwise(held: HeldLines, dialect: Dialect) -> int:
    """Return the last line of a refused row if it is a whole one in another dialect, 0 if it is in none."""
    ends = [0]
    # Where quotes mean themselves no line tells how far one that begins a value may reach.
    for other in () if dialect.told or dialect.quotes == "plain" else dialect.others(held.taken):
        held.reached = 0
        if len(_first_of(other, held)) == dialect.width:
            ends.append(held.reached)
    return max(ends)


def _is_cut(taken: list[str], dialect: Dialect) -> bool:
    """Tell whether a row that is open where the file ends within a line was cut off there, or has a quote too many.

    One that has as many values as the others if quotes are nothing, or takes in rows, has one too many.
    """
    if taken[-1].endswith("\n") or replace(dialect, quotes="plain").is_whole(taken[0]):
        return False
    return not any(_is_row(line, dialect) for line in taken[1:])


def _takes_in(taken: list[str], dialect: Dialect) -> bool:
    """Tell whether a row of several lines holds one that looks like a row of its own.

    Where the first value goes over lines, its last line has all values behind it: that counts only where the first
    line, its one quote taken for a letter, looks like a row as well.
    """
    first, *within = taken
    if (
        first.startswith('"')
        and dialect.bare_quotes(first) == 1
        and not _is_row(first, replace(dialect, quotes="plain"))
    ):
        within = within[:-1]
    return any(_is_row(line, dialect) for line in within)


def _is_row(line: str, dialect: Dialect) -> bool:
    """Tell whether a line by itself is a row such as the others: as wide, with numbers and words where they have."""
    found = dialect.is_whole(line)
    if not found:
        return False
    numbers = [cell for at in dialect.numbers if (cell := found[at])]
    codes = [cell for at in dialect.codes if (cell := found[at])]
    if not (numbers or codes):
        # A sentence has some commas as well.
        return not (dialect.numbers or dialect.codes) and dialect.width > _COMMAS_OF_A_SENTENCE
    return all(map(is_number, numbers)) and all(map(_CODE.fullmatch, codes))


def _reads_otherwise(values: list[str], held: HeldLines, dialect: Dialect) -> bool:
    """Tell whether a row from here on, which may be longer or shorter, is as wide in another dialect."""
    same = [without_returns(value) for value in values]
    found = (_first_of(other, held) for other in dialect.others(held.taken))
    return any(len(row) == dialect.width and row not in (same, _without_enclosing(same)) for row in found)


def _without_enclosing(values: list[str]) -> list[str]:
    """Take off the quotes around values that need none, which mean themselves, for nobody writes them so."""
    return [value[1:-1] if len(value) > 2 and value[0] == value[-1] == '"' else value for value in values]


def _spelt(delimiter: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(delimiter, f"a {delimiter}")
