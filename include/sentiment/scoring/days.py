"""Writes scored days: of each its file of `scores` and its file of `daily_sentiment`, in one pass over the rows.

The latter has a row for every category and every product of the day. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pyarrow import compute

from sentiment.core.names import LABELS, NEGATIVE_STARS, POSITIVE, POSITIVE_STARS
from sentiment.scoring.results import ScoreCounts
from sentiment.scoring.scored import SUMMARISED
from sentiment.stores.lake.files import FILE, DataFile, by_day, write_day_file
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark_jobs import map_sorted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

_COUNTS = tuple(count.name for count in fields(ScoreCounts))
_WRITTEN = pa.schema([pa.field("table", pa.string()), *FILE, *(pa.field(name, pa.int64()) for name in _COUNTS)])


_SHARES = {
    "positive_mean": "positive_share",
    "needs_review_mean": "needs_review_share",
    "rating_mean": "mean_stars",
    "disagrees_mean": "disagreement_share",
    "count_all": "reviews",
    "category_min": "category",
}
_KEYS = {"category": "category", "product": "parent_asin"}


@dataclass(frozen=True)
class WrittenDays:
    """The files by table name and day, and what was counted over all days."""

    files: dict[tuple[str, date], DataFile]
    counts: ScoreCounts

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Make it from the rows that workers return: one a file, with what there is to count in it."""
        files = {(row["table"], row["day"]): DataFile(**{name: row[name] for name in FILE.names}) for row in rows}
        return cls(files, ScoreCounts(**{name: sum(row[name] for row in rows) for name in _COUNTS}))


def write_days(scored: DataFrame, lake: Lake, partitions: int, contents: Mapping[date, str]) -> WrittenDays:
    """Write rows of SCORED as files, a day in one file a table, from `partitions` tasks; nothing is committed.

    `contents` stands for the reviews of each day, and is remembered beside its scores.

    It is the one action on the rows: scoring, writing, summing up and counting are a single Spark job. A task that is
    tried again writes anew under other names, and only the files of the attempt that ended well are returned.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    root = lake.root

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for day, rows in by_day(batches, "review_date"):
            yield pa.RecordBatch.from_pylist(_write_day(root, day, rows, contents[day]), schema=_WRITTEN)

    spread, by = scored.repartition(partitions, "review_date"), ("review_date", "review_key")
    schema = from_arrow_schema(_WRITTEN, prefer_timestamp_ntz=False)
    return WrittenDays.of(map_sorted(spread, by, write, schema).collect())


def daily_sentiment(scores: pa.Table) -> pa.Table:
    """Return the rows of `daily_sentiment` for one day's scored reviews with the columns SUMMARISED."""
    measured = _measured(scores)
    day = [scores[name][0] for name in ("model_version", "review_date")]
    # A product may have got another category meanwhile; it has one row nevertheless.
    levels = [_level(measured, "category", []), _level(measured, "product", [("category", "min")])]
    found = pa.concat_tables(levels, promote_options="default")
    for name, value in zip(("model_version", "review_date"), day, strict=True):
        found = found.append_column(name, pa.repeat(value, found.num_rows))
    return found.select(DAILY_SENTIMENT.schema.names).cast(DAILY_SENTIMENT.schema)


def _write_day(root: str, day: date, batches: Iterator[pa.RecordBatch], content: str) -> list[dict[str, object]]:
    summarised: list[pa.RecordBatch] = []

    def passing() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            summarised.append(batch.select([*SUMMARISED, "reused"]))
            yield batch

    scores = write_day_file(root, SCORES, day, passing(), content)
    rows = pa.Table.from_batches(summarised)
    sentiment = write_day_file(root, DAILY_SENTIMENT, day, daily_sentiment(rows).to_batches(), content)
    kinds = {
        "positive": compute.equal(rows["label"], LABELS[POSITIVE]),
        "needs_review": rows["needs_review"],
        "reused": rows["reused"],
    }
    counts = {"reviews": rows.num_rows, **{kind: compute.sum(which).as_py() for kind, which in kinds.items()}}
    return [
        {"table": SCORES.name, **vars(scores), **counts},
        {"table": DAILY_SENTIMENT.name, **vars(sentiment), **dict.fromkeys(_COUNTS, 0)},
    ]


def _measured(scores: pa.Table) -> pa.Table:
    stars, positive = scores["rating"], compute.equal(scores["label"], LABELS[POSITIVE])
    praises = compute.greater_equal(stars, POSITIVE_STARS)
    # Three-star reviews have no side to disagree with.
    sided = compute.or_(praises, compute.less_equal(stars, NEGATIVE_STARS))
    disagrees = compute.if_else(sided, compute.xor(positive, praises), pa.scalar(None, pa.bool_()))
    return pa.table(
        {
            **{name: scores[name] for name in ("category", "parent_asin", "rating")},
            "positive": compute.cast(positive, pa.float64()),
            "needs_review": compute.cast(scores["needs_review"], pa.float64()),
            "disagrees": compute.cast(disagrees, pa.float64()),
        }
    )


def _level(measured: pa.Table, level: str, more: list[tuple[str, str]]) -> pa.Table:
    means = [(name, "mean") for name in ("positive", "needs_review", "rating", "disagrees")]
    # One thread: the groups come in the order of the rows, and the sums add up in it, run after run.
    grouped = measured.group_by(_KEYS[level], use_threads=False).aggregate([*means, *more, ([], "count_all")])
    renamed = grouped.rename_columns([_SHARES.get(name, name) for name in grouped.column_names])
    return renamed.append_column("level", pa.repeat(level, renamed.num_rows))
