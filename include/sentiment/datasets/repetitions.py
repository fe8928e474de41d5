"""Which of all reviews repeats another: the same user on the same product, or the same text on one product.

Both rules look only within a product, so that one shuffle by product serves both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def without_repetitions(reviews: DataFrame) -> DataFrame:
    """Keep of one user's reviews of a product the latest, then of equal texts within a product the earliest.

    Needs review_key, parent_asin, user_id, timestamp and text. Ties are broken by review_key and source_file, so that
    the same rows are kept in every run. A review without a user is nobody's second one.
    """
    reviewer = F.coalesce(F.concat(F.lit("u"), "user_id"), F.concat(F.lit("k"), "review_key"))
    tie = (F.col("review_key"), F.col("source_file"))
    of_user = Window.partitionBy("parent_asin", "_reviewer").orderBy(F.col("timestamp").desc(), *tie)
    of_text = Window.partitionBy("parent_asin", "_text").orderBy("timestamp", *tie)
    return (
        reviews.withColumn("_reviewer", F.xxhash64(reviewer))
        .withColumn("_text", F.sha2(F.col("text"), 256))
        .withColumn("_rank", F.row_number().over(of_user))
        .where("_rank = 1")
        .withColumn("_rank", F.row_number().over(of_text))
        .where("_rank = 1")
        .drop("_reviewer", "_text", "_rank")
    )
