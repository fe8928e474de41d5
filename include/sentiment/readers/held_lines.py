"""The lines of a delimited file, of which those of a row can be read again, and those behind it looked at ahead."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator

from sentiment.readers.dialects import Dialect

NOT_CLOSED = "the quotes of the row do not close; write a quote within a quoted value twice, or mend the row"

# A row that another dialect takes over more lines is not looked for: where each ends with a backslash, it would go on
# to the end of the file.
_LINES_AHEAD = 100
_LONE_RETURN = re.compile(r"\r(?!\n)")


class HeldLines:
    """Lines, with those of the row that is being read held, so that all but the first can be read again.

    A row of more quotes than its values can have is given up, so that no line is read more than some times.
    """

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        self._lines = iter(lines)
        self.dialect = dialect
        self._again: deque[str] = deque()
        self._quotes = 0
        self.taken: list[str] = []
        self.line = 1
        self.reached = 0
        self.ended = False

    def __iter__(self) -> HeldLines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines, None)
        self.ended = line is None
        if line is None:
            raise StopIteration
        self.taken.append(line)
        if len(self.taken) > 1:
            self._quotes += self.dialect.bare_quotes(line)
            if self._quotes > 2 * self.dialect.width:
                raise csv.Error(NOT_CLOSED)
        return line

    @property
    def last(self) -> int:
        """The number of the row's last line."""
        return self.line + len(self.taken) - 1

    def begin(self) -> None:
        """Let go of the row before."""
        self.line += len(self.taken)
        self.taken = []
        self._quotes = self.reached = 0

    def back_to_the_second(self) -> None:
        """Give the lines behind the row's first one again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.taken = self.taken[:1]

    def ahead(self) -> Iterator[str]:
        """Give the lines of the row and some of those behind it, which stay to be read, without returns within them.

        `reached` is then the last that was taken.
        """
        quotes, first = 0, len(self.taken)
        for at, line in enumerate(self._from_here()):
            quotes += self.dialect.bare_quotes(line) if at >= first else 0
            if quotes > 2 * self.dialect.width or at >= first + _LINES_AHEAD:
                return
            self.reached = self.line + at
            yield without_returns(line)

    def _from_here(self) -> Iterator[str]:
        yield from self.taken
        yield from self._behind()

    def _behind(self) -> Iterator[str]:
        yield from self._again
        for line in self._lines:
            self._again.append(line)
            yield line


def without_returns(text: str) -> str:
    """Put a blank in place of each carriage return that ends no line."""
    return _LONE_RETURN.sub(" ", text) if "\r" in text else text
