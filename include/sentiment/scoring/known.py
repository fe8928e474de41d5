"""Which scores of earlier runs still hold: those of the same review, text, version and bundle. Knows frames, no models.

Text and bundle are known by their hashes, which `scores` keeps; a row from before there were any is never reused. The
version's number alone says nothing: a model that was made anew, or another MLflow, gives the same numbers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentiment.engine.scorer import BY_GATE
from sentiment.scoring.worker import KEPT, SCORED, Scoring
from sentiment.stores.lake.schemas import REVIEWS, SCORES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# What both frames are spread by, and joined on: Spark then moves the rows once.
UNCHANGED = ("review_key", "review_date", "text_hash")
KNOWN_COLUMNS = (*UNCHANGED, *KEPT)
# What a worker gets beside the text: all that is not a score.
REVIEW_COLUMNS = tuple(name for name in SCORED.names if name in {*REVIEWS.schema.names, *UNCHANGED})


def with_text_hash(reviews: DataFrame) -> DataFrame:
    """Add `text_hash`, the 64-bit hash of title and text."""
    from pyspark.sql import functions as F  # noqa: N812

    return reviews.withColumn("text_hash", F.xxhash64("title", "text"))


def with_known(reviews: DataFrame, known: DataFrame | None, run: Scoring, pieces: int) -> DataFrame:
    """Return reviews in `pieces` partitions with their known scores, nulls where there are none, and `reused`.

    `reviews` have a `text_hash`, `known` are rows of `scores` or None; a reused review travels without its text.
    """
    from pyspark.sql import functions as F  # noqa: N812

    # By a hash of the key: however the reviews crowd on days or products, the pieces are of one size.
    spread = reviews.repartition(pieces, *UNCHANGED)
    if known is None:
        unknown: list[Column] = [_null(name) for name in KEPT]
        return spread.select(*REVIEW_COLUMNS, "title", "text", *unknown, F.lit(False).alias("reused"))
    valid = known.where(_valid(run)).select(*KNOWN_COLUMNS).repartition(pieces, *UNCHANGED)
    joined = spread.join(valid, list(UNCHANGED), "left").withColumn("reused", F.col("run_id").isNotNull())
    texts = [F.when(~F.col("reused"), F.col(name)).alias(name) for name in ("title", "text")]
    return joined.select(*REVIEW_COLUMNS, *texts, *KEPT, "reused")


def _valid(run: Scoring) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    same = (F.col("model_version") == run.model_version) & (F.col("bundle") == run.content)
    valid = same & F.col("text_hash").isNotNull()
    return valid if run.gate else valid & (F.col("decided_by") != BY_GATE)


def _null(name: str) -> Column:
    from pyspark.sql import functions as F  # noqa: N812
    from pyspark.sql.pandas.types import from_arrow_type

    kind = from_arrow_type(SCORES.schema.field(name).type, prefer_timestamp_ntz=False)
    return F.lit(None).cast(kind).alias(name)
