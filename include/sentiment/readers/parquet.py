"""Parquet, a batch at a time: a file, or the parts of a folder that Spark wrote, whose names may hold columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.errors import BrokenFileError
from sentiment.readers.kinds import opened
from sentiment.readers.packing import BROKEN, packing_of
from sentiment.stores import files as storage

BATCH_ROWS = 4096
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def schema_of(uri: str) -> pa.Schema:
    """Return the columns of a file and of its place."""
    with _opened(uri) as file:
        schema: pa.Schema = file.schema_arrow
    for name in _of_place(uri):
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return schema


def rows(uri: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Give the rows, of all columns or of those that are named; a text in a column of bytes becomes a text."""
    place = {name: value for name, value in _of_place(uri).items() if columns is None or name in columns}
    with _opened(uri) as file:
        wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
                yield from ({**place, **row} for row in _texts(batch).to_pylist())
        except (pa.ArrowException, OSError) as error:
            raise BrokenFileError(str(error)) from error


def _opened(uri: str) -> parquet.ParquetFile:
    try:
        if packing_of(uri, b""):
            # Parquet is read from its end, so that one that somebody packed is unpacked whole.
            with opened(uri) as stream:
                return parquet.ParquetFile(pa.BufferReader(stream.read()))
        filesystem, path = storage.arrow_filesystem(uri)
        return parquet.ParquetFile(filesystem.open_input_file(path))
    except (pa.ArrowException, *BROKEN) as error:
        raise BrokenFileError(str(error)) from error


def _texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Read columns of bytes, as older programs write texts, as texts where they are."""
    for at, field in enumerate(batch.schema):
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            try:
                batch = batch.set_column(at, field.name, batch.column(at).cast(pa.string()))
            except pa.ArrowInvalid:
                continue
    return batch


def _of_place(uri: str) -> dict[str, str | None]:
    """Return the columns that Spark keeps in the names of folders: rating=5/part-0.parquet."""
    pairs = (part.split("=", 1) for part in uri.split("/")[:-1] if "=" in part)
    return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, value in pairs if name}
