"""The Parquet files of a snapshot, one a split, written batch by batch: memory does not grow with the rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import compute

from sentiment.datasets.snapshot import (
    COLUMNS,
    ROW_GROUP_SIZE,
)
from sentiment.stores import files as storage

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetWriter

_WRITTEN = pa.schema([("split", pa.string()), ("file", pa.string())])


class _SplitFile:
    """One split's file: rows wait until they are a row group."""

    def __init__(self, split: str, folder: str, files: ExitStack) -> None:
        from pyarrow import parquet

        self.name = f"{split}-{uuid.uuid4().hex}.parquet"
        filesystem, base = storage.arrow_filesystem(folder)
        writer = parquet.ParquetWriter(f"{base}/{self.name}", COLUMNS, filesystem=filesystem, compression="zstd")
        self._writer: ParquetWriter = files.enter_context(writer)
        self._waiting: list[pa.RecordBatch] = []

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows, and write the row groups that are full."""
        # Spark's own schemas differ from ours, and from one another's, in what may be null.
        self._waiting.append(rows.cast(COLUMNS))
        count = sum(part.num_rows for part in self._waiting)
        self._write(count - count % ROW_GROUP_SIZE)

    def end(self) -> None:
        """Write what still waits."""
        self._write(sum(part.num_rows for part in self._waiting))

    def _write(self, count: int) -> None:
        if count:
            rows = pa.Table.from_batches(self._waiting)
            self._writer.write_table(rows.slice(0, count), row_group_size=ROW_GROUP_SIZE)
            self._waiting = rows.slice(count).to_batches()


def write_splits(batches: Iterable[pa.RecordBatch], folder: str) -> Iterator[pa.RecordBatch]:
    """Write rows of COLUMNS with their `split` into a file a split, in their order; returns (split, file) of each."""
    filesystem, base = storage.arrow_filesystem(folder)
    filesystem.create_dir(base)
    found: dict[str, _SplitFile] = {}
    with ExitStack() as files:
        for batch in batches:
            for split in batch["split"].unique().to_pylist():
                if split not in found:
                    found[split] = _SplitFile(split, folder, files)
                found[split].add(batch.filter(compute.equal(batch["split"], split)).select(COLUMNS.names))
        for file in found.values():
            file.end()
    names = [{"split": split, "file": file.name} for split, file in found.items()]
    yield pa.RecordBatch.from_pylist(names, schema=_WRITTEN)
