"""Snapshots of the lake: its reviews pinned, de-duplicated over all history, labelled, and split, in Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet
from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

from sentiment.core.errors import ContractError
from sentiment.core.names import NEGATIVE_STARS, POSITIVE_STARS
from sentiment.core.text.clean import FEWEST_OF_A_COPY
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import (
    SPLITS,
    UNUSED,
    Manifest,
    SplitCounts,
    counted,
    require_both_classes,
    write_manifest,
)
from sentiment.datasets.requirements import require_categories, require_several_products
from sentiment.datasets.snapshot import (
    COLUMNS,
    is_made_of,
    snapshot_id,
    table_id,
)
from sentiment.datasets.split_files import write_splits
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.spark import read_table
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark_jobs import kept, map_sorted, parallelism, require_memory

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_REMEDY = (
    "import more days or products, choose split random where products are few, or change min_words, test_share, "
    "validation_share or recent_share"
)
# In Sail's memory: 250,000 reviews took 1.2 GB in all, of which 0.3 do not grow.
_BYTES_A_ROW = 3_700
# As many as a task sorts within its memory.
_ROWS_A_FILE = 500_000
_NEEDED = (
    *("review_key", "user_id", "parent_asin", "category", "rating", "title", "text"),
    *("word_count", "timestamp", "source_file", "review_date"),
)


def make_snapshot(spark: SparkSession, lake: Lake, config: SnapshotConfig, folder: str) -> Manifest:
    """Write the snapshot of a pinned configuration into `folder` and return its manifest."""
    reviews = _reviews(spark, lake, config)
    with kept(_sided(_rows(reviews, config), config).where("label IS NOT NULL")) as labelled:
        cutoff = None if config.split == "random" else _cutoff(labelled, config.recent_share)
        parts = labelled.withColumn("split", _split(cutoff))
        splits, left_out = _counted(parts)
        require_categories(splits, config)
        require_several_products(labelled, splits, config)
        require_both_classes(splits, _REMEDY)
        left_out["too_short"] = reviews.where(_label().isNotNull() & (F.col("word_count") < config.min_words)).count()
        rows = sum(counts.reviews for counts in splits.values())
        partitions = max(2, min(2 * parallelism(spark), rows // _ROWS_A_FILE))
        files = _write(parts.where("split IS NOT NULL"), folder, partitions=partitions)
    manifest = Manifest(
        id=snapshot_id(config, table_id(lake)),
        config=config.model_dump(mode="json"),
        cutoff=cutoff,
        left_out=left_out,
        splits=splits,
        files=files,
    )
    write_manifest(folder, manifest)
    return manifest


def write_unlabelled(spark: SparkSession, lake: Lake, manifest: Manifest, folder: str) -> tuple[list[str], int]:
    """Write the reviews without a label of a snapshot's training side into its folder; return files and their rows.

    Raises ContractError when the table is not the one any more that the snapshot was made of.
    """
    config = SnapshotConfig.model_validate(manifest.config)
    if not is_made_of(manifest.id, config, table_id(lake)):
        raise ContractError(
            f"the table {REVIEWS.name} of {lake.root} is not the one that snapshot {manifest.id} was made of; take a "
            "new snapshot, and train on that"
        )
    parts = _sided(_rows(_reviews(spark, lake, config), config), config).where("label IS NULL")
    of_training = parts.withColumn("split", _split(manifest.cutoff)).where("split = 'train'")
    files = _write(of_training.withColumn("split", F.lit("unlabelled")), folder, ("unlabelled",))["unlabelled"]
    filesystem, base = storage.arrow_filesystem(folder)
    return files, sum(parquet.read_metadata(f"{base}/{name}", filesystem=filesystem).num_rows for name in files)


def _reviews(spark: SparkSession, lake: Lake, config: SnapshotConfig) -> DataFrame:
    """Return the reviews that a pinned configuration takes from; ContractError where Sail's memory is too small."""
    days = (config.from_day or date.min, config.to_day or date.max)
    rows = sum(file.rows for file in lake.files(REVIEWS, days, config.reviews_version))
    if not rows and (there := lake.state(REVIEWS, config.reviews_version).days):
        raise ContractError(
            f"the lake holds no review from {days[0]} to {days[1]}; it holds days from {min(there)} to {max(there)}: "
            "change from_day or to_day"
        )
    require_memory(spark, rows * _BYTES_A_ROW, f"a snapshot of {rows:,} reviews")
    return read_table(spark, lake, REVIEWS, days, config.reviews_version, _NEEDED)


def _rows(reviews: DataFrame, config: SnapshotConfig) -> DataFrame:
    """Return a snapshot's columns, and word_count, of what is no repetition and long enough."""
    return (
        without_repetitions(reviews)
        .where(F.col("word_count") >= config.min_words)
        .withColumn("label", _label())
        .withColumn("sample_order", F.xxhash64(F.lit(config.split_seed), "review_key"))
        .select(*COLUMNS.names, "word_count")
    )


def _label() -> Column:
    """Label a review by its stars; one of three stars has none."""
    return F.when(F.col("rating") >= POSITIVE_STARS, 1).when(F.col("rating") <= NEGATIVE_STARS, 0).cast("byte")


def _cutoff(labelled: DataFrame, recent_share: float) -> date | None:
    """Return the first day of the newest share of the reviews; None when time does not split."""
    if recent_share == 0:
        return None
    reviews = {row["review_date"]: row["count"] for row in labelled.groupBy("review_date").count().collect()}
    return _first_recent(reviews, recent_share)


def _first_recent(reviews: Mapping[date, int], recent_share: float) -> date | None:
    """Return the last day from which on at least that share of the reviews was written."""
    newer = 0
    for day in sorted(reviews, reverse=True):
        newer += reviews[day]
        # Rounded, for 0.7 x 10 is a little less than 7, and 0.1 x 30 a little more than 3.
        if newer >= round(recent_share * sum(reviews.values()), 6):
            return day
    return None


def _sided(rows: DataFrame, config: SnapshotConfig) -> DataFrame:
    """Add the `side` of a review: by its product's hash, or by its place in a random order of its label and category.

    Copies of a text are in the place of one of them, where chance and not the product decides.
    """
    if config.split != "random":
        return rows.withColumn("side", _side(config, _place_of_product(config)))
    copied = F.col("word_count") >= FEWEST_OF_A_COPY
    text = F.when(copied, F.sha2(F.col("text"), 256)).otherwise(F.col("review_key"))
    own = rows.withColumn("_place", _place_in_stratum(config)).withColumn("_text", text)
    # Those without a label have an order of their own, and follow nobody.
    alike = Window.partitionBy("_text", F.isnull("label")).orderBy("review_key")
    placed = own.withColumn("_place", F.first("_place").over(alike))
    return placed.withColumn("side", _side(config, F.col("_place"))).drop("_place", "_text")


def _side(config: SnapshotConfig, place: Column) -> Column:
    """Name the side of a place between 0 and 1. Where categories are kept for the test, their products are the test."""
    test_share = 0 if config.test_categories else config.test_share
    kept_for_test = _of_kept_product(config.test_categories) if config.test_categories else F.lit(False)
    return (
        F.when(kept_for_test | (place < test_share), "test")
        .when(place < test_share + config.validation_share, "validation")
        .otherwise("train")
    )


def _of_kept_product(categories: Sequence[str]) -> Column:
    # A product's category is written into each of its reviews, and days may have come before the product files did.
    product = Window.partitionBy(F.coalesce("parent_asin", "review_key"))
    return F.coalesce(F.max(F.col("category").isin(*categories)).over(product), F.lit(False))


def _place_of_product(config: SnapshotConfig) -> Column:
    return F.pmod(F.xxhash64(F.lit(config.split_seed), "parent_asin"), F.lit(1_000_000)) / 1_000_000


def _place_in_stratum(config: SnapshotConfig) -> Column:
    # Another hash than that of the sample's order, of which each split would else be one stretch.
    stratum = Window.partitionBy("label", "category")
    at_random = F.xxhash64(F.lit(config.split_seed), F.lit("split"), "review_key")
    return (F.row_number().over(stratum.orderBy(at_random, "review_key")) - 0.5) / F.count("*").over(stratum)


def _split(cutoff: date | None) -> Column:
    """Name the split of a review: its side, and none on the wrong side of the cutoff."""
    if cutoff is None:
        return F.col("side")
    recent = F.col("review_date") >= F.lit(cutoff)
    return F.when((F.col("side") == "train") != recent, F.col("side"))


def _counted(parts: DataFrame) -> tuple[dict[str, SplitCounts], dict[str, int]]:
    """Count reviews and classes of each split, and what fell between them by why."""
    split = F.coalesce("split", F.lit(UNUSED))
    grouped = parts.groupBy(split.alias("split"), "side", "category", "label").agg(F.count("*").alias("reviews"))
    rows = grouped.collect()
    left_out = {"older": 0, "newer": 0}
    for row in rows:
        if row["split"] == UNUSED:
            left_out["newer" if row["side"] == "train" else "older"] += row["reviews"]
    return counted((row["split"], row["category"], row["label"], row["reviews"]) for row in rows), left_out


def _write(
    parts: DataFrame, folder: str, splits: tuple[str, ...] = SPLITS, partitions: int = 2
) -> dict[str, list[str]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return write_splits(batches, folder)

    spread = parts.drop("side", "word_count").repartitionByRange(partitions, "sample_order")
    rows = map_sorted(spread, ("sample_order",), write, "split string, file string").collect()
    return {split: sorted(row["file"] for row in rows if row["split"] == split) for split in splits}


def without_repetitions(reviews: DataFrame) -> DataFrame:
    """Keep of one user's reviews of a product the latest, then of copies of a text within a product the earliest.

    Needs review_key, parent_asin, user_id, timestamp, text and word_count. Ties are broken by review_key and
    source_file, so that the same rows are kept in every run. A review without a user is nobody's second one.
    """
    reviewer = F.coalesce(F.concat(F.lit("u"), "user_id"), F.concat(F.lit("k"), "review_key"))
    copied = F.col("word_count") >= FEWEST_OF_A_COPY
    tie = (F.col("review_key"), F.col("source_file"))
    of_user = Window.partitionBy("parent_asin", "_reviewer").orderBy(F.col("timestamp").desc(), *tie)
    of_text = Window.partitionBy("parent_asin", "_text").orderBy("timestamp", *tie)
    return (
        reviews.withColumn("_reviewer", F.xxhash64(reviewer))
        .withColumn("_text", F.when(copied, F.sha2(F.col("text"), 256)).otherwise(F.col("review_key")))
        .withColumn("_rank", F.row_number().over(of_user))
        .where("_rank = 1")
        .withColumn("_rank", F.row_number().over(of_text))
        .where("_rank = 1")
        .drop("_reviewer", "_text", "_rank")
    )
