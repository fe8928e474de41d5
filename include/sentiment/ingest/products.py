"""The products: which category a review's product belongs to, from meta_*.jsonl files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import compute, parquet
from pyspark.sql import functions as F  # noqa: N812

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.ingest.landing import product_files
from sentiment.ingest.lines import LandedFile, lines_of, read_lines
from sentiment.stores.files import Seen
from sentiment.stores.spark_jobs import parallelism

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

log = logging.getLogger(__name__)

UNKNOWN_CATEGORY = "unknown"
# By the names of Amazon's products of 2023, 2018 and 2014. A path of categories is a list, a list of lists or a name.
_PRODUCT = "parent_asin string, asin string, categories string, category string, main_category string, main_cat string"
_LEVELS = "array<string>"
# Of fewer it costs less to hand all of them to Spark than to ask which are needed.
_MANY = 100_000
_COLUMNS = ["parent_asin", "category"]
_STATE = b"state"  # what stands for the files, in the metadata of what is kept


def categories(spark: SparkSession, root: str, home: Path, reviews: DataFrame) -> DataFrame | None:
    """Return `parent_asin` and `category` of products, of all or of those of some reviews; None without product files.

    A category is the second level of the product's category path, the first where there is but one. Lines that are of
    no product are counted in the log. What the files hold is kept under `home` until one of them changes, for a shop
    has millions of products, and a day some hundred reviews. Raises ContractError for a product file that cannot be
    read to its end, and UnavailableError for one that changes meanwhile.
    """
    files = found_files(root)
    if not files:
        return None
    path, state = home / "categories.parquet", _state_of(files)
    known = _kept_before(path, state)
    if known is None:
        read = _read(spark, files)
        if _state_of(found_files(root)) != state:
            raise UnavailableError(f"a product file under {root} is still being written; run it again when it is whole")
        known = _whole(read).replace_schema_metadata({_STATE: state})
        home.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            parquet.write_table(known, aside)
    _tell_of_no_product(known, root)
    named = known.filter(compute.is_valid(known["parent_asin"])).select(_COLUMNS)
    if named.num_rows > _MANY:
        asked = reviews.select("parent_asin").distinct().toArrow()["parent_asin"]
        named = named.filter(compute.is_in(named["parent_asin"], asked))
    return spark.createDataFrame(named, "parent_asin string, category string")


def _state_of(files: Sequence[Seen]) -> bytes:
    """Return what stands for the content of files, and for how they are read."""
    listed = "\n".join(f"{file.uri} {file.size} {file.modified}" for file in files)
    return sha256(f"{_PRODUCT}\n{listed}".encode("utf-8", "surrogateescape")).hexdigest().encode()


def _kept_before(path: Path, state: bytes) -> pa.Table | None:
    """Return what was read of the same files before; None where it is of others, or lies there torn."""
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    return table if (table.schema.metadata or {}).get(_STATE) == state else None


def _read(spark: SparkSession, files: Sequence[Seen]) -> pa.Table:
    """Return a row for each product, one for what is of none by file, with its `lines`, and one for a `broken` file."""
    lines = read_lines(spark, [LandedFile(file.uri, file.uri) for file in files], parallelism(spark), lines_of)
    # As Python's own json, and Sail, Spark shall take no dictionary of Python for an object.
    product = F.from_json("raw", _PRODUCT, {"allowSingleQuotes": "false"})
    products = lines.select("source_file", "broken", product.alias("product")).select("*", *_named())
    file = F.when(F.col("parent_asin").isNull(), F.col("source_file"))
    rows = products.groupBy("parent_asin", "broken", file.alias("source_file"))
    return rows.agg(F.min("category").alias("category"), F.count("*").alias("lines")).toArrow()


def _whole(found: pa.Table) -> pa.Table:
    """Return what was read; raises ContractError for a file that cannot be read to its end."""
    for broken in found.filter(compute.is_valid(found["broken"])).slice(0, 1).to_pylist():
        raise ContractError(f"the product file {broken['source_file']} cannot be read: {broken['broken']}; replace it")
    return found.select([*_COLUMNS, "source_file", "lines"])


def with_category(reviews: DataFrame, known: DataFrame | None) -> DataFrame:
    """Add `category`, by the product of each review."""
    if known is None:
        return reviews.withColumn("category", F.lit(UNKNOWN_CATEGORY))
    joined = reviews.join(F.broadcast(known), "parent_asin", "left")
    return joined.withColumn("category", F.coalesce("category", F.lit(UNKNOWN_CATEGORY)))


def found_files(root: str) -> list[Seen]:
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


def _tell_of_no_product(known: pa.Table, root: str) -> None:
    unnamed = known.filter(compute.is_null(known["parent_asin"])).sort_by("source_file")
    if unnamed.num_rows:
        log.warning(
            "%s lines of the product files under %s, the first in %s, are no JSON object with parent_asin or asin: "
            "reviews of their products are of the category %r; correct them, and ingest the days again",
            *(f"{compute.sum(unnamed['lines']).as_py():,}", root, unnamed["source_file"][0].as_py(), UNKNOWN_CATEGORY),
        )
