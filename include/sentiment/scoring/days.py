"""Writes scored days: of each its file of `scores` and its file of `daily_sentiment`, in one pass over the rows.

It does not know how the rows were scored, and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pyarrow import compute

from sentiment.core.names import LABELS, POSITIVE
from sentiment.scoring.daily import SUMMARISED, daily_sentiment
from sentiment.stores.lake.files import FILE, DataFile, by_day, write_day_file
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, SCORES
from sentiment.stores.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

_COUNTS = ("reviews", "positive", "needs_review", "reused")
_WRITTEN = pa.schema([pa.field("table", pa.string()), *FILE, *(pa.field(name, pa.int64()) for name in _COUNTS)])


@dataclass(frozen=True)
class WrittenDays:
    """The files by table name and day, and over all days how many reviews there are, and how many of which kind."""

    files: dict[tuple[str, date], DataFile]
    counts: dict[str, int]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Make it from the rows that workers return: one a file, with what there is to count in it."""
        files = {(row["table"], row["day"]): DataFile(**{name: row[name] for name in FILE.names}) for row in rows}
        return cls(files, {name: sum(row[name] for row in rows) for name in _COUNTS})


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

    ordered = scored.repartition(partitions, "review_date").sortWithinPartitions("review_date", "review_key")
    return WrittenDays.of(ordered.mapInArrow(write, from_arrow_schema(_WRITTEN, prefer_timestamp_ntz=False)).collect())


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
