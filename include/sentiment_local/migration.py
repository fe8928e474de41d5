"""Makes Airflow's tables, or brings them to this version: `airflow db migrate`, before anything of Airflow starts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event

from sentiment.core.settings import Settings
from sentiment_local import processes
from sentiment_local.components import airflow_command, of_airflow

_POLL_SECONDS, _GRACE_SECONDS = 0.2, 20.0


def migrate(settings: Settings, log: Path, stopped: Event, meanwhile: Callable[[], None]) -> bool:
    """Migrate, calling `meanwhile` again and again until it is done; return False when it was stopped before.

    Raises RuntimeError with the end of the output when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        migration = subprocess.Popen(
            airflow_command("db", "migrate"),
            cwd=settings.home,
            env=of_airflow(settings),
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
        raise RuntimeError(f"`airflow db migrate` failed; the end of {log}:\n{processes.last_lines(log)}")
    return True


def _end(migration: subprocess.Popen[bytes]) -> None:
    migration.terminate()
    try:
        migration.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        migration.kill()
        migration.wait()
