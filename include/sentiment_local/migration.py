"""Makes Airflow's tables, and brings them and MLflow's to this version, before anything starts that asks for them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from threading import Event

from sentiment.core.settings import Settings
from sentiment_local import databases, processes
from sentiment_local.components import airflow_command, of_airflow

_POLL_SECONDS, _GRACE_SECONDS = 0.2, 20.0
# Not `mlflow db upgrade ADDRESS`: whoever lists processes would read a password in the address.
_UPGRADE_MLFLOW = 'import os; from mlflow.db import upgrade; upgrade.callback(os.environ["MLFLOW_BACKEND_STORE_URI"])'
_STEPS_OF_MLFLOW = Path(str(distribution("mlflow").locate_file("mlflow/store/db_migrations/versions")))
_STEP = re.compile(r"^(down_)?revision\b[^=\n]*=(.*)$", re.MULTILINE)
_NAME = re.compile(r"""["'](\w+)["']""")


def migrate(settings: Settings, log: Path, stopped: Event, meanwhile: Callable[[], None]) -> bool:
    """Migrate Airflow's, calling `meanwhile` again and again until it is done; return False when stopped before.

    Raises RuntimeError with the end of the output when it fails.
    """
    command = airflow_command("db", "migrate")
    return _run("airflow db migrate", command, settings.home, of_airflow(settings), log, stopped, meanwhile)


def migrate_mlflow(
    settings: Settings, environment: Mapping[str, str], log: Path, stopped: Event, meanwhile: Callable[[], None]
) -> bool:
    """Do the same with MLflow's tables, in the environment of its server, which knows their address."""
    command = (sys.executable, "-c", _UPGRADE_MLFLOW)
    return _run("mlflow db upgrade", command, settings.home, environment, log, stopped, meanwhile)


def is_mlflow_of_another_version(settings: Settings) -> bool:
    """Tell whether MLflow's tables are there and of another revision than its code; asked without loading MLflow.

    Its server makes the tables of an empty database itself, and refuses others: it migrates none.
    """
    found = databases.revision(settings, "mlflow")
    return found is not None and found not in latest_revisions_of_mlflow()


def latest_revisions_of_mlflow() -> set[str]:
    """Return the revisions that no other one builds on, of the steps that are installed: one, in any release."""
    revisions, built_on = set[str](), set[str]()
    for file in _STEPS_OF_MLFLOW.glob("*.py"):
        for down, value in _STEP.findall(file.read_text(encoding="utf-8")):
            (built_on if down else revisions).update(_NAME.findall(value))
    return revisions - built_on


def _run(
    name: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    stopped: Event,
    meanwhile: Callable[[], None],
) -> bool:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        migration = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while migration.poll() is None and not stopped.wait(_POLL_SECONDS):
                meanwhile()
        finally:
            unfinished = migration.poll() is None
            if unfinished:
                _end(migration)
    if unfinished:
        return False
    if migration.returncode:
        raise RuntimeError(f"`{name}` failed; the end of {log}:\n{processes.last_lines(log)}")
    return True


def _end(migration: subprocess.Popen[bytes]) -> None:
    migration.terminate()
    try:
        migration.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        migration.kill()
        migration.wait()
