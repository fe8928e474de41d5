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
    from pyspark.sql import Column, DataFrame, SparkSession

log = logging.getLogger(__name__)

UNKNOWN_CATEGORY = "unknown"
# By the names of Amazon's products of 2023, 2018 and 2014. A path of categories is a list, a list of lists or a name.
_PRODUCT = "parent_asin string, asin string, categories string, category string, main_category string, main_cat string"
_LEVELS = "array<string>"


@contextmanager
def categories(spark: SparkSession, root: str) -> Iterator[DataFrame | None]:
    """Give `parent_asin` and `category` of the products while the block runs; None where there are no product files.

    A category is the second level of the product's category path, the first where there is but one. Lines that are of
    no product are counted in the log. Raises ContractError for a product file that cannot be read to its end.
    """
    files = found_files(root)
    if not files:
        yield None
        return
    lines = read_lines(spark, [LandedFile(uri, uri) for uri in files], parallelism(spark), lines_of)
    # As Python's own json, and Sail, Spark shall take no dictionary of Python for an object.
    product = F.from_json("raw", _PRODUCT, {"allowSingleQuotes": "false"})
    with kept(lines.select("source_file", "broken", product.alias("product")).select("*", *_named())) as products:
        for broken in products.where("broken IS NOT NULL").take(1):
            raise ContractError(
                f"the product file {broken['source_file']} cannot be read: {broken['broken']}; replace it"
            )
        _tell_of_no_product(products, root)
        of_products = products.where("parent_asin IS NOT NULL").groupBy("parent_asin")
        yield of_products.agg(F.min("category").alias("category"))


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


def _named() -> tuple[Column, Column]:
    """Return `parent_asin` and `category` of a `product`, either maybe NULL."""
    path = F.coalesce(_path("product.categories"), _path("product.category"))
    names = F.filter(path, lambda name: F.length(F.trim(name)) > 0)
    category = F.coalesce(F.get(names, F.lit(1)), F.get(names, F.lit(0)), "product.main_category", "product.main_cat")
    key = F.coalesce("product.parent_asin", "product.asin")
    return key.alias("parent_asin"), F.replace(category, F.lit("&amp;"), F.lit("&")).alias("category")


def _path(column: str) -> Column:
    """Return the levels of a path that is written as a list, as several of which the first counts, or as one name."""
    levels = F.from_json(column, _LEVELS)
    name = F.when(~F.startswith(F.col(column), F.lit("[")), F.array(column))
    return F.coalesce(F.from_json(F.get(levels, F.lit(0)), _LEVELS), levels, name)


def _tell_of_no_product(products: DataFrame, root: str) -> None:
    unnamed = products.where("parent_asin IS NULL")
    for first in unnamed.select("source_file").take(1):
        log.warning(
            "%s lines of the product files under %s, the first in %s, are no JSON object with parent_asin or asin: "
            "reviews of their products are of the category %r; correct them, and ingest the days again",
            *(f"{unnamed.count():,}", root, first["source_file"], UNKNOWN_CATEGORY),
        )
