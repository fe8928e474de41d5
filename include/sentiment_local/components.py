"""The components of the platform on one machine: their commands, environments, and how each shows that it lives.

It starts nothing; Airflow's own settings stand in `airflow_environment`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from sentiment.core.environment import without_proxy
from sentiment.core.settings import PROJECT, Settings, without_token
from sentiment.stores.files import is_s3
from sentiment.stores.registry.pages import without_password
from sentiment.views import mlflow_app
from sentiment_local import databases, postgres
from sentiment_local.airflow_environment import airflow_environment, spark_connection

HOST = "127.0.0.1"
_ANSWERS_WITHIN = 5.0  # seconds

# Variables of the caller's shell that would silently turn this platform into another one: another Airflow's settings,
# another Spark than the one installed beside this Python, another PostgreSQL than the platform's own. Options of Spark,
# in SPARK_CONF_DIR, are the caller's to give.
_STRANGE_PREFIXES = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "SPARK_HOME", "PYTHONHOME", "PG")
# What tells one S3 from another.
_OF_S3 = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID")


@dataclass(frozen=True)
class Component:
    """A program to keep running: its command, its environment, and its last sign of life.

    `sign` returns the moment (seconds since the epoch) of the last sign of life that can be seen now, or None.
    Without those of `needs` it is not started; while one of them or of `heard_through` is down, its
    silence says nothing.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    sign: Callable[[], float | None]
    needs: tuple[str, ...] = ()
    heard_through: tuple[str, ...] = ()


def components(settings: Settings) -> tuple[Component, ...]:
    """Describe the components in the order in which they start; the folders that they need are made."""
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    for folder in ("airflow", "mlflow", "logs"):
        (settings.home / folder).mkdir(parents=True, exist_ok=True)
    database = (_postgres(settings),) if databases.is_own(settings) else ()
    mlflow = (_mlflow(settings),) if runs_mlflow(settings) else ()
    return (*database, *mlflow, *_airflow(settings))


def ending_order(wanted: Sequence[Component]) -> list[list[str]]:
    """Group names so that a component is ended before what it needs; those of a group end together."""
    depth: dict[str, int] = {}
    for component in wanted:
        depth[component.name] = 1 + max(
            (depth.get(name, 0) for name in (*component.needs, *component.heard_through)), default=0
        )
    levels = sorted(set(depth.values()), reverse=True)
    return [[name for name, level in depth.items() if level == wanted_level] for wanted_level in levels]


def runs_mlflow(settings: Settings) -> bool:
    """Tell whether the MLflow server is this platform's own, and not one that the settings name elsewhere."""
    own = (f"http://{host}:{settings.mlflow_port}" for host in (HOST, "localhost"))
    return settings.mlflow_uri.rstrip("/") in {"", *own}


def ports(settings: Settings) -> dict[str, int]:
    """Return the ports of the platform's own servers, by the variables that name them."""
    own = {"SENTIMENT_AIRFLOW_PORT": settings.airflow_port}
    return own | ({"SENTIMENT_MLFLOW_PORT": settings.mlflow_port} if runs_mlflow(settings) else {})


def airflow_url(settings: Settings) -> str:
    """Return the address of Airflow's UI and API."""
    return f"http://{HOST}:{settings.airflow_port}"


def mlflow_url(settings: Settings) -> str:
    """Return the address of the MLflow server."""
    return settings.tracking_uri


def airflow_command(*words: str) -> tuple[str, ...]:
    """Return a command of the Airflow that is installed beside this Python."""
    return (sys.executable, "-m", "airflow", *words)


def of_airflow(settings: Settings) -> dict[str, str]:
    """Return the environment of Airflow's programs."""
    database = databases.database_url(settings, "airflow")
    return {
        **_common(settings),
        **airflow_environment(settings, airflow_url(settings), database),
        **spark_connection(settings.spark_master),
    }


def now_if(alive: bool) -> float | None:
    """Return this moment when a look found life, else None."""
    return time.time() if alive else None


def answers(url: str) -> bool:
    """Tell whether the address answers with success within a few seconds."""
    try:
        return httpx.get(url, timeout=_ANSWERS_WITHIN, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _heartbeat(url: str, part: str) -> float | None:
    """Return the moment of a part's last heartbeat, as Airflow's health page at `url` tells it, or None."""
    try:
        report = httpx.get(url, timeout=_ANSWERS_WITHIN, trust_env=False).json()
        beat = (report.get(part) or {}).get(f"latest_{part}_heartbeat")
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return datetime.fromisoformat(beat).timestamp() if beat else None


def _postgres(settings: Settings) -> Component:
    def sign() -> float | None:
        return now_if(databases.answers(settings))

    return Component("postgres", postgres.server_command(settings), inherited(), sign)


def _mlflow(settings: Settings) -> Component:
    # Clients write artifacts straight into the root, which the server only lists and shows: no copy goes through it.
    command = (
        *(sys.executable, "-m", "mlflow", "server"),
        *("--default-artifact-root", settings.artifact_root),
        *("--no-serve-artifacts", "--host", HOST, "--port", str(settings.mlflow_port), "--workers", "1"),
        # After a change of version without `make` the server is as MLflow made it, rather than none.
        *(("--app-name", mlflow_app.NAME) if mlflow_app.is_installed() else ()),
    )
    # In the environment and not on the command line, where every user of the machine could read a password.
    environment = {**_common(settings), "MLFLOW_BACKEND_STORE_URI": databases.database_url(settings, "mlflow")}
    url = f"{mlflow_url(settings)}/health"
    return Component("mlflow", command, environment, lambda: now_if(answers(url)), ("postgres",))


def _airflow(settings: Settings) -> tuple[Component, ...]:
    environment, url = of_airflow(settings), f"{airflow_url(settings)}/api/v2/monitor/health"
    # The server answers to these names only, which keeps a web page from reaching it through a name of its own.
    of_server = {**environment, "SENTIMENT_ALLOWED_HOSTS": f"{HOST},localhost"}

    # Asked for the first time, the part that tasks speak to prepares itself for seconds, in which the server answers
    # nobody: that belongs to its start, and not to the first task.
    of_tasks = f"{airflow_url(settings)}/execution/health"

    def served() -> float | None:
        return now_if(answers(url) and answers(of_tasks))

    def api_server() -> Component:
        return Component("api-server", airflow_command("api-server"), of_server, served, ("postgres",))

    def with_heartbeat(name: str) -> Component:
        part = name.replace("-", "_")
        return Component(
            name,
            airflow_command(name),
            environment,
            lambda: _heartbeat(url, part),
            ("postgres",),
            ("api-server",),
        )

    return (api_server(), *(with_heartbeat(name) for name in ("scheduler", "dag-processor", "triggerer")))


def inherited() -> dict[str, str]:
    """Return the environment of this process without what another Airflow, Spark, Python or PostgreSQL left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE_PREFIXES)}


def _common(settings: Settings) -> dict[str, str]:
    return {
        **inherited(),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(str(PROJECT / name) for name in ("include", "benchmarks")),
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads of a training that wait for one another sleep: spinning, they would take the core that Spark needs.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its seven processes for jobs that nothing here uses hold 1.4 GiB and delay the start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Whatever the shell's locale is, paths are read as they were written.
        "PYTHONUTF8": "1",
        **without_proxy(os.environ),
        **settings.as_environment(),
    }


def started_with(settings: Settings) -> dict[str, str]:
    """Return by which variables a platform is another one, without a secret in them: its settings and its S3, if any.

    A home may be reached by a link as well.
    """
    found = settings.model_copy(update={"home": settings.home.resolve()}).as_environment()
    found["SENTIMENT_DATABASE"] = settings.database
    found["SENTIMENT_SPARK_MASTER"] = without_token(settings.spark_master)
    places = (settings.landing_root, settings.lake_root, settings.products_root, settings.artifact_root)
    variables = _OF_S3 if any(is_s3(place) for place in places) else ()
    of_s3 = {name: os.environ[name] for name in variables if os.environ.get(name)}
    return {name: without_password(value) for name, value in {**found, **of_s3}.items()}
