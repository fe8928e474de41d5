"""The rows of a file: JSONL, JSONL.gz, CSV or Parquet, read and written as streams, so their size does not matter.

It does not know what the rows are for.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
from pyarrow import parquet

from sentiment.errors import ContractError

Row = dict[str, Any]

CHUNK_ROWS = 4096
_KINDS = (".jsonl", ".jsonl.gz", ".csv", ".parquet")
_UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, csv.Error, pa.ArrowInvalid)


def file_kind(path: Path) -> str:
    """Return the ending that tells the file's kind; raises ContractError for an unknown one."""
    for kind in _KINDS:
        if path.name.lower().endswith(kind):
            return kind
    raise ContractError(f"{path} is of no kind that can be read or written; use one of {', '.join(_KINDS)}")


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Give the rows in lists of `CHUNK_ROWS`."""
    stream = iter(rows)
    while chunk := list(islice(stream, CHUNK_ROWS)):
        yield chunk


def read_rows(path: Path) -> Iterator[Row]:
    """Give a file's rows in their order.

    Raises ContractError for a missing file or column `text`, and for a line that cannot be read, which it names.
    """
    if not path.is_file():
        raise ContractError(f"there is no file {path}; check --input")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    try:
        yield from readers.get(file_kind(path), _read_jsonl)(path)
    except _UNREADABLE as error:
        raise ContractError(f"{path} cannot be read to its end: {error}; replace the file") from error


def write_rows(path: Path, rows: Iterable[Row], source: Path, added: pa.Schema) -> None:
    """Write rows that came from `source` and gained the columns `added`.

    CSV and Parquet must know all columns before the first row, so for them `source` is looked through once more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = file_kind(path)
    if kind == ".csv":
        _write_csv(path, rows, list(dict.fromkeys([*_names(source), *added.names])))
    elif kind == ".parquet":
        _write_parquet(path, rows, _with(added, _schema(source)))
    else:
        _write_jsonl(path, rows)


def _open(path: Path, mode: str) -> IO[str]:
    # `surrogatepass` keeps half a character, which JSON can spell, from ending the run. The mark that spreadsheets put
    # before the first line is no part of it.
    encoding = "utf-8-sig" if mode == "rt" else "utf-8"
    if path.name.lower().endswith(".gz"):
        return cast("IO[str]", gzip.open(path, mode, encoding=encoding, errors="surrogatepass"))
    return path.open(mode, encoding=encoding, errors="surrogatepass", newline="")


def _read_jsonl(path: Path) -> Iterator[Row]:
    with _open(path, "rt") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parsed(line, f"{path}, line {number}")


def _parsed(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ContractError(f"{where}: this is not JSON ({error}); mend or remove the line") from error
    if not isinstance(row, dict):
        raise ContractError(f"{where}: this is not a JSON object; mend or remove the line")
    return row


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with _open(path, "rt") as lines:
        reader = csv.DictReader(lines)
        _require_text(reader.fieldnames or [], path)
        _require_distinct(reader.fieldnames or [], path)
        for row in reader:
            if None in row:
                raise ContractError(
                    f"{path}, line {reader.line_num}: the row has more values than the header has columns; "
                    "quote values that hold commas, or mend the line"
                )
            yield row


def _read_parquet(path: Path) -> Iterator[Row]:
    with parquet.ParquetFile(path) as file:
        _require_text(file.schema_arrow.names, path)
        for batch in file.iter_batches(batch_size=CHUNK_ROWS):
            yield from batch.to_pylist()


def _require_text(columns: Iterable[str], path: Path) -> None:
    found = list(columns)
    if "text" not in found:
        raise ContractError(f"{path} has no column text; its columns are {', '.join(found) or 'none'}: rename one")


def _require_distinct(columns: Sequence[str], path: Path) -> None:
    if twice := sorted({name for name in columns if list(columns).count(name) > 1}):
        raise ContractError(f"{path} has several columns named {', '.join(twice)}; give each a name of its own")


def _names(source: Path) -> list[str]:
    if file_kind(source) == ".parquet":
        return list(parquet.read_schema(source).names)
    if file_kind(source) == ".csv":
        return _header(source)
    return list(dict.fromkeys(name for row in read_rows(source) for name in row))


def _header(source: Path) -> list[str]:
    """Return the columns of a CSV, also of one without rows."""
    with _open(source, "rt") as lines:
        return list(csv.DictReader(lines).fieldnames or [])


def _schema(source: Path) -> pa.Schema:
    """Return the columns of a file with the types that hold all their values: null, then integer, then fraction."""
    if file_kind(source) == ".parquet":
        return parquet.read_schema(source)
    if file_kind(source) == ".csv":
        return pa.schema([(name, pa.string()) for name in _header(source)])
    schema = pa.schema([])
    for chunk in chunks(read_rows(source)):
        for name in dict.fromkeys(name for row in chunk for name in row):
            try:
                found = pa.schema([(name, pa.array(_encodable([row.get(name) for row in chunk])).type)])
                schema = pa.unify_schemas([schema, found], promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise ContractError(
                    f"{source}: the column {name} holds values of several kinds, which Parquet cannot ({error}); "
                    "write .jsonl instead"
                ) from error
    return schema


def _with(added: pa.Schema, schema: pa.Schema) -> pa.Schema:
    kept = [field for field in schema if field.name not in added.names]
    return pa.schema([*kept, *added])


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with _open(path, "wt") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=True, default=str) + "\n")


def _write_csv(path: Path, rows: Iterable[Row], names: list[str]) -> None:
    with _open(path, "wt") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Iterable[Row], schema: pa.Schema) -> None:
    with parquet.ParquetWriter(path, schema) as writer:
        for chunk in chunks(rows):
            writer.write_table(pa.Table.from_pylist([_encodable(row) for row in chunk], schema=schema))


def _encodable(value: Any) -> Any:
    """Put a question mark in place of half a character, which Parquet's UTF-8 cannot hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _encodable(inner) for name, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list) else value
