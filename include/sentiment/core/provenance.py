"""Who and what runs this: the Airflow task, or a shell, and the commit of the code. For tags, ledgers and metadata."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sentiment.core.settings import PROJECT

if TYPE_CHECKING:
    import psutil

# Airflow exports these to every task, and spark-submit inherits them.
_AIRFLOW = {"dag": "DAG_ID", "run": "DAG_RUN_ID", "task": "TASK_ID", "try": "TRY_NUMBER", "day": "LOGICAL_DATE"}


# Smaller are seconds since a machine started.
_UNIX_TIMES = 1e9
_TICKS = Path("/proc/self/stat")


def provenance() -> dict[str, str]:
    """Return dag, run, task, try and day of the Airflow task, as far as there is one, and the git commit."""
    task = {name: os.environ.get(f"AIRFLOW_CTX_{variable}", "") for name, variable in _AIRFLOW.items()}
    return {name: value for name, value in {**task, "git_commit": _git_commit()}.items() if value}


def run_id() -> str:
    """Return the id of the Airflow run, or of this process, which no other one of this machine has had."""
    import psutil

    shell = f"shell-{socket.gethostname()}-{os.getpid()}-{int(psutil.Process().create_time())}"
    return os.environ.get("AIRFLOW_CTX_DAG_RUN_ID") or shell


class ProcessName(TypedDict):
    """What tells a process from all others: its machine, and the start of that, its id, and its own start."""

    host: str
    boot: str
    pid: int
    started: float


def this_process() -> ProcessName:
    """Return what tells this process from all others."""
    import psutil

    return {
        "host": socket.gethostname(),
        "boot": boot_id(),
        "pid": os.getpid(),
        "started": start_of(psutil.Process()),
    }


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return what Linux calls this start of the machine; empty where nothing tells."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text().strip() if file.is_file() else ""


def start_of(process: psutil.Process, like: float = 0.0) -> float:
    """Return when a process began, in seconds since the machine did where Linux tells it, else as a Unix time.

    psutil's own Unix time moves with every step of the clock. On Linux it is given where `like` is one, which an
    earlier version wrote down. Raises psutil.NoSuchProcess for a process that ended.
    """
    if not _TICKS.is_file():
        # As the kernel wrote it down, by which psutil itself tells processes apart; create_time() would be moved.
        begun = process._ident[1]
        return float(process.create_time() if begun is None else begun)
    if like > _UNIX_TIMES:
        return float(process.create_time())
    import psutil

    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        raise psutil.NoSuchProcess(process.pid) from None
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def lives(process: psutil.Process) -> bool:
    """Tell whether it is still this process; a killed one stays as a zombie until its parent has looked at it."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def actor() -> str:
    """Return who acts: `dag/run` in Airflow, the user in a shell."""
    where = provenance()
    return f"{where['dag']}/{where['run']}" if "dag" in where and "run" in where else _user()


def _user() -> str:
    """Return the user's name; a container may run as a number that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


@lru_cache(maxsize=1)
def _git_commit() -> str:
    """Return SENTIMENT_GIT_COMMIT where it is set, else the commit of the checkout, or the empty string."""
    given = os.environ.get("SENTIMENT_GIT_COMMIT")
    # A release that was unpacked within another repository has none; git would name that one's.
    if given or not (PROJECT / ".git").exists():
        return given or ""
    try:
        found = subprocess.run(
            ["git", "-C", str(PROJECT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
