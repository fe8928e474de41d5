"""The lake's tables: their columns, types and partitions."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class PlainTable:
    """A small Delta table without partitions, to which rows are added: its name and its columns."""

    name: str
    schema: pa.Schema


@dataclass(frozen=True)
class DayTable:
    """A Delta table whose days are replaced as a whole: its name, its columns, and the one that is the partition."""

    name: str
    schema: pa.Schema
    day_column: str

    @property
    def file_schema(self) -> pa.Schema:
        """The columns inside a data file: all but the partition, which Delta keeps in the path."""
        return pa.schema([field for field in self.schema if field.name != self.day_column])


TableSpec = PlainTable | DayTable


# What a repetition does not share with the review of the same day and product that stands for it.
_DISPLACED = pa.struct(
    [
        ("review_key", pa.string()),
        ("user_id", pa.string()),
        ("asin", pa.string()),
        ("rating", pa.float64()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("timestamp", _TIME),
        ("source_file", pa.string()),
        ("ingested_at", _TIME),
    ]
)
DISPLACED_FIELDS = tuple(field.name for field in _DISPLACED)

REVIEWS = DayTable(
    "reviews",
    pa.schema(
        [
            ("review_key", pa.string()),
            ("user_id", pa.string()),
            ("asin", pa.string()),
            ("parent_asin", pa.string()),
            ("category", pa.string()),
            ("rating", pa.float64()),
            ("title", pa.string()),
            ("text", pa.string()),
            ("word_count", pa.int32()),
            ("timestamp", _TIME),
            ("source_file", pa.string()),
            ("ingested_at", _TIME),
            # Repetitions in whose place this review stands; mostly null.
            ("displaced", pa.list_(_DISPLACED)),
            ("review_date", pa.date32()),
        ]
    ),
    "review_date",
)

QUARANTINE = DayTable(
    "quarantine",
    pa.schema(
        [
            ("source_file", pa.string()),
            ("line", pa.int64()),
            ("reason", pa.string()),
            ("raw", pa.string()),
            ("ingest_date", pa.date32()),
        ]
    ),
    "ingest_date",
)

SCORES = DayTable(
    "scores",
    pa.schema(
        [
            ("review_key", pa.string()),
            ("asin", pa.string()),
            ("parent_asin", pa.string()),
            ("category", pa.string()),
            ("label", pa.string()),
            ("positive_probability", pa.float32()),
            ("confidence", pa.float32()),
            ("needs_review", pa.bool_()),
            ("model_version", pa.string()),
            ("decided_by", pa.string()),
            ("scored_at", _TIME),
            ("run_id", pa.string()),
            # Of title and text; null in rows of lakes that were made before there was one.
            ("text_hash", pa.int64()),
            # Which bundle scored, by its content; null in rows of lakes that were made before there was one.
            ("bundle", pa.string()),
            # Which engine ran its network; null in rows of lakes that were made before 0.5.
            ("engine", pa.string()),
            # ISO 639-1; null where it cannot be told, and in rows of lakes that were made before 0.5.
            ("language", pa.string()),
            ("review_date", pa.date32()),
        ]
    ),
    "review_date",
)

DAILY_SENTIMENT = DayTable(
    "daily_sentiment",
    pa.schema(
        [
            ("level", pa.string()),
            ("category", pa.string()),
            ("parent_asin", pa.string()),
            ("reviews", pa.int64()),
            ("positive_share", pa.float64()),
            ("needs_review_share", pa.float64()),
            ("mean_stars", pa.float64()),
            ("disagreement_share", pa.float64()),
            ("model_version", pa.string()),
            ("review_date", pa.date32()),
        ]
    ),
    "review_date",
)

REVIEW_LABELS = PlainTable(
    "review_labels",
    pa.schema([("review_key", pa.string()), ("label", pa.string()), ("labelled_by", pa.string()), ("at", _TIME)]),
)

PROMOTIONS = PlainTable(
    "promotions",
    pa.schema(
        [
            ("version", pa.string()),
            ("previous_version", pa.string()),
            ("decided_by", pa.string()),
            ("reason", pa.string()),
            ("at", _TIME),
        ]
    ),
)
