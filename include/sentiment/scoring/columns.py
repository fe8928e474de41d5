"""The columns of a file's rows, known before the first row is written, and the names of those that are added to them.

A file of JSON lines is looked through for them: a column may begin at its last line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.errors import ContractError
from sentiment.core.text.characters import writable
from sentiment.scoring.rows import chunks, file_kind, opened, read_rows

_PREFIX = "predicted_"
_OF_NO_COLUMN = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError)


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


def _header(source: Path) -> list[str]:
    """Return the columns of a CSV, also of one without rows."""
    try:
        with opened(source) as lines:
            return list(csv.DictReader(lines, strict=True).fieldnames or [])
    except (UnicodeError, csv.Error) as error:
        raise ContractError(f"{source} cannot be read to its end: {error}; replace the file") from error
