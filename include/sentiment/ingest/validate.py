"""What a raw line must be to become a review: parsing, and the reason for which a line is rejected.

The reasons are what operators read in the quarantine; they stand here once.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Every field as a string: a number that is none must reach our own rule instead of voiding the whole line.
_LINE = "rating string, title string, text string, asin string, parent_asin string, user_id string, timestamp string"
_MILLISECONDS = r"^-?[0-9]{1,15}(\.0+)?$"

NOT_JSON = "the line is not a JSON object"
EMPTY_AFTER_CLEANING = "text holds nothing but markup, links or white space"


def parse(lines: DataFrame) -> DataFrame:
    """Add the Amazon Reviews 2023 fields to raw lines, typed where they can be, and `reason` where a line is bad."""
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt", "allowUnquotedControlChars": "true"}
    record = F.from_json("raw", f"{_LINE}, _corrupt string", options)
    parsed = lines.withColumn("record", record).select(
        "source_file",
        "line",
        "raw",
        "broken",
        F.col("record._corrupt").isNotNull().alias("unreadable"),
        *[F.col(f"record.{name}") for name in ("rating", "title", "text", "timestamp", "user_id")],
        F.coalesce("record.asin", "record.parent_asin").alias("asin"),
        F.coalesce("record.parent_asin", "record.asin").alias("parent_asin"),
    )
    return (
        parsed.withColumn("stars", F.col("rating").cast("double"))
        .withColumn("milliseconds", F.when(F.col("timestamp").rlike(_MILLISECONDS), F.col("timestamp").cast("double")))
        .withColumn("milliseconds", F.col("milliseconds").cast("long"))
    )


def reason_to_reject(now: datetime) -> Column:
    """Return why a parsed line is no review, or NULL; a review cannot be younger than `now`."""
    rules = (
        (F.col("broken").isNotNull(), F.col("broken")),
        (F.col("unreadable"), NOT_JSON),
        (F.col("text").isNull(), "text is missing"),
        (~F.col("text").rlike(r"[^\s\p{Z}\p{Cc}]"), "text is white space only"),
        (F.col("rating").isNull(), "rating is missing"),
        (F.col("stars").isNull() | F.isnan("stars"), "rating is not a number"),
        (~F.col("stars").between(1, 5), "rating is outside 1 to 5"),
        (F.col("timestamp").isNull(), "timestamp is missing"),
        (F.col("milliseconds").isNull(), "timestamp is not a number of milliseconds"),
        (F.col("milliseconds") > int(now.timestamp() * 1000), "timestamp lies in the future"),
        (F.col("milliseconds") < 0, "timestamp lies before 1970"),
        (F.col("parent_asin").isNull(), "asin and parent_asin are both missing"),
    )
    reason = F.lit(None).cast("string")
    for condition, message in reversed(rules):
        reason = F.when(condition, F.lit(message) if isinstance(message, str) else message).otherwise(reason)
    return reason
