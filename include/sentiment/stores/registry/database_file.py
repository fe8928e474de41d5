"""MLflow's tables in a file of SQLite, for an address that needs no server."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sentiment.stores.registry.answers import answered

_SQLITE = "sqlite:///"


def file_of(address: str) -> Path | None:
    """Return the file that a tracking address names; None for a server's."""
    return Path(address.removeprefix(_SQLITE)) if address.startswith(_SQLITE) else None


def make_tables(file: Path) -> None:
    """Make the tables in a file that is not there yet, whole or not at all; another process may be first.

    MLflow makes them in place, in seconds, and cannot open what an interruption left of that.
    """
    from mlflow import MlflowClient

    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=file.parent, prefix=".") as scratch:
        aside = Path(scratch) / file.name
        with answered(f"{_SQLITE}{aside}"):
            MlflowClient(f"{_SQLITE}{aside}", f"{_SQLITE}{aside}")
        # Where the disk knows no links, MLflow makes them in place.
        with suppress(OSError):
            os.link(aside, file)
