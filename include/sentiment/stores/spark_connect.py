"""Spark by Spark Connect: a server at an address, or Sail, which is such a server without a JVM, in this process."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import NAMES_THE_MASTER, without_token
from sentiment.stores.spark_jobs import CORES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import RetryPolicy

_ARROW_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
_PORT = 15002  # Spark Connect's own, where an address names none
_SECONDS = 5.0


@contextmanager
def on_sail(cores: int, options: Mapping[str, str]) -> Iterator[SparkSession]:
    """Run Sail in this process, on a free port of the loopback, and give a session for so many tasks side by side."""
    try:
        from pysail.spark import SparkConnectServer
    except ModuleNotFoundError as error:
        raise ContractError(
            "the package pysail, on which Spark's jobs run here, is not installed: pip install -r requirements.txt, or "
            f"name another master in {NAMES_THE_MASTER} (local[2] needs Java)"
        ) from error

    with TemporaryDirectory() as scratch:
        # Sail reads its environment when it starts, and of Spark's own settings few.
        os.environ |= {
            "SAIL_EXECUTION__BATCH_SIZE": options[_ARROW_ROWS],
            "SAIL_EXECUTION__DEFAULT_PARALLELISM": str(cores),
            "SAIL_EXECUTION__CHECKPOINT__PATH": scratch,
        }
        # What goes wrong is raised; its log tells of each plan.
        os.environ.setdefault("RUST_LOG", "error")
        server = SparkConnectServer()
        server.start(background=True)
        try:
            host, port = server.listening_address or ("", 0)
            own = {"spark.master": f"sail[{cores}]", CORES: str(cores)}
            with connected(f"sc://{host}:{port}", {**options, **own}) as spark:
                # It answers, or is gone: a signal that ends it is not to be waited for.
                spark.client.set_retry_policies([_few_tries()])
                _keep_interrupts()
                yield spark
        finally:
            server.stop()


@contextmanager
def connected(address: str, options: Mapping[str, str]) -> Iterator[SparkSession]:
    """Open a session of the server at an address of `sc://`; raises UnavailableError when nothing answers there."""
    from pyspark.sql import SparkSession

    require_server(address)
    # Else gRPC prints a warning whenever this process starts another one.
    os.environ.setdefault("GRPC_VERBOSITY", "error")
    spark = SparkSession.builder.remote(address).getOrCreate()
    try:
        _set(spark, options, address)
        yield spark
    finally:
        spark.stop()
        forget_server()


def _set(spark: SparkSession, options: Mapping[str, str], address: str) -> None:
    """Set the options of a session: the first that a server is asked for."""
    from pyspark.errors import PySparkException

    patient = spark.client.get_retry_policies()
    spark.client.set_retry_policies([_few_tries()])
    try:
        for name, value in options.items():
            spark.conf.set(name, value)
    except PySparkException as error:
        raise UnavailableError(
            f"what answers at {without_token(address)} is no Spark Connect server: correct {NAMES_THE_MASTER}"
        ) from error
    spark.client.set_retry_policies(patient)


def _few_tries() -> RetryPolicy:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    return DefaultPolicy(max_retries=2, max_backoff=200)


def _keep_interrupts() -> None:
    """Restore Python's handling of Ctrl-C: Sail's own stops its server while our client still waits for answers."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))


def forget_server() -> None:
    """Remove what pyspark leaves in the environment; it would take the next session for one of the same server."""
    for name in ("SPARK_CONNECT_MODE_ENABLED", "SPARK_REMOTE"):
        os.environ.pop(name, None)


def require_server(address: str) -> None:
    """Raise UnavailableError where nothing answers; Spark itself would try for minutes."""
    try:
        place = urlsplit(address)
        with socket.create_connection((place.hostname or "", place.port or _PORT), timeout=_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"nothing answers at the Spark Connect server {without_token(address)}: start it, or correct "
            f"{NAMES_THE_MASTER}"
        ) from error
