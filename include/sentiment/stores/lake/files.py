"""The Parquet files of the Delta tables: how one is written and read.

They are read with pyarrow alone: a process that read through deltalake's own dataset may abort when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

import pyarrow as pa
from pyarrow import compute

from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import DayTable

# Rows that are held at a time, as in a batch of Spark's Python workers.
_ROWS_AT_A_TIME = 4096
_OF = "of-"
# A DataFile as a row, by which Spark's workers tell the driver what they wrote.
FILE = pa.schema([("day", pa.date32()), ("path", pa.string()), ("size", pa.int64()), ("rows", pa.int64())])


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that a writer left under a table's root: path relative to it, bytes, rows.

    Of a file of another program, whose writer left no figures of it, rows are None until they are `counted`.
    """

    day: date
    path: str
    size: int
    rows: int

    @property
    def made_of(self) -> str:
        """What the file's writer said that it was made of; nothing for a file of another program."""
        name = self.path.rsplit("/", 1)[-1]
        return name.removeprefix(_OF).split("-", 1)[0] if name.startswith(_OF) else ""


def write_day_file(
    root: str, spec: DayTable, day: date, batches: Iterable[pa.RecordBatch], made_of: str = ""
) -> DataFile:
    """Write one day's rows as a Parquet file under the table's root; no reader sees it before a commit names it.

    `made_of` stands for the content from which the rows were worked out, and becomes part of the file's name: so it
    comes and goes with the rows, in a restore and in a copy too.
    """
    from pyarrow import parquet

    path = f"{spec.day_column}={day}/{f'{_OF}{made_of}' if made_of else 'part'}-{uuid.uuid4().hex}.parquet"
    filesystem, base = storage.arrow_filesystem(storage.join(root, spec.name))
    if not storage.is_s3(root):
        filesystem.create_dir(f"{base}/{spec.day_column}={day}")
    rows = 0
    with parquet.ParquetWriter(f"{base}/{path}", spec.file_schema, filesystem=filesystem, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.select(spec.file_schema.names).cast(spec.file_schema))
            rows += batch.num_rows
    return DataFile(day, path, filesystem.get_file_info(f"{base}/{path}").size, rows)


def file_batches(
    uri: str, schema: pa.Schema, day_column: str | None = None, day: date | None = None
) -> Iterator[pa.RecordBatch]:
    """Read a data file in batches of `schema`; a column that an older file lacks is null, that of its day constant."""
    from pyarrow import parquet

    filesystem, path = storage.arrow_filesystem(uri)
    # A day's file is small: threads and read-ahead would cost more than they bring.
    with parquet.ParquetFile(path, filesystem=filesystem) as file:
        present = set(file.schema_arrow.names)
        inside = [name for name in schema.names if name in present]
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=inside, use_threads=False):
            absent = {f.name: pa.nulls(batch.num_rows, f.type) for f in schema if f.name not in present}
            if day_column in schema.names:
                absent[day_column] = pa.array([day] * batch.num_rows, pa.date32())
            # Other programs write the same columns as dictionaries or large strings.
            columns = [absent[f.name] if f.name in absent else batch[f.name].cast(f.type) for f in schema]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def counted(uri: str, file: DataFile) -> DataFile:
    """Count the rows of a file of a table at `uri` whose writer, another program, left no figures of it in the log."""
    return file if file.rows is not None else replace(file, rows=_rows_in(storage.join(uri, file.path)))


def by_day(batches: Iterable[pa.RecordBatch], day_column: str) -> Iterator[tuple[date, Iterator[pa.RecordBatch]]]:
    """Yield every day of batches that are sorted by day, with its rows; take a day's rows before the next day."""
    slices = (of_one_day for batch in batches for of_one_day in _slices(batch, day_column))
    for day, of_the_day in groupby(slices, key=lambda of_one_day: of_one_day[0]):
        yield day, (rows for _, rows in of_the_day)


def _rows_in(uri: str) -> int:
    """Count the rows of a data file, from its footer."""
    from pyarrow import parquet

    filesystem, path = storage.arrow_filesystem(uri)
    return int(parquet.read_metadata(path, filesystem=filesystem).num_rows)


def _slices(batch: pa.RecordBatch, day_column: str) -> Iterator[tuple[date, pa.RecordBatch]]:
    """Cut a batch that is sorted by day where the day changes."""
    encoded = compute.run_end_encode(batch[day_column])
    start = 0
    for end, day in zip(encoded.run_ends.to_pylist(), encoded.values.to_pylist(), strict=True):
        yield day, batch.slice(start, end - start)
        start = end
