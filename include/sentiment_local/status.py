"""What of the platform runs on this machine now, and what `sentiment status` shows of it; no server is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.registry.pages import without_password
from sentiment_local import processes
from sentiment_local.components import airflow_url, mlflow_url, ports
from sentiment_local.login import read_login
from sentiment_local.results import ComponentRow, PlatformStatus
from sentiment_local.states import ComponentRecord, PlatformRecord, read_record

_NOT_STARTED = "not started; start it: sentiment up"
# Set where Airflow's processes run, as in a container of the Compose file, whose supervisor is another.
_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_ELSEWHERE = "not run by `sentiment up` here: ask what started this Airflow, such as `docker compose ps` on its host"


@dataclass(frozen=True)
class ComponentState:
    """A component as it is now: `memory` in bytes, `age` of its present process in seconds, 0 when it is down."""

    name: str
    state: str
    reason: str
    pid: int
    memory: int
    age: float
    restarts: int
    log: Path

    @property
    def healthy(self) -> bool:
        """Whether it runs and shows that it lives."""
        return self.state == "healthy"


@dataclass(frozen=True)
class Platform:
    """The platform as it is now; without components when it is not started. `events` says what was started again.

    The addresses are for people to read: a password in that of MLflow is not in it.
    """

    airflow_url: str
    mlflow_url: str
    components: tuple[ComponentState, ...]
    events: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether every component runs and shows that it lives."""
        return bool(self.components) and all(component.healthy for component in self.components)

    @property
    def started(self) -> bool:
        """Whether anything of it runs."""
        return any(component.pid for component in self.components)


def status(settings: Settings) -> Platform:
    """Look which components run, since when, and how much memory they hold; no server is asked anything.

    Raises ContractError where it runs on other ports than the settings name: a stranger may listen on those.
    """
    record, addresses = read_record(settings), (airflow_url(settings), without_password(mlflow_url(settings)))
    if record is None:
        return Platform(*addresses, ())
    supervised = processes.running(record.supervisor)
    if supervised:
        _require_ports(record, settings)
    states = (_supervisor(record, supervised), *(_state(component, supervised) for component in record.components))
    return Platform(*addresses, states, record.events)


def _require_ports(record: PlatformRecord, settings: Settings) -> None:
    wanted = ports(settings)
    other = {name: port for name, port in record.ports.items() if wanted.get(name, port) != port}
    if other:
        said = " ".join(f"{name}={port}" for name, port in other.items())
        raise ContractError(f"the platform of {settings.home} was started with {said}: say so again, or in .env")


def described(settings: Settings) -> PlatformStatus:
    """Return what `sentiment status` shows: a row a component, the latest restarts, addresses and login."""
    now, home = status(settings), str(settings.home.resolve())
    if not now.components:
        return PlatformStatus(platform=_ELSEWHERE if _DATABASE in os.environ else _NOT_STARTED, home=home)
    down = [
        f"{component.name}: {component.state}" + (f" ({component.reason})" if component.reason else "")
        for component in now.components
        if not component.healthy
    ]
    return PlatformStatus(
        platform="; ".join(down) or "healthy",
        airflow=now.airflow_url,
        **vars(read_login(settings)),
        mlflow=now.mlflow_url,
        home=home,
        **({"started_again": now.events[-5:]} if now.events else {}),
        components=tuple(_row(component) for component in now.components),
    )


def _row(component: ComponentState) -> ComponentRow:
    return ComponentRow(
        component=component.name,
        state=component.state,
        memory_mib=round(component.memory / 2**20),
        age_minutes=round(component.age / 60, 1),
        restarts=component.restarts,
        log=os.path.relpath(component.log),
    )


def _supervisor(record: PlatformRecord, running: bool) -> ComponentState:
    state, reason = ("healthy", "") if running else ("failed", "it ended by itself: run `sentiment up` again")
    others = frozenset(component.started.pid for component in record.components if component.started)
    return _component(
        ComponentRecord(
            name=record.supervisor.name,
            state=state,
            reason=reason,
            started=record.supervisor,
            log=record.supervisor.log,
        ),
        others,
    )


def _state(component: ComponentRecord, supervised: bool) -> ComponentState:
    """What the record says holds while a supervisor keeps it; without one a component that runs is left to itself."""
    alive = component.started is not None and processes.running(component.started)
    if not alive and component.state in {"healthy", "starting", "silent"}:
        down = ("waiting", "it ended by itself") if supervised else ("failed", "nobody starts it again")
        component = component.model_copy(update=dict(zip(("state", "reason"), down, strict=True)))
    return _component(component)


def _component(component: ComponentRecord, others: frozenset[int] = frozenset()) -> ComponentState:
    started = component.started
    if started is None or not processes.running(started):
        return ComponentState(
            component.name, component.state, component.reason, 0, 0, 0.0, component.restarts, component.log
        )
    age, memory = processes.age(started), processes.memory(started, others)
    return ComponentState(
        component.name, component.state, component.reason, started.pid, memory, age, component.restarts, component.log
    )
