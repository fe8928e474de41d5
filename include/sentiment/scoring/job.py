"""The scoring job in Spark: reviews of some days in, `scores` and `daily_sentiment` of those days out.

One Spark job reads, scores, writes and counts; where rows lie in memory, one for some days at a time. The workers
import an engine and tokenizers, nothing heavier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

import pyarrow as pa

from sentiment.core.progress import OnProgress, Pace, told
from sentiment.engine.bundle import identity
from sentiment.engine.knowledge import SUREST_OF_UNKNOWN
from sentiment.engine.scorer import BY_GATE
from sentiment.scoring.days import WrittenDays, write_days
from sentiment.scoring.results import ScoreCounts
from sentiment.scoring.scored import KEPT, KNOWN_COLUMNS, READ_COLUMNS, REVIEW_COLUMNS, SCORED, TEXTS, UNCHANGED
from sentiment.scoring.worker import TALLY, Scoring, in_order, lent, score_batch
from sentiment.stores.lake.files import DataFile, write_day_file
from sentiment.stores.lake.log import TableState
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.spark import read_files
from sentiment.stores.lake.states import of_this_run
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark_jobs import parallelism, rows_at_once, sent, tasks_done, without_executor, writers

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import Column, DataFrame, SparkSession

# A partition is one Arrow batch of 4,096 rows, which the scorer sorts by length; a hash deals it out to within some 60.
REVIEWS_A_PARTITION = 3_800
# Where a core would get more of them than this, each is up to eight batches. A task costs 50 ms of a core before its
# first row, and a driver starts some 900 of them a second (2,000 tasks that do nothing, on two cores), where a thousand
# cores would score some 400 batches. The last round is then a thirtieth of the work.
PARTITIONS_A_CORE, MOST_A_PARTITION = 32, 8 * REVIEWS_A_PARTITION
# Reviews of a megabyte each must not meet in one partition; ordinary ones come to 2 MB, compressed.
BYTES_A_PARTITION = 16 << 20
# Opening the bundle costs a worker as much as scoring some hundred reviews.
LEAST_A_PARTITION = 250
# A commit of one day costs as much as one of many, but a conflict on any day of a commit undoes all of it.
DAYS_A_COMMIT = 30
# The confidence of a text of which too little is known is smaller.
SURELY_KNOWN = SUREST_OF_UNKNOWN + 0.01
_TELL_EVERY = 5.0  # seconds


def score_days(
    spark: SparkSession, lake: Lake, days: Sequence[date], run: Scoring, on_progress: OnProgress
) -> ScoreCounts:
    """Score the reviews of `days`, replace them, up to 30 in one commit a table, and return counts.

    With `run.reuse` a review whose text and model version are unchanged keeps its score, when and by which run it was
    made included; where an engine was asked for by name, only what that engine had scored. A day that the lake does not
    hold any more loses its scores. Raises ConcurrentWriteError when another run wrote one of the days meanwhile.
    """
    reviews = Counter[date]()
    for file in _files(lake.state(REVIEWS), sorted(days)):
        reviews[file.day] += file.rows
    counts, pace = ScoreCounts(), Pace(reviews.total())
    for some in in_groups(sorted(days), reviews, rows_at_once(spark)):
        counts += _score(spark, lake, some, run, partial(_after, counts.reviews, pace), on_progress)
    return counts


def in_groups(days: Sequence[date], reviews: Mapping[date, int], most: int) -> list[list[date]]:
    """Divide days, in their order, into groups of so many reviews at most; a day of more is a group of its own."""
    groups: list[list[date]] = []
    held = 0
    for day in days:
        held += reviews.get(day, 0)
        if not groups or held > most:
            groups.append([])
            held = reviews.get(day, 0)
        groups[-1].append(day)
    return groups


def _after(done_before: int, pace: Pace, done: int) -> tuple[str, int, int]:
    return pace.at(done_before + done)


def _score(
    spark: SparkSession,
    lake: Lake,
    days: Sequence[date],
    run: Scoring,
    pace: Callable[[int], tuple[str, int, int]],
    on_progress: OnProgress,
) -> ScoreCounts:
    """Score days in one job, and commit them."""
    held, wanted = lake.state(REVIEWS), set(days)
    contents = of_this_run({day: content for day, content in held.content().items() if day in wanted})
    bases = {spec.name: lake.grown(spec) for spec in (SCORES, DAILY_SENTIMENT)}
    reviews = _files(held, days)
    known = _files(lake.state(SCORES, bases[SCORES.name].version()), days) if run.reuse else []
    written, total = WrittenDays.of([]), sum(file.rows for file in reviews)
    if total:
        pieces, before = partitions_of(reviews, parallelism(spark)), TALLY.count
        scored = _scored(spark, lake, reviews, known, run, pieces)

        def measure() -> tuple[str, int, int]:
            done = max(total * tasks_done(spark, pieces) // pieces, TALLY.count - before)
            step, scored_already, of = pace(written.counts.reviews or done)
            return step + without_executor(spark), scored_already, of

        with told(measure, on_progress, _TELL_EVERY):
            written = write_days(scored, lake, min(len(days), writers(spark)), contents)
    of_models = {"model_version": str(run.version), "reviews_version": str(held.version)}
    trace = {**run.provenance, "run_id": run.run_id, **of_models}
    _commit(lake, days, written, bases, contents, trace)
    return written.counts


def partitions_of(files: Sequence[DataFile], cores: int) -> int:
    """Return into how many partitions the rows of `files` are divided for so many cores: whole rounds of all cores.

    Few reviews do not get more partitions than they are worth, down to one; of many the partitions are larger.
    """
    rows, size = sum(file.rows for file in files), sum(file.size for file in files)
    spread = min(rows / REVIEWS_A_PARTITION, cores * PARTITIONS_A_CORE)
    wanted = max(spread, rows / MOST_A_PARTITION, size / BYTES_A_PARTITION)
    if wanted <= cores:
        return max(1, min(cores, max(rows // LEAST_A_PARTITION, ceil(wanted))))
    return cores * ceil(wanted / cores)


def with_text_hash(reviews: DataFrame) -> DataFrame:
    """Add `text_hash`, the 64-bit hash of title and text."""
    from pyspark.sql import functions as F  # noqa: N812

    return reviews.withColumn("text_hash", F.xxhash64("title", "text"))


def with_known(reviews: DataFrame, known: DataFrame | None, run: Scoring, partitions: int) -> DataFrame:
    """Return reviews in `partitions` partitions with their known scores, nulls where there are none, and `reused`.

    `reviews` have a `text_hash`, `known` are rows of `scores` or None; a reused review travels without its text. Text
    and bundle are known by their hashes; a row from before there were any is never reused. The version's number alone
    says nothing: a model that was made anew, or another MLflow, gives the same numbers again.
    """
    from pyspark.sql import functions as F  # noqa: N812

    # By a hash of the key: however the reviews crowd on days or products, the partitions are of one size.
    spread = reviews.repartition(partitions, *UNCHANGED)
    if known is None:
        unknown: list[Column] = [_null(name) for name in KEPT]
        return spread.select(*REVIEW_COLUMNS, *TEXTS, *unknown, F.lit(False).alias("reused"))
    # Another program may have left two of a review: each of its rows would be scored as often.
    valid = known.where(_valid(run)).select(*KNOWN_COLUMNS).dropDuplicates([*UNCHANGED])
    valid = valid.repartition(partitions, *UNCHANGED)
    joined = spread.join(valid, list(UNCHANGED), "left").withColumn("reused", F.col("run_id").isNotNull())
    texts = [F.when(~F.col("reused"), F.col(name)).alias(name) for name in TEXTS]
    return joined.select(*REVIEW_COLUMNS, *texts, *KEPT, "reused")


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
    for begin in range(0, len(days), DAYS_A_COMMIT):
        some = days[begin : begin + DAYS_A_COMMIT]
        # The scores come last: a day that they hold has its sentiment too. Both are of one run, or of none.
        lake.require_unchanged(SCORES, some, bases[SCORES.name])
        for spec in (DAILY_SENTIMENT, SCORES):
            files = [
                written.files.get((spec.name, day)) or write_day_file(lake.root, spec, day, (), contents.get(day, ""))
                for day in some
            ]
            rows = str(sum(file.rows for file in files))
            lake.replace_days(spec, some, files, bases[spec.name], {**trace, "rows": rows})


def _scored(
    spark: SparkSession,
    lake: Lake,
    reviews: Sequence[DataFile],
    known: Sequence[DataFile],
    run: Scoring,
    pieces: int,
) -> DataFrame:
    from pyspark.sql.pandas.types import from_arrow_schema

    # It travels whole: a bundle is checked against the hashes of all its files.
    cores = parallelism(spark)
    bundle = sent(spark, run.bundle, f"bundle-{identity(run.bundle)}.zip")

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in in_order(batches):
            with lent(bundle(), run, cores) as scorer:
                scored = score_batch(scorer, batch, run)
            yield scored

    rows = with_known(
        with_text_hash(read_files(spark, lake, REVIEWS, reviews, READ_COLUMNS)),
        read_files(spark, lake, SCORES, known, KNOWN_COLUMNS) if known else None,
        run,
        pieces,
    )
    return rows.mapInArrow(score, from_arrow_schema(SCORED, prefer_timestamp_ntz=False))


def _valid(run: Scoring) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    valid = (F.col("model_version") == str(run.version)) & (F.col("bundle") == run.content)
    valid &= F.col("text_hash").isNotNull()
    if run.engine != "auto":  # engines differ in the last digits, and near the threshold in labels; the gate needs none
        by_gate = F.col("decided_by") == BY_GATE
        valid &= by_gate | F.coalesce(F.col("engine") == run.engine, F.lit(False))
    if run.review_below is not None and run.review_below <= SURELY_KNOWN:
        # Too little of the text may be known, which needs a person under any limit, and no column tells.
        valid &= ~(
            F.col("needs_review") & (F.col("confidence") >= run.review_below) & (F.col("confidence") <= SURELY_KNOWN)
        )
    return valid


def _null(name: str) -> Column:
    from pyspark.sql import functions as F  # noqa: N812
    from pyspark.sql.pandas.types import from_arrow_type

    kind = from_arrow_type(SCORES.schema.field(name).type, prefer_timestamp_ntz=False)
    return F.lit(None).cast(kind).alias(name)
