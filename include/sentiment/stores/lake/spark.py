"""Delta tables from Spark: executors read and write the Parquet files, the driver makes the one commit.

No Delta jar takes part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from sentiment.stores import files as storage
from sentiment.stores.lake.files import FILE, DataFile, by_day, file_batches, write_day_file
from sentiment.stores.lake.schemas import DayTable
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark_jobs import counting_rows, map_sorted, parallelism

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BYTES_A_TASK = 64 << 20


def read_table(
    spark: SparkSession,
    lake: Lake,
    spec: DayTable,
    days: tuple[date, date] | None = None,
    version: int | None = None,
    columns: Sequence[str] | None = None,
) -> DataFrame:
    """Read a table, or a closed range of its days, as a DataFrame with the table's columns or some of them.

    The workers read with pyarrow, which opens a day's small file ten times as fast as Spark's own reader, and reads
    S3 without a jar.
    """
    return read_files(spark, lake, spec, lake.files(spec, days, version), columns)


def read_files(
    spark: SparkSession,
    lake: Lake,
    spec: DayTable,
    files: Sequence[DataFile],
    columns: Sequence[str] | None = None,
) -> DataFrame:
    """Read some of a table's files as `read_table` does; a column that an older file lacks is null in its rows."""
    from pyspark.sql.pandas.types import from_arrow_schema

    selected = pa.schema([spec.schema.field(name) for name in columns or spec.schema.names])
    schema = from_arrow_schema(selected, prefer_timestamp_ntz=False)
    if not files:
        return spark.createDataFrame(selected.empty_table(), schema)
    root, day_column = lake.uri(spec), spec.day_column

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for day, path in zip(batch["day"].to_pylist(), batch["path"].to_pylist(), strict=True):
                rows = file_batches(storage.join(root, path), selected, day_column, day)
                yield from counting_rows(rows, "tables")

    listed = spark.createDataFrame(
        pa.table({name: [getattr(file, name) for file in files] for name in ("day", "path")})
    )
    cores = parallelism(spark)
    tasks = min(len(files), sum(file.size for file in files) // _BYTES_A_TASK)
    if tasks > cores:  # else Spark deals the list out to the cores by itself, without a shuffle
        listed = listed.repartition(tasks)
    return listed.mapInArrow(read, schema)


def write_files(frame: DataFrame, lake: Lake, spec: DayTable, partitions: int, made_of: str = "") -> list[DataFile]:
    """Write the rows as Parquet files, a day in one file, from `partitions` tasks; nothing is committed.

    A task that is tried again writes anew under other names; only the files of the attempt that ended well are
    returned, the others are never named by a commit.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    root, day_column = lake.root, spec.day_column

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files = [write_day_file(root, spec, day, rows, made_of) for day, rows in by_day(batches, day_column)]
        yield pa.RecordBatch.from_pylist([vars(file) for file in files], schema=FILE)

    by = [day_column, *[name for name in ("review_key", "line") if name in spec.schema.names]]
    spread = frame.select(*spec.schema.names).repartition(partitions, day_column)
    return [DataFile(**row.asDict()) for row in map_sorted(spread, by, write, from_arrow_schema(FILE)).collect()]
