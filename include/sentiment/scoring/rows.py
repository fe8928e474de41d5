"""The rows of a file: JSONL, JSONL.gz, CSV or Parquet, read as a stream, so its size does not matter."""

from __future__ import annotations

import codecs
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

from sentiment.core.errors import ContractError

Row = dict[str, Any]

CHUNK_ROWS = 4096
_KINDS = (".jsonl", ".jsonl.gz", ".csv", ".parquet")
_UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError, csv.Error, pa.ArrowException)


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

    Raises ContractError for a missing file or column `text`, for two columns of one name, and for a line that cannot
    be read, which it names.
    """
    if not path.is_file():
        raise ContractError(f"there is no file {path}; check --input")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    try:
        yield from readers.get(file_kind(path), _read_jsonl)(path)
    except _UNREADABLE as error:
        raise ContractError(f"{path} cannot be read to its end: {error}; replace the file") from error


def opened(path: Path) -> IO[str]:
    """Open a text file, packed or not; the mark that spreadsheets put before the first line is no part of it."""
    # `surrogatepass` keeps half a character, which JSON can spell, from ending the run.
    if path.name.lower().endswith(".gz"):
        if not path.stat().st_size:
            raise EOFError("it has 0 bytes, and an empty gzip has some twenty")
        return cast("IO[str]", gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogatepass"))
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(4))
    return path.open(encoding=encoding, errors="surrogatepass", newline="")


def encoding_of(beginning: bytes) -> str:
    """Tell UTF-16, which spreadsheets and stores' consoles write, by its mark; all else is UTF-8."""
    return "utf-16" if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _read_jsonl(path: Path) -> Iterator[Row]:
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parsed(line, f"{path}, line {number}")


def _parsed(line: str, where: str) -> Row:
    try:
        row = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{where}: this is not JSON ({error}); mend or remove the line") from error
    if not isinstance(row, dict):
        raise ContractError(f"{where}: this is not a JSON object; mend or remove the line")
    return row


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError(f"several values named {', '.join(_repeated([name for name, _ in pairs]))}")
    return row


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with opened(path) as lines:
        # Not strict, a quote that nobody closes would take the rows after it for one long text.
        reader = csv.DictReader(lines, strict=True)
        require_columns(reader.fieldnames or [], path)
        for row in _rows(reader, path):
            if None in row:
                raise ContractError(
                    f"{path}, line {reader.line_num}: the row has more values than the header has columns; "
                    "quote values that hold commas, or mend the line"
                )
            yield row


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[Row]:
    while True:
        before = reader.line_num
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ContractError(
                f"{path}, line {before + 1}: the quotes of the row that begins here do not close ({error}); "
                "write a quote within a quoted value twice, or mend the line"
            ) from error


def _read_parquet(path: Path) -> Iterator[Row]:
    with parquet.ParquetFile(path) as file:
        require_columns(file.schema_arrow.names, path)
        for batch in file.iter_batches(batch_size=CHUNK_ROWS):
            yield from batch.to_pylist()


def require_columns(columns: Sequence[str], path: Path) -> None:
    """Raise ContractError unless there is one column `text`, and no two of one name, of which one would be lost."""
    if "text" not in columns:
        raise ContractError(f"{path} has no column text; its columns are {', '.join(columns) or 'none'}: rename one")
    if twice := _repeated(columns):
        named = ", ".join(name or "nothing" for name in twice)
        raise ContractError(f"{path} has several columns named {named}; give each a name of its own")


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if list(names).count(name) > 1})
