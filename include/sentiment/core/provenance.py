"""Who and what runs this: the Airflow task, or a shell, and the commit of the code. For tags, ledgers and metadata."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from functools import lru_cache
from typing import TypedDict

from sentiment.core.settings import PROJECT

# Airflow exports these to every task, and spark-submit inherits them.
_AIRFLOW = {"dag": "DAG_ID", "run": "DAG_RUN_ID", "task": "TASK_ID", "try": "TRY_NUMBER", "day": "LOGICAL_DATE"}


def provenance() -> dict[str, str]:
    """Return dag, run, task, try and day of the Airflow task, as far as there is one, and the git commit."""
    task = {name: os.environ.get(f"AIRFLOW_CTX_{variable}", "") for name, variable in _AIRFLOW.items()}
    return {name: value for name, value in {**task, "git_commit": _git_commit()}.items() if value}


def run_id() -> str:
    """Return the id of the Airflow run, or of this process, which no other one of this machine has had."""
    process = this_process()
    shell = f"shell-{process['host']}-{process['pid']}-{int(process['started'])}"
    return os.environ.get("AIRFLOW_CTX_DAG_RUN_ID") or shell


class ProcessName(TypedDict):
    """What tells a process from all others: its machine, its id there, and its start as a Unix time."""

    host: str
    pid: int
    started: float


def this_process() -> ProcessName:
    """Return what tells this process from all others."""
    import psutil

    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


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
    """Return the commit of the checkout, SENTIMENT_GIT_COMMIT where the image has none, or the empty string."""
    given = os.environ.get("SENTIMENT_GIT_COMMIT")
    if given:
        return given
    try:
        found = subprocess.run(
            ["git", "-C", str(PROJECT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
