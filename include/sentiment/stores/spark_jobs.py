"""What a job asks of the Spark that it runs in, whatever its master: cores, tasks done, files sent, rows kept.

Only what Spark Connect has too is used where it has it; a session with a JVM of its own is asked through its context.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Literal

import psutil

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress, told

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import SparkContext, StatusTracker
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    ArrowFunction = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

CORES = "spark.sql.leafNodeDefaultParallelism"
# Scoring 47,000 reviews took 1.1 GB in all, of which 0.7 do not grow.
_ROWS_ON_SAIL = 100_000
_PLACE = "_place"
# Archives that workers elsewhere fetch while the session lives, by their names: there is one session a process.
_sent: dict[str, TemporaryDirectory[str]] = {}


class Tally:
    """A count of what this process has done; where all tasks are threads of it, that is how far a job is."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self, some: int) -> None:
        """Count some more."""
        with self._lock:
            self.count += some


# The rows that this process has read for Spark, of files of reviews and of tables.
_ROWS_READ: dict[Literal["files", "tables"], Tally] = {"files": Tally(), "tables": Tally()}


def counting_rows(batches: Iterable[pa.RecordBatch], of: Literal["files", "tables"]) -> Iterator[pa.RecordBatch]:
    """Hand batches on, and count their rows as read of files, or of tables."""
    for batch in batches:
        _ROWS_READ[of].add(batch.num_rows)
        yield batch


def parallelism(spark: SparkSession) -> int:
    """Return how many tasks run side by side."""
    from pyspark.sql import functions as F  # noqa: N812

    if told_by_conf := spark.conf.get(CORES, None):
        return int(told_by_conf)
    if context := _context(spark):
        return context.defaultParallelism
    # A server elsewhere tells by how many tasks it makes of many numbers.
    return spark.range(1 << 16).select(F.spark_partition_id()).distinct().count()


def writers(spark: SparkSession) -> int:
    """Return how many tasks write the files of many days.

    Twice as many as there are cores, for days differ; but one where all tasks are threads of a process: a small file is
    Python's work alone, and four threads that take turns at it need half as long again as one.
    """
    return 1 if _is_sail(spark) else 2 * parallelism(spark)


def rows_at_once(spark: SparkSession) -> int:
    """Return how many reviews one job should take: Sail holds the rows of a job in memory, where Spark spills them."""
    return _ROWS_ON_SAIL if _is_sail(spark) else sys.maxsize


def require_memory(spark: SparkSession, needed: int, what: str) -> None:
    """Raise ContractError where the rows of a job lie in memory, and `what` needs more bytes than are free."""
    free = psutil.virtual_memory().available
    if _is_sail(spark) and needed > free:
        raise ContractError(
            f"{what} needs some {needed / 1e9:.1f} GB of memory on Sail, and {free / 1e9:.1f} GB are free: name a "
            "master that writes to the disk what does not fit (SENTIMENT_SPARK_MASTER=local[2], which needs Java), or "
            "do it in parts"
        )


def is_on_this_machine(spark: SparkSession) -> bool:
    """Return whether its workers are processes of this machine, which open the same paths.

    A server at an address names its own master, which is local to where it runs.
    """
    own = _is_sail(spark) or _context(spark) is not None
    return own and is_local_master(str(spark.conf.get("spark.master", "")))


def is_local_master(master: str) -> bool:
    """Return whether a master is this machine alone: Spark's `local`, or Sail, with some cores or all."""
    return master.partition("[")[0] in ("local", "sail")


@contextmanager
def watched(spark: SparkSession, step: str, on_progress: OnProgress) -> Iterator[None]:
    """Tell once a second, while the block runs, how many tasks at work are done, or how many rows have been read.

    Where files are read, the rows of tables that are looked at beside them are not counted.
    """
    on_progress(step)
    before = [(tally, tally.count) for tally in _ROWS_READ.values()]

    def measure() -> tuple[str, int, int]:
        if rows := next(filter(None, (tally.count - count for tally, count in before)), 0):
            return f"{step}: {rows:,} rows read", rows, 0
        return (step + without_executor(spark), *_tasks_at_work(spark))

    with told(measure, on_progress, 1.0):
        yield


def tasks_done(spark: SparkSession, of: int) -> int:
    """Return how many tasks are done of the stage at work that has so many; 0 where none has, or nobody tells."""
    return max((done for done, tasks in _stages_at_work(spark) if tasks == of), default=0)


def without_executor(spark: SparkSession) -> str:
    """Return what is to be said of a job that its cluster has given no executor; nothing where it has one."""
    context = _context(spark)
    if context is None or is_local_master(str(context.master)):
        return ""
    if context._jsc.sc().getExecutorMemoryStatus().size() > 1:  # the driver is one of those that hold blocks
        return ""
    return " (no executor yet: look at the cluster's page, whether its workers live and have cores and memory free)"


def sent(spark: SparkSession, folder: Path, name: str) -> Callable[[], Path]:
    """Make a folder of files reachable for the workers and return how they find it: in place, or unpacked.

    Elsewhere it travels whole, as the archive `name`, once an executor and session.
    """
    if is_on_this_machine(spark):
        return lambda: folder
    if name not in _sent:
        _sent[name] = TemporaryDirectory()
        spark.addArtifact(str(_packed(folder, Path(_sent[name].name) / name)), archive=True)

    def unpacked() -> Path:
        from pyspark import SparkFiles

        return Path(SparkFiles.get(name))

    return unpacked


def forget_sent() -> None:
    """Remove the archives of a session that has stopped."""
    while _sent:
        _sent.popitem()[1].cleanup()


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Give the rows of a frame that several actions read, worked out once, while the block runs."""
    from pyspark import StorageLevel

    if _is_sail(frame.sparkSession):
        yield frame.localCheckpoint()  # Sail takes persist() and does nothing
        return
    rows = frame.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield rows
    finally:
        rows.unpersist()


def map_sorted(rows: DataFrame, by: Sequence[str], function: ArrowFunction, schema: StructType | str) -> DataFrame:
    """Put each partition of `rows`, sorted by the columns `by`, through a function of Arrow batches.

    Rows that are equal in the first of several columns must be in one partition.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812

    if _context(rows.sparkSession):
        return rows.sortWithinPartitions(*by).mapInArrow(function, schema)
    # Sail drops a sort that no later operator uses, and cannot see that our function does; for a window it does sort.
    together, order = (by[0], by[1:]) if by[1:] else (F.lit(0), by)
    window = Window.partitionBy(together).orderBy(*order)

    def without_place(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return function(batch.drop_columns([_PLACE]) for batch in batches)

    return rows.withColumn(_PLACE, F.row_number().over(window)).mapInArrow(without_place, schema)


def _is_sail(spark: SparkSession) -> bool:
    return str(spark.conf.get("spark.master", "")).startswith("sail")


def _context(spark: SparkSession) -> SparkContext | None:
    """Return the context of a session with a JVM of this process's own; Spark Connect has none."""
    from pyspark.sql import SparkSession as WithContext

    return spark.sparkContext if isinstance(spark, WithContext) else None


def _stages_at_work(spark: SparkSession) -> list[tuple[int, int]]:
    context = _context(spark)
    return _stages(context.statusTracker()) if context else []


def _stages(tracker: StatusTracker) -> list[tuple[int, int]]:
    stages = [stage for number in tracker.getActiveStageIds() if (stage := tracker.getStageInfo(number))]
    return [(stage.numCompletedTasks, stage.numTasks) for stage in stages]


def _tasks_at_work(spark: SparkSession) -> tuple[int, int]:
    stages = _stages_at_work(spark)
    return sum(done for done, _ in stages), sum(tasks for _, tasks in stages)


def _packed(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, file.name)
    return archive
