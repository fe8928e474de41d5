"""Writes rows as JSONL, JSONL.gz, CSV or Parquet, as a stream; and the columns of them, known before the first one.

A file of JSON lines is looked through for them: a column may begin at its last line.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.errors import ContractError
from sentiment.core.plain_json import plain_json
from sentiment.core.text.characters import writable
from sentiment.scoring.rows import Row, chunks, file_kind, opened, read_rows

_PREFIX = "predicted_"
_OF_NO_COLUMN = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError)
# What a spreadsheet takes for the beginning of a formula, and runs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def column_names(source: Path) -> list[str]:
    """Return the columns of a file in their order."""
    if not source.is_file():
        raise ContractError(f"there is no file {source}; check --input")
    kind = file_kind(source)
    if kind == ".csv":
        return _header(source)
    if kind == ".parquet":
        return list(column_types(source).names)
    return list(dict.fromkeys(name for row in read_rows(source) for name in row))


def column_types(source: Path) -> pa.Schema:
    """Return the columns of a file with the types that hold all their values: null, then integer, then fraction."""
    if file_kind(source) == ".parquet":
        try:
            return parquet.read_schema(source)
        except pa.ArrowException as error:
            raise ContractError(f"{source} cannot be read to its end: {error}; replace the file") from error
    if file_kind(source) == ".csv":
        return pa.schema([(name, pa.string()) for name in _header(source)])
    schema = pa.schema([])
    for chunk in chunks(read_rows(source)):
        for name in dict.fromkeys(name for row in chunk for name in row):
            try:
                found = pa.schema([(name, pa.array(encodable([row.get(name) for row in chunk])).type)])
                schema = pa.unify_schemas([schema, found], promote_options="permissive")
            except _OF_NO_COLUMN as error:
                raise ContractError(
                    f"{source}: the column {encodable(name)} holds values of several kinds, which Parquet cannot "
                    f"({error}); write .jsonl instead"
                ) from error
    return schema


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


def encodable(value: Any) -> Any:
    """Put a question mark in place of half a character, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {name: encodable(inner) for name, inner in value.items()}
    return [encodable(inner) for inner in value] if isinstance(value, list) else value


def write_rows(path: Path, rows: Iterable[Row], source: Path, names: list[str], added: pa.Schema) -> None:
    """Write rows that came from `source`, whose columns are `names`, and gained the columns `added`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = file_kind(path)
    if kind == ".csv":
        _write_csv(path, rows, [*names, *added.names])
    elif kind == ".parquet":
        _write_parquet(path, rows, pa.schema([*column_types(source), *added]))
    else:
        _write_jsonl(path, rows)


def begins_a_formula(value: Any) -> bool:
    """Say whether a spreadsheet would take the value for a formula; a number with a sign is none."""
    return isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value)


def as_text(rows: Iterable[Row]) -> Iterator[Row]:
    """Put an apostrophe before what begins a formula, by which a spreadsheet takes it for a text."""
    for row in rows:
        yield {name: f"'{value}" if begins_a_formula(value) else value for name, value in row.items()}


def _header(source: Path) -> list[str]:
    """Return the columns of a CSV, also of one without rows."""
    try:
        with opened(source) as lines:
            return list(csv.DictReader(lines, strict=True).fieldnames or [])
    except (UnicodeError, csv.Error) as error:
        raise ContractError(f"{source} cannot be read to its end: {error}; replace the file") from error


def _open(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return cast("IO[str]", gzip.open(path, "wt", encoding="utf-8", errors="surrogatepass"))
    return path.open("w", encoding="utf-8", errors="surrogatepass", newline="")


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with _open(path) as file:
        for row in rows:
            file.write(plain_json(row) + "\n")


def _write_csv(path: Path, rows: Iterable[Row], names: list[str]) -> None:
    with _open(path) as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Iterable[Row], schema: pa.Schema) -> None:
    try:
        # A schema of more than some hundred levels is written, and no program of Arrow's reads it again.
        pa.ipc.read_schema(schema.serialize())
    except OSError as error:
        raise ContractError("Parquet cannot hold a column that is nested so deeply; write .jsonl instead") from error
    try:
        with parquet.ParquetWriter(path, schema) as writer:
            for chunk in chunks(rows):
                writer.write_table(pa.Table.from_pylist([encodable(row) for row in chunk], schema=schema))
    except pa.ArrowNotImplementedError as error:
        raise ContractError(f"Parquet cannot hold a column of the input ({error}); write .jsonl instead") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
