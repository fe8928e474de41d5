"""Writes the sample's files whole and counts what goes into them."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from sentiment.core.atomic import replacing
from sentiment_local.results import Tallied
from sentiment_local.sample.days import DayLines


class Tally:
    """Counts lines, malformed ones and duplicates."""

    def __init__(self) -> None:
        self.lines = 0
        self.malformed: Counter[str] = Counter()
        self.duplicates: Counter[str] = Counter()

    def counting(self, days: Iterable[DayLines]) -> Iterator[str]:
        """Yield the lines of the days, counting on the way."""
        for day in days:
            self.lines += len(day.lines)
            self.malformed += day.malformed
            self.duplicates += day.duplicates
            yield from day.lines

    def __add__(self, other: Tally) -> Tally:
        total = Tally()
        total.lines = self.lines + other.lines
        total.malformed = self.malformed + other.malformed
        total.duplicates = self.duplicates + other.duplicates
        return total

    def counts(self) -> Tallied:
        """Return the counts, kinds sorted by name."""
        malformed, duplicates = dict(sorted(self.malformed.items())), dict(sorted(self.duplicates.items()))
        return Tallied(lines=self.lines, malformed=malformed, duplicates=duplicates)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file of lines, gzipped where its name ends in .gz; a reader sees it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside, _opened(aside) as out:
        for line in lines:
            out.write(line.encode() + b"\n")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        # No name and no time in the header: the same lines give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as out:
            yield cast("BinaryIO", out)
