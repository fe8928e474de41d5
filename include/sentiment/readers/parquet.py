"""Parquet, a batch at a time: a file, or the parts of a folder that Spark wrote, whose names may hold columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import repeat, takewhile
from typing import Any, BinaryIO
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.errors import BrokenFileError, RejectedError, UnavailableError
from sentiment.readers.encoding import UTF_8, Foreign, decoded
from sentiment.readers.kinds import opened, require_names
from sentiment.readers.packing import BROKEN, packing_of
from sentiment.stores import files as storage

BATCH_ROWS = 4096
# A column of a group of rows is read in pieces: pandas makes one group of a million rows.
_PIECE_BYTES = 4 << 20
# Of one that somebody packed, which lies in memory whole.
_MOST_UNPACKED = 1 << 30
# What pyarrow raises for a value that no object of Python is.
_NO_PYTHON = (ValueError, OverflowError, LookupError)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_TEXTS = ("title", "text")
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)


def schema_of(uri: str) -> pa.Schema:
    """Return the columns of a file and of its place; raises ContractError where two of the file have one name."""
    with _opened(uri) as file:
        schema: pa.Schema = file.schema_arrow
    for name in _of_place(uri):
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return schema


def rows(
    uri: str, columns: Sequence[str] | None = None, encoding: str = UTF_8, texts: Sequence[str] = ()
) -> Iterator[dict[str, Any] | RejectedError]:
    """Give the rows, of all columns or of those that are named; bytes that are a text in the encoding become one.

    A row with a value that Python has none for is an error: a date behind the year 9999, a zone that is unknown. So is
    one with bytes that are no text in a column that is named, or is one of `texts`; elsewhere they stay bytes.
    """
    place = {name: value for name, value in _of_place(uri).items() if columns is None or name in columns}
    with _opened(uri) as file:
        place = {name: value for name, value in place.items() if name not in file.schema_arrow.names}
        wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        of_bytes = [field.name for field in file.schema_arrow if _is_bytes(field.type)]
        decoder = _Texts(of_bytes, encoding, {*(wanted or ()), *texts})
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
                for row in _values(batch):
                    if isinstance(row, RejectedError):
                        yield row
                    else:
                        yield decoder.of({**row, **place})
        except (pa.ArrowException, OSError) as error:
            raise _meant(uri, error) from error


def _opened(uri: str) -> parquet.ParquetFile:
    try:
        if packing_of(uri, b""):
            # Parquet is read from its end, so that one that somebody packed is unpacked whole.
            with opened(uri) as stream:
                file = parquet.ParquetFile(pa.BufferReader(_unpacked(stream)), buffer_size=_PIECE_BYTES)
        else:
            filesystem, path = storage.arrow_filesystem(uri)
            file = parquet.ParquetFile(filesystem.open_input_file(path), buffer_size=_PIECE_BYTES)
    except (pa.ArrowException, *BROKEN) as error:
        raise _meant(uri, error) from error
    require_names(uri, file.schema_arrow.names)
    return file


def _meant(uri: str, error: Exception) -> Exception:
    """Return what an error of a reader means: of an S3, unless the file is not there, that it does not answer."""
    if storage.is_s3(uri) and isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return UnavailableError(f"the S3 of {uri} does not answer as it should, try again: {error}")
    return BrokenFileError(str(error))


def _unpacked(stream: BinaryIO) -> pa.Buffer:
    content = bytearray()
    while piece := stream.read(_PIECE_BYTES):
        content += piece
        if len(content) > _MOST_UNPACKED:
            raise BrokenFileError(f"it is more than {_MOST_UNPACKED >> 20:,} MB unpacked; unpack it before it is read")
    return pa.py_buffer(content)


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | RejectedError]:
    try:
        yield from batch.to_pylist()
    except _NO_PYTHON:
        yield from map(_row, map(batch.slice, range(batch.num_rows), repeat(1)))


def _row(batch: pa.RecordBatch) -> dict[str, Any] | RejectedError:
    try:
        return dict(batch.to_pylist()[0])
    except _NO_PYTHON as error:
        return RejectedError(
            f"the row has a value that cannot be read: {error}", "the row has a value that cannot be read"
        )


def _is_bytes(kind: pa.DataType) -> bool:
    """Tell whether a column holds bytes, as those of older programs do that write texts."""
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(held) for is_kind in _BYTES)


class _Texts:
    """Makes texts of the columns that hold bytes; in those that are `asked`, what is none is a fault of its row."""

    def __init__(self, names: Sequence[str], encoding: str, asked: Collection[str]) -> None:
        self._names, self._encoding, self._asked = names, encoding, asked
        self._foreign = Foreign(encoding)

    def of(self, row: dict[str, Any]) -> dict[str, Any] | RejectedError:
        for name in self._names:
            if isinstance(value := row.get(name), bytes):
                try:
                    row[name] = value.decode(self._encoding)
                except UnicodeError as error:
                    if name in self._asked:
                        why = self._foreign.byte(decoded(value, self._encoding)) or str(error)
                        return RejectedError(f"of the column {name} {why}")
        return row


def _of_place(uri: str) -> dict[str, str | None]:
    """Return the columns that Spark keeps in the names of the folders right above: rating=5/part-0.parquet.

    What a review says is in none of them, though a folder may be called so.
    """
    folders = [*takewhile(lambda part: "=" in part, reversed(uri.split("/")[:-1]))]
    pairs = (part.split("=", 1) for part in reversed(folders))
    named = {unquote(name): None if value == _NO_VALUE else unquote(value) for name, value in pairs if name}
    return {name: value for name, value in named.items() if name.casefold() not in _TEXTS}
