"""How rows of CSV and TSV are written, and the readers of such rows; it knows of no file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sentiment.readers.config import Quotes

# A text of a megabyte is read whole; a quote that nobody closes takes no more characters than these to be found.
csv.field_size_limit(1 << 24)

DELIMITERS = (",", ";", "|")
# "sep=;" above the names, by which a spreadsheet is told the delimiter.
_TELLS_DELIMITER = ["sep=", ""]
_BACKSLASH = re.compile(r'\\["\\]?')
_QUOTE = {"doubled": re.compile('""|(")'), "backslash": re.compile(r'\\["\\]|""|(")'), "plain": re.compile("(?!)()")}
_ENCLOSED = re.compile(r'\\"|"(?:[^"\\]|\\.|"")*"', re.DOTALL)


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
        r"""Return a reader of such rows; with backslashes as Spark writes them, where "\n" is no line end."""
        if self.quotes == "plain":
            return _split(lines, self.delimiter)
        if self.quotes == "backslash":
            return csv.reader(map(_twice, lines), delimiter=self.delimiter, escapechar="\\", strict=True)
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def others(self, lines: list[str]) -> Iterator[Dialect | Escaped]:
        """Give the dialects in which a row that begins on these lines may be written as well."""
        text = "".join(lines)
        behind = re.escape(self.delimiter)
        if self.quotes == "plain" and re.search(rf'(^|{behind})"', text):
            yield replace(self, quotes="doubled")
        if self.quotes != "backslash" and '\\"' in text:
            yield replace(self, quotes="backslash")
        if "\\" in text and re.search(rf"\\(?:{behind}|\r?\n)", text):
            yield Escaped(self.delimiter, self.quotes)

    def bare_quotes(self, line: str) -> int:
        """Count the quotes of a line that begin or end a value, where it begins within one."""
        return sum(bool(found[1]) for found in _QUOTE[self.quotes].finditer(line)) if '"' in line else 0

    def doubles_backslash_outside(self, lines: list[str]) -> bool:
        """Tell whether two backslashes stand outside quotes, where Spark means two and Python and MySQL one."""
        text = "".join(lines)
        return self.quotes == "backslash" and "\\\\" in text and "\\\\" in _ENCLOSED.sub("", text)

    def is_whole(self, line: str) -> list[str] | None:
        """Return the values of a line that is a row of this width, None of another line."""
        try:
            row = next(self.reader([line]), [])
        except csv.Error:
            return None
        return row if row and len(row) == self.width else None


@dataclass(frozen=True)
class Escaped:
    """Rows in which a backslash takes its meaning from whatever stands behind it, line ends and delimiters too."""

    delimiter: str
    quotes: Quotes

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Return a reader of such rows."""
        if self.quotes == "plain":
            return csv.reader(lines, delimiter=self.delimiter, escapechar="\\", quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, escapechar="\\", strict=True)


def header(lines: Iterable[str], delimiter: str, quotes: Quotes) -> list[str]:
    """Return the first row's values, none where there is no row or its quotes do not close."""
    try:
        return next((row for row in Dialect(delimiter, quotes).reader(lines) if is_row(row)), [])
    except csv.Error:
        return []


def is_row(values: list[str]) -> bool:
    """Tell a row of names from an empty line, and from the one that tells the delimiter."""
    return bool(values) and values != _TELLS_DELIMITER


def is_number(text: str) -> bool:
    """Tell whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _split(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    for line in lines:
        row = line.removesuffix("\n").removesuffix("\r")
        yield row.split(delimiter) if row else []


def _twice(line: str) -> str:
    """Double the backslashes that escape nothing, since Python's reader drops them."""
    return _BACKSLASH.sub(lambda found: found[0] if len(found[0]) > 1 else "\\\\", line) if "\\" in line else line
