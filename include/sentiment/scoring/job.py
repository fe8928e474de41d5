"""The scoring job in Spark: reviews of some days in, `scores` and `daily_sentiment` of those days out.

The workers import onnxruntime and tokenizers, nothing heavier; a worker loads the bundle once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sentiment.config import NEGATIVE_STARS, POSITIVE_STARS
from sentiment.lake.from_spark import read_table, write_files
from sentiment.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.lake.tables import DataFile, Lake
from sentiment.scoring.engine import Scorer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_INPUT = ("review_key", "asin", "parent_asin", "category", "rating", "title", "text", "review_date")
_SCORED = pa.schema(
    [
        *(REVIEWS.schema.field(name) for name in _INPUT if name not in {"title", "text"}),
        *(SCORES.schema.field(name) for name in ("label", "positive_probability", "confidence", "needs_review")),
    ]
)


@dataclass(frozen=True)
class Scoring:
    """What one scoring run uses and leaves as its trace in the lake."""

    bundle: Path
    model_version: str
    family: str
    run_id: str
    now: datetime


def score_days(spark: SparkSession, lake: Lake, days: Sequence[date], run: Scoring) -> dict[str, Any]:
    """Score the reviews of `days`, replace each of them in one commit a table, and return counts.

    Raises ConcurrentWriteError when another run wrote one of the days meanwhile.
    """
    from pyspark import StorageLevel

    days = sorted(days)
    span, version = (days[0], days[-1]), lake.open(REVIEWS).version()
    bases = {spec.name: lake.open(spec) for spec in (SCORES, DAILY_SENTIMENT)}
    reviews = read_table(spark, lake, REVIEWS, span, version, _INPUT)
    # Persisted, so that writing and counting do not score twice.
    scored = _scored(spark, reviews.where(reviews["review_date"].isin(days)), run).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        partitions = min(len(days), 2 * spark.sparkContext.defaultParallelism)
        written = {
            spec.name: _files_by_day(write_files(frame, lake, spec, partitions))
            for spec, frame in (
                (SCORES, _as_scores(scored, run)),
                (DAILY_SENTIMENT, _by_product_and_category(scored, run)),
            )
        }
        counts = _counts(scored)
    finally:
        scored.unpersist()
    trace = {"run_id": run.run_id, "model_version": run.model_version, "reviews_version": str(version)}
    for day in days:
        # The scores come last: a day that they hold has its sentiment too.
        for spec in (DAILY_SENTIMENT, SCORES):
            files = written[spec.name].get(day, [])
            metadata = {**trace, "rows": str(sum(file.rows for file in files))}
            lake.replace_days(spec, [day], files, bases[spec.name], metadata)
    return {"days": len(days), **counts, "model_version": run.model_version, "reviews_version": version}


def _scored(spark: SparkSession, reviews: DataFrame, run: Scoring) -> DataFrame:
    from pyspark.sql.pandas.types import from_arrow_schema

    bundle = _shipped(spark, run.bundle)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scorer = _loaded(str(bundle()))
        for batch in batches:
            yield _score_batch(scorer, batch)

    # In an order of their own: what a review is batched with moves the last digits of its probability, and more than
    # those under dynamic int8, whose scale is the batch's. So the same days give the same scores, run after run.
    spread = reviews.repartition(spark.sparkContext.defaultParallelism, "review_key")
    spread = spread.sortWithinPartitions("review_date", "review_key")
    return spread.mapInArrow(score, from_arrow_schema(_SCORED, prefer_timestamp_ntz=False))


def _score_batch(scorer: Scorer, batch: pa.RecordBatch) -> pa.RecordBatch:
    decisions = scorer.decide(scorer.probabilities(batch["title"].to_pylist(), batch["text"].to_pylist()))
    columns = [batch[name] for name in _INPUT if name not in {"title", "text"}]
    decided = [
        pa.array(decisions.label, pa.string()),
        pa.array(decisions.positive_probability, pa.float32()),
        pa.array(decisions.confidence, pa.float32()),
        pa.array(decisions.needs_review, pa.bool_()),
    ]
    return pa.RecordBatch.from_arrays([*columns, *decided], schema=_SCORED)


@lru_cache(maxsize=1)
def _loaded(bundle: str) -> Scorer:
    """Load the bundle once a worker process; one thread, because Spark runs one worker a core."""
    return Scorer.load(Path(bundle), threads=1)


def _shipped(spark: SparkSession, bundle: Path) -> Callable[[], Path]:
    """Make the bundle reachable for the workers and return how they find it: in place, or unpacked from an archive."""
    if str(spark.sparkContext.master).startswith("local"):
        return lambda: bundle
    name = f"bundle-{bundle.name}"
    archive = Path(mkdtemp()) / f"{name}.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(bundle.iterdir()):
            packed.write(file, file.name)
    spark.sparkContext.addArchive(str(archive))

    def unpacked() -> Path:
        from pyspark import SparkFiles

        return Path(SparkFiles.get(archive.name))

    return unpacked


def _as_scores(scored: DataFrame, run: Scoring) -> DataFrame:
    from pyspark.sql import functions as F  # noqa: N812

    return scored.select(
        *[name for name in SCORES.schema.names if name in _SCORED.names],
        F.lit(run.model_version).alias("model_version"),
        F.lit(run.family).alias("decided_by"),
        F.lit(run.now.isoformat()).cast("timestamp").alias("scored_at"),
        F.lit(run.run_id).alias("run_id"),
    )


def _by_product_and_category(scored: DataFrame, run: Scoring) -> DataFrame:
    from pyspark.sql import functions as F  # noqa: N812

    positive = F.col("label") == "positive"
    by_stars = F.when(F.col("rating") >= POSITIVE_STARS, True).when(F.col("rating") <= NEGATIVE_STARS, False)
    grouped = scored.groupingSets(
        [["review_date", "category"], ["review_date", "category", "parent_asin"]],
        "review_date",
        "category",
        "parent_asin",
    ).agg(
        F.grouping("parent_asin").alias("_of_category"),
        F.count("*").alias("reviews"),
        F.avg(positive.cast("double")).alias("positive_share"),
        F.avg(F.col("needs_review").cast("double")).alias("needs_review_share"),
        F.avg("rating").alias("mean_stars"),
        # Three-star reviews have no side to disagree with.
        F.avg((positive != by_stars).cast("double")).alias("disagreement_share"),
    )
    return grouped.select(
        F.when(F.col("_of_category") == 1, "category").otherwise("product").alias("level"),
        *[name for name in DAILY_SENTIMENT.schema.names if name not in {"level", "model_version"}],
        F.lit(run.model_version).alias("model_version"),
    )


def _counts(scored: DataFrame) -> dict[str, Any]:
    from pyspark.sql import functions as F  # noqa: N812

    row = scored.agg(
        F.count("*").alias("reviews"),
        F.coalesce(F.sum((F.col("label") == "positive").cast("long")), F.lit(0)).alias("positive"),
        F.coalesce(F.sum(F.col("needs_review").cast("long")), F.lit(0)).alias("needs_review"),
    ).first()
    return row.asDict() if row else {}


def _files_by_day(files: Sequence[DataFile]) -> dict[date, list[DataFile]]:
    return {day: [file for file in files if file.day == day] for day in {file.day for file in files}}
