"""A Spark session, opened and stopped; whoever has one already hands it in.

Its master says what stands behind it: Sail in this process, a JVM of this process's own, or a server elsewhere.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from tempfile import gettempdir
from typing import TYPE_CHECKING

from sentiment.core.environment import usable_cores
from sentiment.stores.spark_connect import connected, forget_server, on_sail, require_server
from sentiment.stores.spark_jobs import forget_sent, is_on_this_machine, parallelism
from sentiment.stores.spark_jvm import require_java, require_master, with_jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sentiment.core.settings import Settings

# Rows of an Arrow batch: one shuffle of lengths for the scorer, some 4 MB of reviews on the wire.
ARROW_BATCH_ROWS = 4096
_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(ARROW_BATCH_ROWS),
    "spark.sql.execution.pythonUDF.arrow.enabled": "true",
    # Bad values become NULL and are judged by our own rules instead of failing the job.
    "spark.sql.ansi.enabled": "false",
}
# What Python, Arrow and Java say, the first with the file.
_FULL = re.compile(r"No space left on device(?:: '([^'\n]+)')?")


@contextmanager
def session(
    settings: Settings, name: str, *, light: bool = False, shared: SparkSession | None = None
) -> Iterator[SparkSession]:
    """Open a session and stop it at the end, or give the `shared` one, which its owner stops.

    `light` is as in `driver_java_options`. Under spark-submit the master and the memory are those that were submitted;
    otherwise the settings' own. Raises UnavailableError when the master does not answer, RuntimeError when another
    session runs in this process: settings that it was not opened with would be ignored; and OSError for a full disk.
    """
    if shared is not None:
        with _telling_of_a_full_disk(settings):
            yield shared
        return
    if running() is not None:
        raise RuntimeError(f"a Spark session runs in this process already; hand it in where {name} would open its own")
    # Spark would start its workers with whatever `python3` comes first in PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        with _telling_of_a_full_disk(settings), _opened(settings, name, light) as spark:
            if is_on_this_machine(spark):
                # The default of 200 costs some seconds a shuffle here; a cluster keeps it, or its own.
                spark.conf.set("spark.sql.shuffle.partitions", str(4 * parallelism(spark)))
            yield spark
    finally:
        forget_sent()


@contextmanager
def _telling_of_a_full_disk(settings: Settings) -> Iterator[None]:
    """Raise what Spark says of a full disk, in the traceback of a worker, as the OSError that it was there."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        full = _FULL.search(str(error))
        if full is None:
            raise
        # Arrow and Java leave the file out.
        place = full[1] or f"{settings.lake_root} or {gettempdir()}"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place) from error


def running() -> SparkSession | None:
    """Return the session of this process, or None: a training shares it, for TorchDistributor takes no other."""
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    try:
        # Not getActiveSession: a thread may have none while the process has one.
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def require_answer(master: str) -> None:
    """Raise UnavailableError where a master does not answer, or lacks its Java, before anything is done for it."""
    if master.startswith("sc://"):
        require_server(master)
    require_master(master)
    if not speaks_connect(master):
        require_java(master)


def speaks_connect(master: str) -> bool:
    """Return whether a master is reached by Spark Connect from this process: no JVM and no spark-submit take part."""
    return master.startswith("sc://") or _sail_cores(master) is not None


def _opened(settings: Settings, name: str, light: bool) -> AbstractContextManager[SparkSession]:
    master = settings.spark_master
    # Of a process that works with a server, and has started this one.
    forget_server()
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has opened a JVM for this process
        return with_jvm(settings, name, _OPTIONS, light=light)
    if cores := _sail_cores(master):
        return on_sail(cores, _OPTIONS)
    if master.startswith("sc://"):
        return connected(master, _OPTIONS)
    return with_jvm(settings, name, _OPTIONS, light=light)


def _sail_cores(master: str) -> int | None:
    """Return how many cores Sail shall take by its name as a master, `sail` or `sail[4]`; None for other masters."""
    found = re.fullmatch(r"sail(?:\[([1-9]\d*|\*)\])?", master)
    if found is None:
        return None
    return int(found[1]) if found[1] not in (None, "*") else usable_cores()
