"""Waits until servers that were just started are healthy, and says which is not, with the end of its log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from sentiment.errors import ContractError
from sentiment.local import processes
from sentiment.local.processes import Started
from sentiment.local.servers import Server

_POLL_SECONDS = 0.5


def wait_until_healthy(
    pairs: Sequence[tuple[Server, Started]], on_progress: Callable[[str], None], deadline: float
) -> None:
    """Wait until every server is healthy, at most until `deadline` on the monotonic clock.

    Raises ContractError when one ends meanwhile, also after it was healthy, or is late.
    """
    waiting = list(pairs)
    while waiting:
        for server, started in list(waiting):
            if is_healthy(server, started):
                waiting.remove((server, started))
                on_progress(f"{server.name}: healthy at {server.url}")
        _require_alive([started for _, started in pairs])
        _require_in_time([started for _, started in waiting], deadline)
        time.sleep(_POLL_SECONDS if waiting else 0)


def is_healthy(server: Server, started: Started) -> bool:
    """Ask a server for its health: it must answer, and each part of it that Airflow reports must be well."""
    try:
        response = httpx.get(server.health_url, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    if not response.is_success:
        return False
    return "json" not in response.headers.get("content-type", "") or _parts_are_healthy(response.json(), started)


def _parts_are_healthy(report: Mapping[str, Mapping[str, Any]], started: Started) -> bool:
    """Every part is healthy, by a heartbeat of this start: one killed a minute ago still counts as alive there."""
    for part, health in report.items():
        beat = health.get(f"latest_{part}_heartbeat")
        if health["status"] != "healthy" or (beat and datetime.fromisoformat(beat).timestamp() < started.created):
            return False
    return True


def _require_alive(started: Sequence[Started]) -> None:
    for one in started:
        if not processes.running(one):
            raise ContractError(f"{one.name} ended while the platform was starting; {_end_of_log(one)}")


def _require_in_time(waiting: Sequence[Started], deadline: float) -> None:
    if waiting and time.monotonic() > deadline:
        raise ContractError(f"{waiting[0].name} is not healthy in time; {_end_of_log(waiting[0])}")


def _end_of_log(one: Started) -> str:
    return f"the end of its log {one.log}:\n{processes.last_lines(one.log)}"
