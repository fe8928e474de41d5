"""The products: which category a review's product belongs to, from meta_*.jsonl files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from sentiment.core.errors import ContractError
from sentiment.ingest.landing import product_files
from sentiment.ingest.lines import LandedFile, lines_of, read_lines
from sentiment.stores.spark_jobs import kept, parallelism

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

UNKNOWN_CATEGORY = "unknown"
_PRODUCT = "parent_asin string, main_category string, categories array<string>"


@contextmanager
def categories(spark: SparkSession, root: str) -> Iterator[DataFrame | None]:
    """Give `parent_asin` and `category` of the products while the block runs; None where there are no product files.

    A category is the second level of the product's category path, the first where there is but one. Raises
    ContractError for a product file that cannot be read to its end.
    """
    files = found_files(root)
    if not files:
        yield None
        return
    lines = read_lines(spark, [LandedFile(uri, uri) for uri in files], parallelism(spark), lines_of)
    with kept(lines.select("source_file", "broken", F.from_json("raw", _PRODUCT).alias("product"))) as products:
        for broken in products.where("broken IS NOT NULL").take(1):
            raise ContractError(
                f"the product file {broken['source_file']} cannot be read: {broken['broken']}; replace it"
            )
        yield _named(products.select("product.*"))


def with_category(reviews: DataFrame, known: DataFrame | None) -> DataFrame:
    """Add `category`, by the product of each review."""
    if known is None:
        return reviews.withColumn("category", F.lit(UNKNOWN_CATEGORY))
    joined = reviews.join(F.broadcast(known), "parent_asin", "left")
    return joined.withColumn("category", F.coalesce("category", F.lit(UNKNOWN_CATEGORY)))


def found_files(root: str) -> list[str]:
    """Return the product files, and say what it means when there are none."""
    files = product_files(root)
    if not files:
        log.warning(
            "no product file (meta_*.jsonl or .jsonl.gz) lies under %s: every review is of the category %r; put them "
            "there, or correct SENTIMENT_PRODUCTS, and ingest the days again",
            *(root, UNKNOWN_CATEGORY),
        )
    return files


def _named(products: DataFrame) -> DataFrame:
    path = F.filter("categories", lambda name: F.length(F.trim(name)) > 0)
    category = F.coalesce(F.get(path, F.lit(1)), F.get(path, F.lit(0)), F.col("main_category"))
    named = products.select("parent_asin", category.alias("category")).where("parent_asin IS NOT NULL")
    return named.groupBy("parent_asin").agg(F.min("category").alias("category"))
