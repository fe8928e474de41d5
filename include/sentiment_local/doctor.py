"""Checks the machine and the environment before the platform starts; it starts nothing.

What can be checked before the environment exists stands in `preflight`, and is used from there.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import Settings
from sentiment.stores import files as storage
from sentiment.stores.lake.protocol import require_conditions
from sentiment.stores.spark import speaks_connect
from sentiment_local import databases, postgres
from sentiment_local.airflow_environment import log_ports
from sentiment_local.components import ports
from sentiment_local.preflight import GIBIBYTE, Check, check_disk, check_java, check_python, check_user, sentences

DISK_GIB = 5.0
# Beside Spark's heap: the two servers 1.4, the JVM's own 0.4, two Python workers with a model 0.8, a task 0.4.
MEMORY_BESIDE_SPARK_GIB = 3.0
# Some seconds: someone waits for the answer, where a task would wait two minutes for an S3 that is started anew.
_ATTEMPTS_OF_STORE = 3


def diagnose(settings: Settings) -> list[Check]:
    """Check all that the platform needs, before it is started: its own servers would count as taken ports."""
    return [
        check_python(tuple(sys.version_info[:3])),
        check_user(),
        check_spark_versions(),
        *([] if speaks_connect(settings.spark_master) else _of_a_jvm()),
        *([check_postgres()] if databases.is_own(settings) else []),
        *check_ports(settings),
        *([check_store(settings.lake_root)] if storage.is_s3(settings.lake_root) else []),
        check_home(settings.home),
        check_disk(settings.home, DISK_GIB),
        check_memory(psutil.virtual_memory().available, settings.spark_memory),
    ]


def _of_a_jvm() -> list[Check]:
    """Check what a master with a JVM of this machine's own needs."""
    return [
        check_java(dict(os.environ)),
        check_spark_submit(Path(sys.executable).parent, os.environ.get("PATH", "")),
    ]


def require(checks: Sequence[Check]) -> None:
    """Raise ContractError with one sentence for each failed check, its remedy in it."""
    if failed := sentences(list(checks)):
        raise ContractError("this machine is not ready:\n" + "\n".join(failed))


def check_ports(settings: Settings) -> list[Check]:
    """Check that nothing listens where the servers will, those of Airflow's logs too."""
    of_logs = [("SENTIMENT_AIRFLOW_PORT", port) for port in log_ports(settings.airflow_port)]
    return [_check_port(port, variable) for variable, port in (*ports(settings).items(), *of_logs)]


def check_spark_versions() -> Check:
    """Check that pyspark and pyspark-client, which install the same files, are of one version."""
    found = {package: _version(package) for package in ("pyspark", "pyspark-client")}
    ok = len(set(found.values())) == 1 and "none" not in found.values()
    detail = ", ".join(f"{package} {number}" for package, number in found.items())
    remedy = "both write the same folder and must be equal: pip install --force-reinstall -r requirements.txt"
    return Check("spark packages", ok, detail, remedy)


def check_spark_submit(folder: Path, path: str) -> Check:
    """Check that `spark-submit` stands beside this Python or on PATH (`path`), where Airflow's tasks look for it."""
    program = shutil.which("spark-submit", path=f"{folder}{os.pathsep}{path}")
    detail = f"{program} is there" if program else f"spark-submit is neither in {folder} nor on PATH"
    remedy = "pip install -r requirements.txt into the environment of this Python, and put its scripts on PATH"
    return Check("spark-submit", program is not None, detail, remedy)


def check_postgres() -> Check:
    """Check that the platform's own PostgreSQL runs as this user; root needs user namespaces for it."""
    trouble = postgres.trouble()
    detail = f"PostgreSQL does not start: {trouble}" if trouble else "PostgreSQL starts"
    remedy = "pip install -r requirements.txt into the environment of this Python, or set SENTIMENT_DATABASE"
    return Check("postgres", trouble is None, detail, remedy)


def check_store(root: str) -> Check:
    """Check that the S3 of the lake answers, and refuses a file whose name is taken."""
    from botocore.exceptions import ClientError

    remedy = "correct SENTIMENT_LAKE and the AWS_* variables, or use another S3"
    try:
        require_conditions(root, _ATTEMPTS_OF_STORE)
    except (ClientError, ContractError, UnavailableError) as error:
        return Check("store", False, str(error), remedy)
    return Check("store", True, f"the S3 of {root} has conditional writes", "")


def check_home(home: Path) -> Check:
    """Check that this user may write where the home is, or would be made; otherwise the owner is named."""
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if os.access(place, os.W_OK | os.X_OK):
        return Check("home", True, f"this user can write to {place}", "")
    try:
        owner = place.owner()
    except KeyError:
        owner = f"user {place.stat().st_uid}"
    return Check(
        "home",
        False,
        f"this user cannot write to {place}, which belongs to {owner}",
        f"have {owner} give it to you, or name a folder of your own in SENTIMENT_HOME",
    )


def check_memory(available: int, spark_memory: str) -> Check:
    """Check the bytes of memory that can be had without swapping, for Spark's heap (such as 2g) and all beside it."""
    free, needed = available / GIBIBYTE, _gibibytes(spark_memory) + MEMORY_BESIDE_SPARK_GIB
    detail = f"{free:.1f} GiB of memory available; {needed:g} are needed"
    return Check(
        "memory", free >= needed, detail, "close other programs, or lower SENTIMENT_SPARK_MEMORY (at least 1g)"
    )


def _check_port(port: int, variable: str) -> Check:
    name, refused = f"port {port}", _refusal(port)
    if refused is None:
        return Check(name, True, f"port {port} is free", "")
    if isinstance(refused, PermissionError):
        return Check(name, False, f"port {port} is not for this user ({refused})", f"set {variable} to 1024 or more")
    return Check(name, False, f"port {port} is taken by {_listener(port)}", f"stop that, or set {variable} to another")


def _refusal(port: int) -> OSError | None:
    """Return why a server cannot listen there, or None when it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: without it a port that was given up a minute ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None


def _listener(port: int) -> str:
    """Name the program that listens; other users' are seen by the administrator alone."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "a program of another user"


def _gibibytes(size: str) -> float:
    """Read a size as Spark writes it: 2g, 1500m; without a unit Spark counts MiB."""
    found = re.fullmatch(r"(\d+)([kmgt]?)b?", size.strip().lower())
    if not found:
        raise ContractError(f"SENTIMENT_SPARK_MEMORY is {size!r}; write a size such as 2g or 1500m")
    return int(found[1]) * 1024.0 ** ("kmgt".index(found[2] or "m") - 2)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
