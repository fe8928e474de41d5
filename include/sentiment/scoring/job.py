"""The scoring job in Spark: reviews of some days in, `scores` and `daily_sentiment` of those days out.

One Spark job reads, scores, writes and counts. The workers import an engine and tokenizers, nothing heavier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import ceil
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sentiment.core.progress import OnProgress, told
from sentiment.scoring.days import WrittenDays, write_days
from sentiment.scoring.known import KNOWN_COLUMNS, with_known, with_text_hash
from sentiment.scoring.pace import Pace
from sentiment.scoring.ship import shipped
from sentiment.scoring.worker import SCORED, Scoring, loaded, score_batch
from sentiment.stores.lake.files import DataFile, write_day_file
from sentiment.stores.lake.log import TableState
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.spark import read_files
from sentiment.stores.lake.tables import Lake

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

# A piece is one Arrow batch of 4,096 rows, which the scorer sorts by length; a hash deals it out to within some 60.
REVIEWS_A_PIECE = 3_800
# Reviews of a megabyte each must not meet in one piece; ordinary ones come to 2 MB, compressed.
BYTES_A_PIECE = 16 << 20
# Opening the bundle costs a worker as much as scoring some hundred reviews.
LEAST_A_PIECE = 250
_TELL_EVERY = 5.0  # seconds
_INPUT = ("review_key", "asin", "parent_asin", "category", "rating", "title", "text", "review_date")


def score_days(
    spark: SparkSession, lake: Lake, days: Sequence[date], run: Scoring, on_progress: OnProgress
) -> dict[str, Any]:
    """Score the reviews of `days`, replace each of them in one commit a table, and return counts.

    With `run.reuse` a review whose text and model version are unchanged keeps its score, when and by which run it was
    made included. A day that the lake does not hold any more loses its scores. Raises ConcurrentWriteError when another
    run wrote one of the days meanwhile.
    """
    days = sorted(days)
    held, wanted = lake.state(REVIEWS), set(days)
    version = held.version
    contents = {day: content for day, content in held.content().items() if day in wanted}
    bases = {spec.name: lake.grown(spec) for spec in (SCORES, DAILY_SENTIMENT)}
    reviews = _files(held, days)
    known = _files(lake.state(SCORES, bases[SCORES.name].version()), days) if run.reuse else []
    written, total = WrittenDays.of([]), sum(file.rows for file in reviews)
    if total:
        done, pace = spark.sparkContext.accumulator(0), Pace(total)
        scored = _scored(spark, lake, reviews, known, run, done)
        with told(lambda: pace.at(done.value), on_progress, _TELL_EVERY):
            written = write_days(scored, lake, min(len(days), 2 * spark.sparkContext.defaultParallelism), contents)
    trace = {"run_id": run.run_id, "model_version": run.model_version, "reviews_version": str(version)}
    _commit(lake, days, written, bases, contents, trace)
    return {"days": len(days), **written.counts, "reviews_version": version}


def pieces_of(files: Sequence[DataFile], cores: int) -> int:
    """Return into how many pieces the rows of `files` are divided for so many cores: whole rounds of all cores.

    Few reviews do not get more pieces than they are worth, down to one.
    """
    rows, size = sum(file.rows for file in files), sum(file.size for file in files)
    wanted = max(rows / REVIEWS_A_PIECE, size / BYTES_A_PIECE)
    if wanted <= cores:
        return max(1, min(cores, max(rows // LEAST_A_PIECE, ceil(wanted))))
    return cores * ceil(wanted / cores)


def _files(state: TableState, days: Sequence[date]) -> list[DataFile]:
    wanted = set(days)
    return [file for file in state.files((days[0], days[-1])) if file.day in wanted]


def _commit(
    lake: Lake,
    days: Sequence[date],
    written: WrittenDays,
    bases: Mapping[str, DeltaTable],
    contents: Mapping[date, str],
    trace: Mapping[str, str],
) -> None:
    for day in days:
        # The scores come last: a day that they hold has its sentiment too.
        for spec in (DAILY_SENTIMENT, SCORES):
            file = written.files.get((spec.name, day))
            file = file or write_day_file(lake.root, spec, day, (), contents.get(day, ""))
            lake.replace_days(spec, [day], [file], bases[spec.name], {**trace, "rows": str(file.rows)})


def _scored(
    spark: SparkSession,
    lake: Lake,
    reviews: Sequence[DataFile],
    known: Sequence[DataFile],
    run: Scoring,
    done: Accumulator[int],
) -> DataFrame:
    from pyspark.sql.pandas.types import from_arrow_schema

    bundle = shipped(spark, run.bundle)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scorer = loaded(bundle(), run)
        for batch in batches:
            yield score_batch(scorer, batch, run)
            done.add(batch.num_rows)

    rows = with_known(
        with_text_hash(read_files(spark, lake, REVIEWS, reviews, _INPUT)),
        read_files(spark, lake, SCORES, known, KNOWN_COLUMNS) if known else None,
        run,
        pieces_of(reviews, spark.sparkContext.defaultParallelism),
    )
    # In an order of their own: what a review is batched with moves the last digits of its probability, and more than
    # those under dynamic int8, whose scale is the batch's. So the same days give the same scores, run after run.
    ordered = rows.sortWithinPartitions("review_date", "review_key")
    return ordered.mapInArrow(score, from_arrow_schema(SCORED, prefer_timestamp_ntz=False))
