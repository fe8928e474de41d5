"""Writes rows as JSON lines, CSV, TSV or Parquet, packed or not, as a stream, their columns known before the first."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError
from sentiment.core.plain_json import plain_json
from sentiment.core.text.characters import writable
from sentiment.readers.dialects import is_number
from sentiment.readers.parquet import schema_of
from sentiment.readers.rows import Values
from sentiment.scoring.source import Part, Source

CHUNK_ROWS = 4096
_WRITTEN = re.compile(r"\.(?:(jsonl|csv|tsv)(?:\.(gz|bz2|zst))?|(parquet))$", re.IGNORECASE)
_PACKINGS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_PREFIX = "predicted_"
_OF_SEVERAL_KINDS = (pa.ArrowInvalid, pa.ArrowTypeError)
_OF_NO_COLUMN = (*_OF_SEVERAL_KINDS, OverflowError, UnicodeError)
# What a spreadsheet takes for the beginning of a formula, and runs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def kind_of(target: Path) -> str:
    """Return what a file will be by its name; raises ContractError for what is not written."""
    if target.is_dir():
        raise ContractError(f"{target} is a folder; name a file to write")
    found = _WRITTEN.search(target.name)
    if found is None:
        raise ContractError(
            f"{target} is of no kind that is written; name it .jsonl, .csv or .tsv, packed or not (.gz, .bz2, .zst), "
            "or .parquet"
        )
    return (found[1] or found[3]).lower()


def named(target: Path) -> Path:
    """Return the file that is written: the one that a link names, be it there or not."""
    return Path(os.path.realpath(target))


@contextmanager
def rewriting(target: Path) -> Iterator[Path]:
    """Give an empty file beside `target`, in a folder that is made; whole it takes its place and its permissions."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    with replacing(target) as aside:
        # Nobody may read meanwhile what he may not read afterwards, and one without the right to write is written too.
        aside.touch(0o666 if mode is None else 0o600)
        yield aside
        if mode is not None:
            aside.chmod(mode)


def chunks(rows: Iterable[Values]) -> Iterator[list[Values]]:
    """Give the rows in lists of `CHUNK_ROWS`."""
    stream = iter(rows)
    while chunk := list(islice(stream, CHUNK_ROWS)):
        yield chunk


def beside(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return each name as it stands beside those that are taken: with `predicted_` before it where it is one of them.

    Capitals tell no two columns apart: Spark and spreadsheets' databases do not either.
    """
    used, found = {name.casefold() for name in taken}, {}
    for name in names:
        free = name
        while free.casefold() in used:
            free = _PREFIX + free
        used.add(free.casefold())
        found[name] = free
    return found


def write_rows(
    path: Path, rows: Iterable[Values], source: Source, added: pa.Schema, *, formulas_as_text: bool = False
) -> None:
    """Write rows of `source` that gained the columns `added`.

    TSV in which quotes enclose nothing stays such: its values hold neither a tab nor a line end.
    With `formulas_as_text` what begins a formula has an apostrophe before it in CSV and TSV, in a name of a column too:
    a spreadsheet takes it for a text by that.
    """
    kind = kind_of(path)
    if kind == "parquet":
        _write_parquet(path, rows, pa.schema([*_types(source), *added]))
    elif kind == "jsonl":
        _write_jsonl(path, rows)
    else:
        names, cell = [*source.columns, *added.names], _as_text if formulas_as_text else _as_cell
        if kind == "tsv" and all(map(_is_plain, source.parts)):
            _write_plain(path, rows, names, cell)
        else:
            _write_delimited(path, rows, names, "\t" if kind == "tsv" else ",", cell)


def begins_a_formula(value: Any) -> bool:
    """Say whether a spreadsheet would take the value for a formula; a number with a sign is none."""
    return isinstance(value, str) and value.startswith(_FORMULA) and not is_number(value)


def _types(source: Source) -> pa.Schema:
    """Return the columns with the types that hold all their values: null, then integer, then fraction."""
    try:
        return pa.unify_schemas([_types_of(part) for part in source.parts], promote_options="permissive")
    except _OF_NO_COLUMN as error:
        raise ContractError(
            f"the files have columns of several kinds, which Parquet cannot ({error}); write .jsonl instead"
        ) from error


def _types_of(part: Part) -> pa.Schema:
    if part.form.kind == "parquet":
        return schema_of(part.uri)
    if part.form.dialect is not None:
        return pa.schema([(name, pa.string()) for name in part.form.columns])
    schema = pa.schema([])
    for chunk in chunks(row.values for row in part.rows()):
        for name in dict.fromkeys(name for row in chunk for name in row):
            try:
                found = pa.schema([(name, pa.array(_encodable([row.get(name) for row in chunk])).type)])
                schema = pa.unify_schemas([schema, found], promote_options="permissive")
            except _OF_NO_COLUMN as error:
                held = "values of several kinds, which" if isinstance(error, _OF_SEVERAL_KINDS) else "a value that"
                raise ContractError(
                    f"{part.uri}: the column {_encodable(name)} holds {held} Parquet cannot ({error}); write .jsonl "
                    "instead"
                ) from error
    return schema


def _encodable(value: Any) -> Any:
    """Put a question mark in place of half a character, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {name: _encodable(inner) for name, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list) else value


def _opened(path: Path) -> IO[str]:
    """Open a text file to write, packed as its name says; half a character, which UTF-8 cannot hold, is "?" in it."""
    stream = pa.output_stream(str(path), compression=_PACKINGS.get(path.suffix.lower()))
    return io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")


def _write_jsonl(path: Path, rows: Iterable[Values]) -> None:
    with _opened(path) as file:
        for row in rows:
            file.write(plain_json(row) + "\n")


def _write_delimited(
    path: Path, rows: Iterable[Values], names: list[str], delimiter: str, cell: Callable[[Any], Any]
) -> None:
    with _opened(path) as file:
        # A value of no column came into the file while it was read, which the source says at its end.
        writer = csv.DictWriter(_Lines(file), names, restval="", extrasaction="ignore", delimiter=delimiter)
        writer.writerow({name: cell(name) for name in names})
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)


def _is_plain(part: Part) -> bool:
    dialect = part.form.dialect
    return dialect is not None and (dialect.delimiter, dialect.quotes) == ("\t", "plain")


def _write_plain(path: Path, rows: Iterable[Values], names: list[str], cell: Callable[[Any], Any]) -> None:
    with _opened(path) as file:
        for row in chain([dict(zip(names, names, strict=True))], rows):
            cells = (cell(row.get(name)) for name in names)
            file.write("\t".join("" if value is None else str(value) for value in cells) + "\n")


class _Lines:
    """Ends each row with a line feed alone, as other programs of a pipe expect it.

    Told so itself, Python's writer would leave a carriage return within a value unquoted.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, row: str) -> int:
        """Write a row, which comes whole."""
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _as_cell(value: Any) -> Any:
    return plain_json(value) if isinstance(value, dict | list) else value


def _write_parquet(path: Path, rows: Iterable[Values], schema: pa.Schema) -> None:
    try:
        # A schema of more than some hundred levels is written, and no program of Arrow's reads it again.
        pa.ipc.read_schema(schema.serialize())
    except OSError as error:
        raise ContractError("Parquet cannot hold a column that is nested so deeply; write .jsonl instead") from error
    try:
        with parquet.ParquetWriter(path, schema) as writer:
            for chunk in chunks(rows):
                writer.write_table(pa.Table.from_pylist([_encodable(row) for row in chunk], schema=schema))
    except (pa.ArrowNotImplementedError, *_OF_NO_COLUMN) as error:
        raise ContractError(f"Parquet cannot hold a column of the input ({error}); write .jsonl instead") from error


def _as_text(value: Any) -> Any:
    return f"'{value}" if begins_a_formula(value) else _as_cell(value)
