"""The rows of a file of any kind, in their order: each with its values, or with what keeps it from having any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from sentiment.core.errors import BrokenFileError, RejectedError
from sentiment.readers import delimited, jsons, parquet
from sentiment.readers.encoding import UTF_8, Foreign, lines, pieces
from sentiment.readers.kinds import Format, opened
from sentiment.readers.packing import BROKEN

Values = dict[str, Any]
_ROWS_OF_A_BEGINNING = 1000


class Row(NamedTuple):
    """A row: the line on which it begins, or its number where it is of no line, and its values.

    One that cannot be read has a `fault` instead, and the beginning of it, as it stands, in `raw`. A last row of CSV or
    TSV behind which no line ends may be the beginning of one: it is not `ended`.
    """

    number: int
    values: Values
    fault: str = ""
    raw: str = ""
    ended: bool = True


def read(uri: str, form: Format, columns: Sequence[str] | None = None, texts: Sequence[str] = ()) -> Iterator[Row]:
    """Give the rows of a file; of Parquet only the `columns` that are named, and in `texts` no bytes that are none.

    Raises BrokenFileError where the file breaks off, behind the rows that are whole.
    """
    try:
        if form.kind == "parquet":
            given = parquet.rows(uri, columns, form.encoding or UTF_8, texts)
            yield from (_row(*numbered) for numbered in enumerate(given, 1))
            return
        with opened(uri, form.packing) as stream:
            if form.kind == "json":
                yield from _elements(pieces(stream, form.encoding), form.encoding)
            elif form.kind == "jsonl":
                yield from _objects(lines(stream, form.encoding), form.encoding)
            else:
                yield from _cells(lines(stream, form.encoding), form)
    except (*BROKEN, UnicodeError) as error:
        raise BrokenFileError(str(error)) from error


def columns_of(uri: str, form: Format) -> list[str]:
    """Return the columns of a file; of JSON those of its beginning, for an object may have any.

    Raises BrokenFileError where not even they can be read.
    """
    if form.kind == "parquet":
        return list(parquet.schema_of(uri).names)
    if form.dialect is not None:
        return list(form.columns)
    found: dict[str, None] = {}
    try:
        for row in islice(read(uri, form), _ROWS_OF_A_BEGINNING):
            found |= dict.fromkeys(row.values)
    except BrokenFileError:
        if not found:
            raise
    return list(found)


def place(form: Format, row: Row) -> str:
    """Say where a row is, for a person who looks for it."""
    return f"{'row' if form.kind in ('json', 'parquet') else 'line'} {row.number:,}"


def _objects(given: Iterator[str], encoding: str) -> Iterator[Row]:
    foreign = Foreign(encoding)
    for number, line in enumerate(given, 1):
        text = line.strip(jsons.EDGES)
        if not text:
            continue
        if not line.endswith("\n") and jsons.breaks_off(line):
            raise BrokenFileError(f"it breaks off within line {number}")
        fault = foreign.byte(text)
        if fault:
            yield Row(number, {}, fault, text)
            continue
        try:
            yield Row(number, jsons.object_of(text))
        except RejectedError as error:
            yield Row(number, {}, str(error), text)


def _row(number: int, given: Values | RejectedError, fault: str | None = None, raw: str = "") -> Row:
    fault = str(given) if isinstance(given, RejectedError) else fault
    return Row(number, {}, fault, raw) if fault else Row(number, cast("Values", given))


def _elements(given: Iterator[str], encoding: str) -> Iterator[Row]:
    foreign = Foreign(encoding)
    for number, (element, text) in enumerate(jsons.elements(given), 1):
        yield _row(number, element, foreign.byte(text), text)


def _cells(given: Iterator[str], form: Format) -> Iterator[Row]:
    if form.dialect is None:
        return
    foreign = Foreign(form.encoding)
    for cells in delimited.rows(given, form.dialect):
        if cells.fault == delimited.BREAKS_OFF:
            raise BrokenFileError(f"it breaks off within line {cells.line}")
        fault = cells.fault or foreign.byte("".join(cells.values)) or _names_again(cells.values, form)
        ended = cells.raw.endswith("\n")
        if fault:
            yield Row(cells.line, {}, fault, cells.raw, ended)
        else:
            yield Row(cells.line, dict(zip(form.columns, cells.values, strict=True)), ended=ended)


def _names_again(values: Sequence[str], form: Format) -> str:
    """Say that a row is none, where files were put one after another with the names above each."""
    names = tuple(value.removeprefix("\ufeff") for value in values)
    return "the row names the columns once more" if names == form.columns else ""
