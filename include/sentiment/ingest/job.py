"""The ingestion job in Spark: files in, whole days of `reviews` and `quarantine` out, counts that add up.

A day and a whole history run through the same code; they differ in the files, and in whether lines of other days
are let in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F  # noqa: N812

from sentiment.errors import ContractError
from sentiment.ingest.clean import clean, word_count
from sentiment.ingest.deduplicate import without_repetitions
from sentiment.ingest.landing import read_lines
from sentiment.ingest.merge import merge_files
from sentiment.ingest.products import with_category
from sentiment.ingest.validate import EMPTY_AFTER_CLEANING, parse, reason_to_reject
from sentiment.lake.schemas import QUARANTINE, REVIEWS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from sentiment.config import IngestOptions
    from sentiment.lake.tables import Lake


@dataclass(frozen=True)
class Ingestion:
    """What one ingestion reads, and the moment and the run that it carries into the lake."""

    files: list[str]
    products: str
    day: date | None
    now: datetime
    run_id: str

    @property
    def scope(self) -> tuple[date, date] | None:
        """The days in which rows of these files can lie already: a day's files only ever write their day."""
        return (self.day, self.day) if self.day else None


@dataclass(frozen=True)
class _Counts:
    read: int
    rejected: int
    reasons: dict[str, int]
    first: date | None
    last: date | None


def ingest(spark: SparkSession, lake: Lake, options: IngestOptions, run: Ingestion) -> dict[str, object]:
    """Bring the run's files into the lake and return the counts: read = kept + duplicate + rejected.

    Raises ContractError, with nothing written, for a file that cannot be read to its end and for too many bad lines;
    ConcurrentWriteError when another run wrote one of the days meanwhile.
    """
    partitions = 2 * spark.sparkContext.defaultParallelism
    judged = _judged(spark, options, run, partitions).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts = _count(judged, options, run)
        metadata = {"run_id": run.run_id, "read": str(counts.read), "rejected": str(counts.rejected)}
        # The reviews come last: a day that they hold is a day that was ingested whole.
        _write_quarantine(lake, judged, run, counts, metadata)
        kept, version = _write_reviews(spark, lake, judged, run, counts, metadata)
    finally:
        judged.unpersist()
    return {
        "read": counts.read,
        "kept": kept,
        "duplicate": counts.read - counts.rejected - kept,
        "rejected": counts.rejected,
        "reasons": counts.reasons,
        "files": len(run.files),
        "reviews_version": version,
    }


def _judged(spark: SparkSession, options: IngestOptions, run: Ingestion, partitions: int) -> DataFrame:
    lines = read_lines(spark, run.files, partitions)
    parsed = parse(lines).withColumn("reason", reason_to_reject(run.now))
    cleaned = parsed.withColumn("title", clean(F.col("title"), options)).withColumn(
        "text", clean(F.col("text"), options)
    )
    time = F.timestamp_millis("milliseconds")
    dated = cleaned.withColumn("timestamp", time).withColumn("review_date", time.cast("date"))
    reason = F.coalesce("reason", F.when(F.col("text") == "", EMPTY_AFTER_CLEANING), _other_day(run.day))
    reviewer = F.coalesce("user_id", F.sha2("text", 256))
    key = F.sha2(F.concat_ws("\u001f", reviewer, "parent_asin", "milliseconds"), 256)
    return dated.select(
        "source_file",
        "line",
        "broken",
        reason.alias("reason"),
        F.when(reason.isNotNull(), F.col("raw")).alias("raw"),
        F.substring(key, 1, 32).alias("review_key"),
        *("user_id", "asin", "parent_asin", "title", "text", "timestamp", "review_date"),
        F.col("stars").alias("rating"),
    ).repartition(partitions, "parent_asin")


def _other_day(day: date | None) -> Column:
    if day is None:
        return F.lit(None).cast("string")
    message = F.concat(F.lit("the review is of "), F.col("review_date").cast("string"), F.lit(f", the file of {day}"))
    return F.when(F.col("review_date") != F.lit(day), message)


def _count(judged: DataFrame, options: IngestOptions, run: Ingestion) -> _Counts:
    """Count the lines and find the days, and refuse a broken file and a share of bad lines above the limit."""
    broken_file = F.when(F.col("broken").isNotNull(), F.col("source_file"))
    days = F.min("review_date").alias("first"), F.max("review_date").alias("last")
    groups = judged.groupBy("reason", "broken", broken_file.alias("file"))
    rows = groups.agg(F.count("*").alias("lines"), *days).collect()
    for row in rows:
        if row["broken"]:
            raise ContractError(
                f"{row['file']} cannot be read to its end: {row['broken']}. Nothing was written; deliver the file again"
            )
    reasons: Counter[str] = Counter()
    for row in rows:
        if row["reason"]:
            reasons[_kind(row["reason"])] += row["lines"]
    first, last = next(((row["first"], row["last"]) for row in rows if not row["reason"]), (None, None))
    read = sum(row["lines"] for row in rows)
    counts = _Counts(read, reasons.total(), dict(sorted(reasons.items())), first, last)
    if counts.rejected > options.max_bad_share * counts.read:
        raise ContractError(_too_many(counts, options.max_bad_share, run))
    return counts


def _kind(reason: str) -> str:
    return "the review is of another day" if reason.startswith("the review is of ") else reason


def _too_many(counts: _Counts, limit: float, run: Ingestion) -> str:
    worst = sorted(counts.reasons.items(), key=lambda item: -item[1])[:3]
    return (
        f"{counts.rejected} of {counts.read} lines in {run.files[0]}{' and others' if len(run.files) > 1 else ''} "
        f"are bad ({counts.rejected / counts.read:.0%}, the limit is {limit:.0%}): "
        f"{', '.join(f'{count} times {reason}' for reason, count in worst)}. Nothing was written; "
        "mend the files, or raise max_bad_share if they are right"
    )


def _write_reviews(
    spark: SparkSession, lake: Lake, judged: DataFrame, run: Ingestion, counts: _Counts, metadata: dict[str, str]
) -> tuple[int, int]:
    reviews = with_category(spark, without_repetitions(judged.where("reason IS NULL")), run.products)
    typed = reviews.withColumn("word_count", word_count(F.col("text"))).withColumn(
        "ingested_at", F.lit(run.now.isoformat()).cast("timestamp")
    )
    fresh = typed.select(*REVIEWS.schema.names)
    return merge_files(
        lake,
        REVIEWS,
        fresh,
        sources=run.files,
        days=_covered(counts, run.day),
        scope=run.scope,
        metadata=metadata,
        rows=None if counts.read > counts.rejected else 0,
    )


def _write_quarantine(lake: Lake, judged: DataFrame, run: Ingestion, counts: _Counts, metadata: dict[str, str]) -> None:
    ingest_date = run.day or run.now.date()
    rejected = judged.where("reason IS NOT NULL").withColumn("ingest_date", F.lit(ingest_date))
    fresh = rejected.select(*QUARANTINE.schema.names)
    merge_files(
        lake,
        QUARANTINE,
        fresh,
        sources=run.files,
        days={ingest_date},
        scope=run.scope,
        metadata=metadata,
        rows=counts.rejected,
    )


def _covered(counts: _Counts, day: date | None) -> set[date]:
    """Return the days that the run writes: its own, or all from the first to the last that a history holds."""
    if day is not None:
        return {day}
    if counts.first is None or counts.last is None:
        return set()
    return {counts.first + timedelta(n) for n in range((counts.last - counts.first).days + 1)}
