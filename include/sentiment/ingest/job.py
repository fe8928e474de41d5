"""The ingestion job in Spark: a delivery in, whole days of `reviews` and `quarantine` out, counts that add up.

A day and a whole history run through the same code; they differ in the files, and in the days that they may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from sentiment.ingest.arrival import require_unchanged
from sentiment.ingest.config import ImportResult
from sentiment.ingest.counts import Counts, count
from sentiment.ingest.days import ORDER, OWN, ROWS, WRITTEN, is_of, present_rows, write_days
from sentiment.ingest.judge import JUDGED, Rules, judge
from sentiment.ingest.landing import Delivery, Origin, day_called
from sentiment.ingest.lines import LandedFile, lines_of_reviews, read_lines
from sentiment.ingest.marks import looked_at, marks_of
from sentiment.ingest.products import categories, with_category
from sentiment.stores.lake.files import FILE, DataFile, write_day_file
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.lake.spark import read_files, write_files
from sentiment.stores.spark_jobs import kept, map_sorted, parallelism, require_memory, writers

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession

    from sentiment.stores.lake.log import TableState
    from sentiment.stores.lake.schemas import DayTable
    from sentiment.stores.lake.tables import Lake


# In Sail's memory, of what a day holds already: 60,000 reviews took 263 MB.
_BYTES_A_ROW = 4_400


@dataclass(frozen=True)
class Ingestion:
    """What one ingestion reads, by which rules, and the day, the run and whence it came that it carries into the lake.

    Under `home` lies what is kept of the product files.
    """

    delivery: Delivery
    rules: Rules
    products: str
    home: Path
    day: date | None
    run_id: str
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Target:
    """A table that a delivery goes into, and the state of it from which the new content is worked out."""

    base: DeltaTable
    held: TableState

    @classmethod
    def of(cls, lake: Lake, spec: DayTable) -> _Target:
        base = lake.grown(spec)
        return cls(base, lake.state(spec, base.version()))


@dataclass(frozen=True)
class _Written:
    """The files of days, how many of the delivery's reviews stand in them, and how many of its earlier ones do not."""

    files: list[DataFile]
    kept: int
    gone: int


def ingest_delivery(spark: SparkSession, lake: Lake, run: Ingestion) -> ImportResult:
    """Bring a delivery into the lake and count: read = kept + duplicate + rejected.

    The days that are written are those of fresh reviews, and those in which the delivery held some before. Raises
    ContractError for too many bad lines and UnavailableError for a file that is not whole, with nothing written;
    ConcurrentWriteError when another run wrote one of the days meanwhile.
    """
    # Before anything is read: what another run commits from here on is not written over.
    reviews, quarantine = _Target.of(lake, REVIEWS), _Target.of(lake, QUARANTINE)
    require_memory(spark, 2 * run.delivery.unpacked_bytes(), "this import")  # a million reviews of 0.9 GB took 1.6
    with kept(_judged(spark, run)) as judged:
        counts = count(judged, run.delivery.names, run.rules.options.max_bad_share)
        require_unchanged(run.delivery)
        days = counts.days | ({run.day} if run.day else set())
        reach = looked_at(run, reviews.base)
        days |= _days_of(spark, lake, reviews.held, run.delivery.origin, reviews.held.files(reach))
        present = _present(reviews.held, days)
        require_memory(spark, _BYTES_A_ROW * sum(file.rows for file in present), "to write what these days hold anew")
        written = _write_reviews(spark, lake, judged, run, days, reviews.held)
        counted = {"read": str(counts.read), "rejected": str(counts.rejected)}
        metadata = {**run.provenance, "run_id": run.run_id, **counted}
        also = () if run.day else (f"history:{run.delivery.origin.token()}",)
        # The reviews come last: a day that they hold is a day that was ingested whole. Both are of one run, or of none.
        lake.require_unchanged(REVIEWS, days, reviews.base, also)
        _replace_quarantine(spark, lake, judged, run, quarantine, metadata)
        version = reviews.base.version()
        if days:
            metadata["rows"] = str(sum(file.rows for file in written.files))
            marks = marks_of(run, judged, counts.days, reviews.base)
            version = lake.replace_days(REVIEWS, days, written.files, reviews.base, metadata, marks, also)
    return _result(run, counts, written, days, version)


def _result(run: Ingestion, counts: Counts, written: _Written, days: set[date], version: int) -> ImportResult:
    return ImportResult(
        days=len(days),
        touched=tuple(sorted(days)),
        read=counts.read,
        kept=written.kept,
        duplicate=counts.read - counts.rejected - written.kept,
        rejected=counts.rejected,
        gone=written.gone,
        cut=counts.cut,
        reasons=dict(sorted(counts.reasons.items())),
        schemas=dict(sorted(counts.schemas.items())),
        times=dict(sorted(counts.times.items())),
        files=len(run.delivery.files),
        reviews_version=version,
    )


def _mapped(frame: DataFrame, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema) -> DataFrame:
    """Put every Arrow batch of a frame through a function, in Spark's workers."""

    def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(function, batches)

    return frame.mapInArrow(each, from_arrow_schema(schema, prefer_timestamp_ntz=False))


def _partitions(spark: SparkSession) -> int:
    return 2 * parallelism(spark)


def _judged(spark: SparkSession, run: Ingestion) -> DataFrame:
    delivery, rules = run.delivery, run.rules
    each = zip(delivery.files, delivery.names, delivery.options, strict=True)
    files = [LandedFile(file.uri, name, options.model_dump_json(exclude_defaults=True)) for file, name, options in each]
    lines = read_lines(spark, files, _partitions(spark), lines_of_reviews)
    return _mapped(lines, lambda batch: judge(batch, rules), JUDGED)


def _days_of(spark: SparkSession, lake: Lake, held: TableState, origin: Origin, among: Iterable[DataFile]) -> set[date]:
    """Return the days of which a table holds, in some of its files, rows of an earlier state of a delivery."""
    day, names = held.spec.day_column, held.spec.schema.names
    files = [file for file in among if file.rows]
    if not files:
        return set()

    def one_row(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if is_of(batch, origin):
                yield batch.slice(0, 1).select([day])

    columns = [name for name in (day, "source_file", "displaced") if name in names]
    table = read_files(spark, lake, held.spec, files, columns)
    return {row[0] for row in table.mapInArrow(one_row, f"{day} date").distinct().collect()}


def _present(held: TableState, days: set[date]) -> list[DataFile]:
    return [file for file in held.files() if file.day in days and file.rows]


def _write_reviews(
    spark: SparkSession, lake: Lake, judged: DataFrame, run: Ingestion, days: set[date], held: TableState
) -> _Written:
    """Write the files of `days` with the delivery's reviews in place of its earlier ones; nothing is committed."""
    marked = {day for day, made_of in held.made_of().items() if made_of == OWN}
    origin, root, own = run.delivery.origin, lake.root, days & (marked | {run.day})

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return write_days(batches, root, own)

    sound = judged.where("reason IS NULL")
    rows = _fresh(with_category(sound, categories(spark, run.products, run.home, sound)), run)
    if present := _present(held, days):
        stored = read_files(spark, lake, REVIEWS, present)
        rows = rows.unionByName(_mapped(stored, lambda batch: present_rows(batch, origin), ROWS))
    spread = rows.repartition(writers(spark), "review_date")
    written = map_sorted(spread, ORDER, write, from_arrow_schema(WRITTEN)).collect()
    files = [DataFile(**{name: row[name] for name in FILE.names}) for row in written]
    empty = own - {file.day for file in files}
    files += [write_day_file(root, REVIEWS, day, (), OWN) for day in sorted(empty)]
    return _Written(files, sum(row["kept"] for row in written), sum(row["gone"] for row in written))


def _fresh(reviews: DataFrame, run: Ingestion) -> DataFrame:
    """Return the reviews of the delivery as ROWS."""
    constants = {
        "ingested_at": F.lit(run.rules.now.isoformat()).cast("timestamp"),
        "fresh": F.lit(True),
        "former": F.lit(False),
    }
    return reviews.select(*(constants[name].alias(name) if name in constants else name for name in ROWS.names))


def _replace_quarantine(
    spark: SparkSession, lake: Lake, judged: DataFrame, run: Ingestion, target: _Target, metadata: dict[str, str]
) -> None:
    """Put the delivery's rejected lines in place of its earlier ones, under the day that it is of, or today."""
    of, origin = run.day or run.rules.now.date(), run.delivery.origin
    # A history's lie under the day on which it was imported, and may be of the same file.
    reach = run.rules.reach and (run.rules.reach[0], date.max)
    # In ten years of days most hold lines of their own delivery alone, and their files say so.
    called = {run.day} if run.day else set(map(day_called, origin.names))
    among = [file for file in target.held.files(reach) if file.made_of != OWN or file.day in called]
    former = _days_of(spark, lake, target.held, origin, among)
    if metadata["rejected"] == "0" and not former:
        return  # imports of other days, of which nothing is rejected either, need not wait for each other
    days = {of} | former
    rejected = judged.where("reason IS NOT NULL").withColumn("ingest_date", F.lit(of))
    rows = rejected.select(*QUARANTINE.schema.names)
    present = _present(target.held, days)
    if present:

        def others(batch: pa.RecordBatch) -> pa.RecordBatch:
            return batch.filter(pa.array([not origin.holds(name) for name in batch["source_file"].to_pylist()]))

        rows = rows.unionByName(_mapped(read_files(spark, lake, QUARANTINE, present), others, QUARANTINE.schema))
    alone = days == {run.day} and all(file.made_of == OWN for file in present)
    files = write_files(rows, lake, QUARANTINE, len(days), OWN if alone else "")
    total = str(sum(file.rows for file in files))
    lake.replace_days(QUARANTINE, days, files, target.base, {**metadata, "rows": total})
