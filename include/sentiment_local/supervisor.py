"""Keeps the platform's components running, each on its own, and ends them all when it is ended itself.

It writes what it sees to HOME/platform.json. When a component is started again stands in `supervision`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import psutil

from sentiment.core.provenance import start_of
from sentiment.core.settings import Settings
from sentiment_local import databases, processes
from sentiment_local.airflow_environment import home_id
from sentiment_local.components import Component, ending_order, ports, started_with
from sentiment_local.migration import is_mlflow_of_another_version, migrate, migrate_mlflow
from sentiment_local.ownership import require_unmoved, take_databases
from sentiment_local.processes import Started
from sentiment_local.states import ComponentRecord, PlatformRecord, is_written, write_record
from sentiment_local.supervision import RESTARTS, Supervised

log = logging.getLogger("supervisor")

_ROUND_SECONDS = 1.0
_SIGN_SECONDS = 10.0
# A round that comes so late means that the machine slept, or that nobody got a core: no silence is judged by it.
_SLEPT_SECONDS = 20.0
# Airflow's processes end by themselves within 9 s, 16 when the cores are busy.
GRACE_SECONDS = 20.0
# What a dead component left, and a silent one, need not be waited for.
_LEFT_OVER_SECONDS = 2.0
# After so long it is said why PostgreSQL does not answer yet.
_UNANSWERED_SECONDS = 5.0
_EVENTS_KEPT = 1000
# What a server imports and prepares takes longest: on two cores all are there sooner when those that it is asked about
# let it go ahead by so much.
_AHEAD_SECONDS = 8.0
_DATABASES = "making the databases, where they are missing"
_MIGRATING = "making or migrating Airflow's tables"
_MIGRATING_MLFLOW = "bringing MLflow's tables to this version"


class Supervisor:
    """Starts the components in their order, watches them, and ends them in the reverse order."""

    def __init__(self, settings: Settings, wanted: Sequence[Component]) -> None:
        self._settings, self._wanted, self._variables = settings, wanted, started_with(settings)
        self._rules = {component.name: Supervised(component.name) for component in wanted}
        self._started: dict[str, Started] = {}
        self._restarts = dict.fromkeys(self._rules, 0)
        self._events: list[str] = []
        self._trouble = ""
        self._stop = threading.Event()
        process, own_log = psutil.Process(), self._log_of("supervisor")
        self._self = Started(
            name="supervisor",
            pid=process.pid,
            created=start_of(process),
            folder=settings.home,
            log=own_log,
            log_start=own_log.stat().st_size if own_log.exists() else 0,
        )

    def stop(self, *_: int | FrameType | None) -> None:
        """End at the next round; the handler of SIGTERM."""
        self._stop.set()

    def run(self) -> None:
        """Watch until `stop`; whatever happens here, nothing is left running."""
        for component in self._wanted:
            threading.Thread(target=self._listen, args=(component,), daemon=True).start()
        before = time.time()
        for component in self._wanted:
            if component.heard_through:
                self._rules[component.name].launch_at = before + _AHEAD_SECONDS
        try:
            while not self._stop.is_set():
                now = time.time()
                self._mind_the_clock(before, now)
                before = now
                if not self._settings.home.is_dir():
                    log.error("%s was removed: ending", self._settings.home)
                    break
                for component in self._wanted:
                    self._try(self._round, component, now)
                self._try(self._write)
                self._stop.wait(_ROUND_SECONDS)
        finally:
            self._end_all()

    def prepare_databases(self) -> bool:
        """Start PostgreSQL, make the databases and Airflow's tables; return False when it was stopped meanwhile."""
        first = [component for component in self._wanted if component.name == "postgres"]
        self._try(self._write, _DATABASES)
        while first and not self._stop.is_set() and self._rules["postgres"].state != "healthy":
            self._round(first[0], time.time())
            self._hear_postgres(self._rules["postgres"])
            self._try(self._write, _DATABASES)
            self._stop.wait(0.1)
        if self._stop.is_set():
            return False
        databases.create_databases(self._settings)
        if not databases.is_own(self._settings):
            ours = [name for name in databases.DATABASES if name == "airflow" or name in self._rules]
            take_databases(self._settings, ours, home_id(self._settings))
        if "mlflow" in self._rules:
            require_unmoved(self._settings)
        return self._migrate()

    def tell(self, trouble: str) -> None:
        """Write down why the platform could not be set up."""
        log.error("%s", trouble)
        self._trouble = trouble
        self._try(self._write)

    def _hear_postgres(self, rule: Supervised) -> None:
        why = databases.silence(self._settings)
        if why is None:
            rule.gave_sign(time.time())
        elif time.time() > rule.launched + _UNANSWERED_SECONDS:
            rule.reason = f"it does not answer: {why}"

    def _migrate(self) -> bool:
        """MLflow's tables first, where that is due; it makes new ones itself, while Airflow's are made."""
        servers = [component for component in self._wanted if component.name == "mlflow"]
        if servers and is_mlflow_of_another_version(self._settings):
            beside, log_file = partial(self._beside, ("postgres",), _MIGRATING_MLFLOW), self._log_of("migrate-mlflow")
            if not migrate_mlflow(self._settings, servers[0].environment, log_file, self._stop, beside):
                return False
        beside = partial(self._beside, ("postgres", "mlflow"), _MIGRATING)
        return migrate(self._settings, self._log_of("migrate"), self._stop, beside)

    def _beside(self, names: Sequence[str], step: str) -> None:
        for component in self._wanted:
            if component.name in names:
                self._round(component, time.time())
        self._try(self._write, step)

    def _try(self, action: Callable[..., object], *given: object) -> object:
        """Do something that the next round can do again: a disk that is full for a moment ends no platform."""
        try:
            return action(*given)
        except (OSError, ValueError, psutil.Error):
            log.exception("%s: tried again in the next round", action.__name__)
            return None

    def _round(self, component: Component, now: float) -> None:
        rule, started = self._rules[component.name], self._started.get(component.name)
        alive = started is not None and processes.running(started)
        if rule.state in {"starting", "healthy", "silent"} and not alive:
            self._ended(component, "it ended by itself")
        rule.look(now, excused=self._any_down(*component.needs, *component.heard_through))
        order = rule.order(now)
        if order == "end":
            self._ended(component, rule.reason)
        elif order == "launch" and not self._any_down(*component.needs):
            self._launch(component, now)

    def _any_down(self, *names: str) -> bool:
        return any(name in self._rules and self._rules[name].state != "healthy" for name in names)

    def _launch(self, component: Component, now: float) -> None:
        home = self._settings.home
        self._rules[component.name].was_launched(now)
        self._started[component.name] = processes.launch(
            component.name, component.command, component.environment, home, self._log_of(component.name)
        )
        log.info("%s: started as process %d", component.name, self._started[component.name].pid)

    def _ended(self, component: Component, reason: str) -> None:
        """Clear away what is left of a component, and say when it is started again."""
        rule = self._rules[component.name]
        if component.name in self._started:
            processes.end([self._started[component.name]], _LEFT_OVER_SECONDS)
        now = time.time()
        rule.ended(now, reason)
        self._restarts[component.name] += 1
        if rule.state == "failed":
            end = processes.end_of_log(self._log_of(component.name), self._started.get(component.name), 5)
            self._say(f"{component.name}: {reason}; given up after {RESTARTS} starts in ten minutes; {end}")
        else:
            pause, count = rule.launch_at - now, f"{len(rule.restarts)} of {RESTARTS}"
            self._say(f"{component.name}: {reason}; started again in {pause:.0f} s ({count})")

    def _mind_the_clock(self, before: float, now: float) -> None:
        if now < before:
            log.warning("the clock was set back by %.0f s", before - now)
            for rule in self._rules.values():
                rule.clock_was_set(now - before)
        elif now - before > _SLEPT_SECONDS:
            log.warning("no round for %.0f s: the machine slept or was very busy", now - before)
            for rule in self._rules.values():
                rule.forgive(now)

    def _say(self, event: str) -> None:
        log.warning("%s", event)
        self._events.append(f"{time.strftime('%H:%M:%S')} {event}")

    def _listen(self, component: Component) -> None:
        """Look for signs of life, often until the first one."""
        rule = self._rules[component.name]
        while not self._stop.is_set():
            sign = self._try(component.sign)
            if isinstance(sign, float):
                rule.gave_sign(min(sign, time.time()))  # a heartbeat of before the clock was set back lies ahead
            self._stop.wait(_SIGN_SECONDS if rule.state == "healthy" else 1.0)

    def _end_all(self) -> None:
        """Servers of others last: first what asks them. Whoever waits for the start is told by the record."""
        log.info("ending")
        if self._settings.home.is_dir():
            self._try(self._write)
        for group in ending_order(self._wanted):
            processes.end([self._started[name] for name in group if name in self._started], GRACE_SECONDS)
        log.info("ended")

    def _log_of(self, name: str) -> Path:
        return self._settings.home / "logs" / f"{name}.log"

    def _write(self, step: str = "") -> None:
        record = PlatformRecord(
            supervisor=self._self,
            ports=ports(self._settings),
            variables=self._variables,
            components=tuple(self._record(component) for component in self._wanted),
            step=step,
            trouble=self._trouble,
            stopped=self._stop.is_set() and not self._trouble,
            events=tuple(self._events[-_EVENTS_KEPT:]),
        )
        if not is_written(self._settings, record):
            write_record(self._settings, record)

    def _record(self, component: Component) -> ComponentRecord:
        rule = self._rules[component.name]
        return ComponentRecord(
            name=component.name,
            state=rule.state,
            reason=rule.reason,
            restarts=self._restarts[component.name],
            started=self._started.get(component.name),
            log=self._log_of(component.name),
        )
