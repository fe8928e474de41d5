"""Spark with a JVM of this process's own: its options, its master, and what it says where it does not start."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import NAMES_THE_MASTER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sentiment.core.settings import Settings

# Spark's classes, loaded and verified once, which the next driver maps into its memory; the set-up of a laptop makes
# the file. A JVM of another version, or with other jars, leaves it alone.
CLASSES = Path(str(distribution("pyspark").locate_file("pyspark/classes.jsa")))
# The second compiler begins ten times as late as by default: it is for what a job of a minute calls most.
_LATE_COMPILER = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
# Without it the first one does not count calls either: a day's ingest takes 18 s instead of 25, and 23 core-seconds
# instead of 38; the import of 250,000 reviews 78 instead of 67, and scoring 100,000 the same.
_FIRST_COMPILER = ("-XX:TieredStopAtLevel=1",)
# Java's default collector cannot move what is as large as Spark's pages of memory: between them no room was left for
# another one after 700,000 reviews, with 900 MB of 2 GB free. This one can, and starts no threads beside the job.
_COLLECTOR = ("-XX:+UseParallelGC",)
_MASTER_SECONDS = 5.0


@contextmanager
def with_jvm(settings: Settings, name: str, options: dict[str, str], *, light: bool) -> Iterator[SparkSession]:
    """Open a session of the settings' master, or of that which was submitted, with `options`; stop it at the end.

    `light` is as in `driver_java_options`. Raises UnavailableError when the master does not answer, or does not take
    this driver within Spark's own minute.
    """
    from pyspark.sql import SparkSession

    _require_user()
    builder = SparkSession.builder.appName(f"sentiment {name}")
    for key, value in {**options, **_options(settings, light)}.items():
        builder = builder.config(key, value)
    spark = _opened(builder, _master(settings))
    try:
        spark.sparkContext.setLogLevel("ERROR")
        yield spark
    finally:
        spark.stop()


def driver_java_options(*, light: bool = False, classes: Path = CLASSES) -> dict[str, str]:
    """Return the option of Spark, by its name, with which a driver's JVM on this machine starts and warms up faster.

    A light job asks little of the JVM: it is of one day's files, or works in Python, as scoring does.
    """
    compiler = _FIRST_COMPILER if light else _LATE_COMPILER
    # Quoted: Spark splits the options at blanks, and the folder of this checkout may have some.
    shared = [f'"-XX:SharedArchiveFile={classes}"'] if classes.is_file() else []
    return {"spark.driver.extraJavaOptions": " ".join([*compiler, *_COLLECTOR, *shared])}


def _opened(builder: SparkSession.Builder, master: str) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkRuntimeError

    if not _is_submitted():
        require_master(master)
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:  # JAVA_GATEWAY_EXITED
        raise _without_java(master) from error
    except Py4JError as error:
        if master.startswith("local"):
            raise
        raise UnavailableError(
            f"Spark's master {master} did not take this driver: look at its page, whether it lives and has workers, "
            "and give this driver the secret of the cluster (spark.authenticate.secret) if it asks for one"
        ) from error


def require_java(master: str) -> None:
    """Raise UnavailableError where the Java that a master needs is not there; only a start tells its version."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        raise _without_java(master)


def _without_java(master: str) -> UnavailableError:
    return UnavailableError(
        f"Spark could not start the Java that its master {master} needs: install Java 17 or 21 and set JAVA_HOME, "
        f"or take Sail, which needs none (sail, in {NAMES_THE_MASTER})"
    )


def require_master(master: str) -> None:
    """Raise UnavailableError where nothing answers at a standalone master.

    Spark itself would try for a minute, and end in a hundred lines of Java.
    """
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        place = host.strip("[]")  # which stand around an address of IPv6
        with suppress(OSError, ValueError), socket.create_connection((place, int(port)), timeout=_MASTER_SECONDS):
            return
    raise UnavailableError(f"nothing answers at Spark's master {master}: start it, or correct {NAMES_THE_MASTER}")


def _require_user() -> None:
    """Say what Java says in a hundred lines: it needs the name of the user that it runs as."""
    number = os.getuid()
    try:
        pwd.getpwuid(number)
    except KeyError:
        raise ContractError(
            f"user {number} has no line in /etc/passwd, and Spark does not start without one; run as a user that this "
            f"machine knows, or add a line as root: echo 'sentiment:x:{number}:0::/tmp:/bin/sh' >> /etc/passwd"
        ) from None


def _is_submitted() -> bool:
    # By this variable pyspark itself decides whether to start a JVM or to join that of spark-submit.
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _master(settings: Settings) -> str:
    """Return the settings' master, or that which spark-submit was given: a configuration knows it once Java answers."""
    if not _is_submitted():
        return settings.spark_master
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    return str(SparkConf().get("spark.master"))


def _options(settings: Settings, light: bool) -> dict[str, str]:
    # ICU's tables of letters take a new JVM three seconds; Java's own lower case is as good for looking into texts.
    options = {"spark.sql.icu.caseMappings.enabled": "false"}
    submitted, local = _is_submitted(), _master(settings).startswith("local")
    if not submitted:
        # What goes wrong before it is open is said in a sentence; from then on errors are shown.
        options |= {"spark.log.level": "OFF"}
        options |= {"spark.master": settings.spark_master, "spark.driver.memory": settings.spark_memory}
    if local:
        options["spark.python.daemon.module"] = "sentiment.stores.spark_python"
        # By default a driver listens, without asking who speaks, where the network reaches it.
        options |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    if local and not submitted:
        options |= driver_java_options(light=light)
    return options | {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
