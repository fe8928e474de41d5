"""Starts, stops and shows the platform on one machine: the MLflow server and Airflow, in the background.

What was started stands in HOME/platform.json; how the servers are configured is not known here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentiment.config import Settings
from sentiment.errors import ContractError
from sentiment.local import processes
from sentiment.local.airflow_api import AirflowApi
from sentiment.local.doctor import check_ports
from sentiment.local.health import wait_until_healthy
from sentiment.local.preflight import sentences
from sentiment.local.processes import Started
from sentiment.local.servers import Server, airflow_url, mlflow_url, servers

# One slot each: two Spark drivers, or two trainings, would share two cores and 4 GiB, and both would take longer.
POOLS = {"spark": "One Spark application at a time.", "gpu": "One training at a time."}

# A first start takes 27 s on two cores; a machine that is busy or reads from a slow disk may need minutes.
START_SECONDS = 300.0
# Airflow's processes end by themselves within 9 s, 16 when the cores are busy.
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class ServerState:
    """A server as it is now; `memory` in bytes."""

    name: str
    pid: int
    running: bool
    memory: int
    log: Path


@dataclass(frozen=True)
class Platform:
    """The platform as it is now; without servers when it is not started."""

    airflow_url: str
    mlflow_url: str
    servers: tuple[ServerState, ...]

    @property
    def running(self) -> bool:
        """Whether all the servers run."""
        return bool(self.servers) and all(server.running for server in self.servers)


def start(settings: Settings, on_progress: Callable[[str], None], timeout: float = START_SECONDS) -> Platform:
    """Start MLflow and Airflow in the background, wait until both are healthy, and make the pools.

    A platform that runs is left alone, the rest of one that half runs is ended first. When a port is taken, or a
    server ends or is not healthy in time, everything is stopped and ContractError says which, with its last lines.
    """
    if status(settings).running:
        on_progress(f"the platform runs already: Airflow at {airflow_url(settings)}, MLflow at {mlflow_url(settings)}")
        return status(settings)
    if ended := stop(settings):
        on_progress(f"ended {ended} processes that an earlier platform had left")
    _require_free_ports(settings)
    began = time.monotonic()
    try:
        _launch_and_wait(settings, servers(settings), on_progress, began + timeout)
        _make_pools(settings)
    except BaseException:
        stop(settings)
        raise
    on_progress(f"ready after {time.monotonic() - began:.0f} s")
    return status(settings)


def stop(settings: Settings, grace_seconds: float = GRACE_SECONDS) -> int:
    """End what `start` started, by process id and creation time, and return how many processes that were."""
    ended = processes.end(_recorded(settings), grace_seconds)
    _record_file(settings).unlink(missing_ok=True)
    return ended


def status(settings: Settings) -> Platform:
    """Look which servers run and how much memory they hold; no server is asked anything."""
    states = tuple(
        ServerState(one.name, one.pid, processes.running(one), processes.memory(one), one.log)
        for one in _recorded(settings)
    )
    return Platform(airflow_url(settings), mlflow_url(settings), states)


def _launch_and_wait(
    settings: Settings, wanted: Sequence[Server], on_progress: Callable[[str], None], deadline: float
) -> None:
    started: list[Started] = []
    for server in wanted:
        started.append(_launch(settings, server))
        _record(settings, started)
        on_progress(f"{server.name}: starting; log in {started[-1].log}")
    wait_until_healthy(list(zip(wanted, started, strict=True)), on_progress, deadline)


def _launch(settings: Settings, server: Server) -> Started:
    home = settings.home.absolute()
    return processes.launch(server.name, server.command, server.environment, home, home / "logs" / f"{server.name}.log")


def _require_free_ports(settings: Settings) -> None:
    if taken := sentences(check_ports(settings)):
        raise ContractError(" ".join(taken))


def _make_pools(settings: Settings) -> None:
    with AirflowApi(airflow_url(settings)) as airflow:
        for name, description in POOLS.items():
            airflow.upsert_pool(name, 1, description)


def _record_file(settings: Settings) -> Path:
    return settings.home / "platform.json"


def _record(settings: Settings, started: Sequence[Started]) -> None:
    file = _record_file(settings)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps([one.model_dump(mode="json") for one in started], indent=1))
    fresh.replace(file)


def _recorded(settings: Settings) -> list[Started]:
    file = _record_file(settings)
    return [Started.model_validate(one) for one in json.loads(file.read_text())] if file.exists() else []
