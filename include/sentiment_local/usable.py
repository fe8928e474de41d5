"""Refuses, before anything starts, settings with which the platform would come up half or write beside its home.

What the machine lacks is the doctor's affair.
"""

from __future__ import annotations

import re
from pathlib import Path

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local import databases
from sentiment_local.airflow_environment import log_ports
from sentiment_local.components import runs_mlflow
from sentiment_local.doctor import check_memory

# Delta takes a backslash in a path for a slash, Airflow expands $HOME, an apostrophe ends a text of MLflow's SQL, Spark
# reads brackets and stars as patterns, a bar is no address, and PostgreSQL parts at commas. The last ones no address
# can hold, and the settings refuse them too; a demo asks here before it makes a home.
_NOT_IN_A_HOME = re.compile(r"['$\\|*\[\]{},?#%\x00-\x1f]")


def require_usable(settings: Settings) -> None:
    """Raise ContractError with one sentence for settings that no platform can run with."""
    require_home(settings.home)
    _require_ports(settings)
    # Both raise for a value that they cannot read.
    check_memory(0, settings.spark_memory)
    databases.database_url(settings, databases.DATABASES[0])


def _require_ports(settings: Settings) -> None:
    if not runs_mlflow(settings):
        return
    if settings.airflow_port == settings.mlflow_port:
        raise ContractError(
            f"SENTIMENT_AIRFLOW_PORT and SENTIMENT_MLFLOW_PORT are both {settings.mlflow_port}; give each its own"
        )
    if settings.mlflow_port in log_ports(settings.airflow_port):
        raise ContractError(
            f"SENTIMENT_MLFLOW_PORT is {settings.mlflow_port}, where Airflow at {settings.airflow_port} shows its "
            "logs; give MLflow another"
        )


def require_home(home: Path) -> None:
    """Raise ContractError when the home cannot be a folder, or its path has a character that a part cannot read."""
    path = home.absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ContractError(f"the home {str(path)!r} is no text in UTF-8: name another in SENTIMENT_HOME") from None
    if bad := _NOT_IN_A_HOME.search(str(path)):
        raise ContractError(
            f"the home {str(path)!r} has {bad[0]!r} in its path, which Airflow, MLflow, Spark or Delta would not read "
            "as it stands: name another folder in SENTIMENT_HOME (for a demo: call the folder of reviews otherwise)"
        )
    for place in (path, *path.parents):
        if place.is_dir():
            return
        if place.exists() or place.is_symlink():
            what = "a file and no folder" if place.exists() else f"a link to {place.readlink()}, which is not there"
            raise ContractError(
                f"{place} is {what}, so {path} cannot be the home: name a folder in SENTIMENT_HOME, or remove {place}"
            )
