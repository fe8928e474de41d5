"""How fresh rows enter a table's days: they replace what came from the same files and leave the rest in place.

So a file that comes again, whole or corrected, never doubles a row, and a day that several files feed loses none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

from sentiment.lake.from_spark import read_table, write_files
from sentiment.lake.schemas import TableSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sentiment.lake.tables import Lake


def merge_files(
    lake: Lake,
    spec: TableSpec,
    fresh: DataFrame,
    *,
    sources: list[str],
    days: set[date],
    scope: tuple[date, date] | None,
    metadata: Mapping[str, str],
    rows: int | None = None,
) -> tuple[int, int]:
    """Commit `days` once, with the fresh rows in place of the rows that came from the files `sources` before.

    `scope` bounds the days in which rows of these files can lie; None looks through the whole table. `rows` is the
    number of fresh rows where it is known. A fresh review also takes the place of one with its key. Returns (fresh
    rows, version of the table).
    """
    spark = fresh.sparkSession
    base = lake.open(spec)
    partitions = 2 * spark.sparkContext.defaultParallelism
    if lake.files(spec, scope, base.version()):
        fresh = fresh.persist()
        rows = fresh.count() if rows is None else rows
        present = read_table(spark, lake, spec, scope, base.version())
        ours = F.col("source_file").isin(sources)
        if scope is None:
            days = days | {row[0] for row in present.where(ours).select(spec.day_column or "").distinct().collect()}
        others = present.where(~ours & F.col(spec.day_column or "").isin(days))
        files = write_files(_united(fresh, others, spec), lake, spec, partitions)
        fresh.unpersist()
    else:
        files = [] if rows == 0 else write_files(fresh, lake, spec, partitions)
        rows = sum(file.rows for file in files)
    if not days:
        return rows, base.version()
    return rows, lake.replace_days(spec, days, files, base, {**metadata, "rows": str(sum(f.rows for f in files))})


def _united(fresh: DataFrame, others: DataFrame, spec: TableSpec) -> DataFrame:
    both = fresh.withColumn("_age", F.lit(0)).unionByName(others.withColumn("_age", F.lit(1)))
    if "review_key" not in spec.schema.names:
        return both
    newest = Window.partitionBy("review_key").orderBy("_age")
    return both.withColumn("_rank", F.row_number().over(newest)).where("_rank = 1")
