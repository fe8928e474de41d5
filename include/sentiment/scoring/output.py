"""Writes rows as JSONL, JSONL.gz, CSV or Parquet, as a stream; it does not know what the rows are for."""

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
from sentiment.scoring.columns import column_types, encodable
from sentiment.scoring.rows import Row, chunks, file_kind

# What a spreadsheet takes for the beginning of a formula, and runs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
