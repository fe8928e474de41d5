"""The two servers of the platform: the commands and the environment that Airflow and MLflow are started with.

It starts nothing; Airflow's own settings stand in `airflow_environment`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sentiment.config import PROJECT, Settings
from sentiment.local.airflow_environment import airflow_environment, spark_connection

HOST = "127.0.0.1"

# Variables of the caller's shell that would silently turn this platform into another one: another Airflow's settings,
# another Spark than the one installed beside this Python.
_STRANGE_PREFIXES = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "SPARK_HOME", "SPARK_CONF_DIR", "PYTHONHOME")


@dataclass(frozen=True)
class Server:
    """A server to start: its command, its environment, where it answers, and the address that tells its health."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    url: str
    health_url: str


def servers(settings: Settings) -> tuple[Server, ...]:
    """Describe the servers; the folders they need are made, and Airflow's secrets the first time."""
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    for folder in ("airflow", "mlflow", "logs"):
        (settings.home / folder).mkdir(parents=True, exist_ok=True)
    return (_mlflow(settings), _airflow(settings)) if runs_mlflow(settings) else (_airflow(settings),)


def runs_mlflow(settings: Settings) -> bool:
    """Tell whether the MLflow server is this platform's own, and not one that the settings name elsewhere."""
    return settings.mlflow_uri.rstrip("/") in {"", f"http://{HOST}:{settings.mlflow_port}"}


def airflow_url(settings: Settings) -> str:
    """Return the address of Airflow's UI and API."""
    return f"http://{HOST}:{settings.airflow_port}"


def mlflow_url(settings: Settings) -> str:
    """Return the address of the MLflow server."""
    return settings.mlflow_uri.rstrip("/") or f"http://{HOST}:{settings.mlflow_port}"


def _mlflow(settings: Settings) -> Server:
    # Clients write artifacts straight into the root, which the server only lists and shows: no copy goes through it.
    command = (
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}"),
        *("--default-artifact-root", _absolute(settings.artifact_root)),
        *("--no-serve-artifacts", "--host", HOST, "--port", str(settings.mlflow_port), "--workers", "1"),
    )
    url = mlflow_url(settings)
    return Server("mlflow", command, _common(settings), url, f"{url}/health")


def _airflow(settings: Settings) -> Server:
    url = airflow_url(settings)
    environment = {
        **_common(settings),
        **airflow_environment(settings.home / "airflow", settings.airflow_port, url),
        **spark_connection(settings.spark_master),
    }
    command = (sys.executable, "-m", "airflow", "standalone")
    return Server("airflow", command, environment, url, f"{url}/api/v2/monitor/health")


def _common(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE_PREFIXES)}
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    # A proxy of the shell must not be asked for what runs on this machine.
    direct = ",".join(filter(None, [no_proxy, HOST, "localhost"]))
    return {
        **inherited,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": str(PROJECT / "include"),
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its seven processes for jobs that nothing here uses hold 1.4 GiB and delay the start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "NO_PROXY": direct,
        "no_proxy": direct,
        **_in_force(settings),
    }


def _in_force(settings: Settings) -> dict[str, str]:
    """Write the settings as the variables that they are read from, places made absolute."""
    values = {name: str(value) for name, value in settings.model_dump().items() if value != ""}
    places = {
        name: _absolute(values[name]) for name in ("home", "landing", "lake", "products", "artifacts") & values.keys()
    }
    values |= places | {"mlflow_uri": mlflow_url(settings), "schedule_from": str(_schedule_from(settings))}
    return {f"SENTIMENT_{name.upper()}": value for name, value in values.items()}


def _schedule_from(settings: Settings) -> date:
    """Return the day of the first start, unless one is set: no training that was due earlier begins by itself."""
    if "schedule_from" in settings.model_fields_set:
        return settings.schedule_from
    file = settings.home / "schedule_from"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(datetime.now(UTC).date()), encoding="utf-8")
    return date.fromisoformat(file.read_text(encoding="utf-8"))


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).absolute())
