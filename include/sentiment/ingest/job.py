"""The ingestion job in Spark: a delivery in, whole days of `reviews` and `quarantine` out, counts that add up.

A day and a whole history run through the same code; they differ in the files, and in the days that they may hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.ingest.days import ORDER, ROWS, WRITTEN, is_of, present_rows, write_days
from sentiment.ingest.judge import JUDGED, Rules, judge
from sentiment.ingest.landing import Delivery
from sentiment.ingest.lines import read_lines
from sentiment.ingest.products import with_category
from sentiment.ingest.validate import ARRAY
from sentiment.ingest.whole import require_unchanged
from sentiment.stores.lake.files import DataFile
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.lake.spark import read_files, read_table, write_files

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession

    from sentiment.stores.lake.schemas import TableSpec
    from sentiment.stores.lake.tables import Lake


@dataclass(frozen=True)
class Ingestion:
    """What one ingestion reads, by which rules, and the day and the run that it carries into the lake."""

    delivery: Delivery
    rules: Rules
    products: str
    day: date | None
    run_id: str


@dataclass
class _Counts:
    read: int = 0
    cut: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)

    @property
    def rejected(self) -> int:
        return self.reasons.total()


def ingest(spark: SparkSession, lake: Lake, run: Ingestion) -> dict[str, object]:
    """Bring a delivery into the lake and return the counts: read = kept + duplicate + rejected.

    `touched` are the days that were written: of fresh reviews, and those in which the delivery held some before; `gone`
    counts the reviews that it held before and holds no more. Raises ContractError for too many bad lines and
    UnavailableError for a file that is not whole, with nothing written; ConcurrentWriteError when another run wrote one
    of the days meanwhile.
    """
    # Before anything is read: what another run commits from here on is not written over.
    bases = {spec.name: lake.grown(spec) for spec in (REVIEWS, QUARANTINE)}
    partitions = 2 * spark.sparkContext.defaultParallelism
    judged = _judged(spark, run, partitions).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts = _count(judged, run)
        require_unchanged(run.delivery.files)
        days = counts.days | ({run.day} if run.day else set())
        days |= _days_of(spark, lake, REVIEWS, bases[REVIEWS.name], run)
        files, kept, gone = _write_reviews(spark, lake, judged, run, days, bases[REVIEWS.name])
        metadata = {"run_id": run.run_id, "read": str(counts.read), "rejected": str(counts.rejected)}
        # The reviews come last: a day that they hold is a day that was ingested whole.
        _replace_quarantine(spark, lake, judged, run, counts, bases[QUARANTINE.name], metadata)
        version = bases[REVIEWS.name].version()
        if days:
            metadata["rows"] = str(sum(file.rows for file in files))
            version = lake.replace_days(REVIEWS, days, files, bases[REVIEWS.name], metadata)
    finally:
        judged.unpersist()
    return {
        "days": len(days),
        "touched": sorted(str(day) for day in days),
        "read": counts.read,
        "kept": kept,
        "duplicate": counts.read - counts.rejected - kept,
        "rejected": counts.rejected,
        "gone": gone,
        "cut": counts.cut,
        "reasons": dict(sorted(counts.reasons.items())),
        "files": len(run.delivery.files),
        "reviews_version": version,
    }


def _mapped(frame: DataFrame, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema) -> DataFrame:
    """Put every Arrow batch of a frame through a function, in Spark's workers."""

    def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(function, batches)

    return frame.mapInArrow(each, from_arrow_schema(schema, prefer_timestamp_ntz=False))


def _judged(spark: SparkSession, run: Ingestion, partitions: int) -> DataFrame:
    files = [(file.uri, name) for file, name in zip(run.delivery.files, run.delivery.names, strict=True)]
    rules = run.rules
    return _mapped(read_lines(spark, files, partitions), lambda lines: judge(lines, rules), JUDGED)


def _count(judged: DataFrame, run: Ingestion) -> _Counts:
    """Count the lines and find the days, and refuse a broken file and a share of bad lines above the limit."""
    counts = _Counts()
    groups = judged.groupBy("reason", "broken", F.when(F.col("broken").isNotNull(), F.col("source_file")).alias("file"))
    cut, days = F.count_if("cut"), F.collect_set("review_date")
    for row in groups.agg(F.count("*").alias("lines"), cut.alias("cut"), days.alias("days")).collect():
        if row["broken"]:
            raise UnavailableError(
                f"{row['file']} cannot be read to its end: {row['broken']}. Nothing was written; deliver the file again"
            )
        counts.read += row["lines"]
        counts.cut += row["cut"]
        counts.days |= set(row["days"])
        if row["reason"]:
            counts.reasons[_kind(row["reason"])] += row["lines"]
    limit = run.rules.options.max_bad_share
    if counts.rejected > limit * counts.read:
        raise ContractError(_too_many(counts, limit, run.delivery.names))
    return counts


def _kind(reason: str) -> str:
    return "the review is of another day" if reason.startswith("the review is of ") else reason


def _too_many(counts: _Counts, limit: float, names: tuple[str, ...]) -> str:
    # An array that is written over many lines is one mistake, and not as many as it has lines.
    worst = [(ARRAY, counts.reasons[ARRAY])] if ARRAY in counts.reasons else counts.reasons.most_common(3)
    return (
        f"{counts.rejected} of {counts.read} lines in {names[0]}{' and others' if len(names) > 1 else ''} "
        f"are bad ({counts.rejected / counts.read:.0%}, the limit is {limit:.0%}): "
        f"{', '.join(f'{count} times {reason}' for reason, count in worst)}. Nothing was written; "
        "mend the files, or raise max_bad_share if they are right"
    )


def _days_of(spark: SparkSession, lake: Lake, spec: TableSpec, base: DeltaTable, run: Ingestion) -> set[date]:
    """Return the days in which the table holds rows that came with an earlier state of the delivery."""
    origin, day = run.delivery.origin, spec.day_column or ""
    columns = [day, "source_file", *(name for name in ("displaced",) if name in spec.schema.names)]
    files = lake.files(spec, run.rules.reach, base.version())
    if not files:
        return set()

    def found(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if is_of(batch, origin):
                yield batch.slice(0, 1).select([day])

    table = read_table(spark, lake, spec, run.rules.reach, base.version(), columns)
    return {row[0] for row in table.mapInArrow(found, f"{day} date").distinct().collect()}


def _write_reviews(
    spark: SparkSession, lake: Lake, judged: DataFrame, run: Ingestion, days: set[date], base: DeltaTable
) -> tuple[list[DataFile], int, int]:
    """Write the files of `days` with the delivery's reviews in place of its earlier ones; nothing is committed.

    Returns the files, how many of the delivery's reviews stand in them, and how many of its earlier ones no longer do.
    """
    fresh = with_category(spark, judged.where("reason IS NULL"), run.products).select(
        *(name for name in ROWS.names if name not in {"ingested_at", "fresh", "former"}),
        F.lit(run.rules.now.isoformat()).cast("timestamp").alias("ingested_at"),
        F.lit(True).alias("fresh"),
        F.lit(False).alias("former"),
    )
    rows, origin, root = fresh.select(*ROWS.names), run.delivery.origin, lake.root
    if present := [file for file in lake.files(REVIEWS, None, base.version()) if file.day in days and file.rows]:
        stored = read_files(spark, lake, REVIEWS, present)
        rows = rows.unionByName(_mapped(stored, lambda batch: present_rows(batch, origin), ROWS))
    partitions = 2 * spark.sparkContext.defaultParallelism
    ordered = rows.repartition(partitions, "review_date").sortWithinPartitions(*ORDER)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return write_days(batches, root)

    written = ordered.mapInArrow(write, from_arrow_schema(WRITTEN)).collect()
    files = [DataFile(*(row[name] for name in ("day", "path", "size", "rows"))) for row in written]
    return files, sum(row["kept"] for row in written), sum(row["gone"] for row in written)


def _replace_quarantine(
    spark: SparkSession,
    lake: Lake,
    judged: DataFrame,
    run: Ingestion,
    counts: _Counts,
    base: DeltaTable,
    metadata: dict[str, str],
) -> None:
    """Put the delivery's rejected lines in place of its earlier ones, under the day that it is of, or today."""
    of = run.day or run.rules.now.date()
    days = {of} | _days_of(spark, lake, QUARANTINE, base, run)
    rejected = judged.where("reason IS NOT NULL").withColumn("ingest_date", F.lit(of))
    rows, origin = rejected.select(*QUARANTINE.schema.names), run.delivery.origin
    present = [file for file in lake.files(QUARANTINE, None, base.version()) if file.day in days and file.rows]
    if present:

        def others(batch: pa.RecordBatch) -> pa.RecordBatch:
            return batch.filter(pa.array([not origin.holds(name) for name in batch["source_file"].to_pylist()]))

        rows = rows.unionByName(_mapped(read_files(spark, lake, QUARANTINE, present), others, QUARANTINE.schema))
    files = write_files(rows, lake, QUARANTINE, len(days)) if counts.rejected or present else []
    total = str(sum(file.rows for file in files))
    lake.replace_days(QUARANTINE, days, files, base, {**metadata, "rows": total})
