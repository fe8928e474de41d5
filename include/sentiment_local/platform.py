"""Starts, stops and shows the platform on one machine: one supervisor in the background, and what it keeps running."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sentiment.core.environment import ends_as_interrupts
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.core.wording import NAMED
from sentiment_local import databases, postgres, processes
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.airflow_http import AirflowHttp
from sentiment_local.components import airflow_url, components, inherited, ports, started_with
from sentiment_local.doctor import check_ports
from sentiment_local.login import read_login
from sentiment_local.preflight import sentences
from sentiment_local.processes import Started
from sentiment_local.states import PlatformRecord, forget_record, read_record, write_record
from sentiment_local.status import Platform, status
from sentiment_local.supervisor import GRACE_SECONDS
from sentiment_local.usable import require_usable
from sentiment_local.watch import Watch

# One slot each: two Spark drivers, or two trainings, would share two cores and 4 GiB, and both would take longer.
POOLS = {"spark": "One Spark application at a time.", "gpu": "One training at a time."}

# A first start takes half a minute on two cores; a machine that is busy or reads from a slow disk may need minutes.
START_SECONDS = 600.0
_POLL_SECONDS = 0.3
_STOPPED = "the platform was stopped while it was starting"
_SUPERVISOR = (sys.executable, "-m", "sentiment_local.supervise")
# Ends of one component during a start after which it is not waited for: what is wrong will not mend itself.
_HOPELESS = 3


def start(settings: Settings, on_progress: OnProgress, timeout: float = START_SECONDS) -> Platform:
    """Start the platform in the background, wait until every component is healthy, and make the pools.

    A platform of which all is healthy is left alone, and one that was started with other settings is a ContractError;
    the rest of one that only half runs is ended first. When a port is taken, or a component fails, everything is
    stopped and ContractError says which, with its last lines; so it is with one that is late, which is an
    UnavailableError.
    Settings that none can run with are refused before; interrupted, or told to end, it leaves nothing running.
    """
    require_usable(settings)
    with ends_as_interrupts(), _alone(settings, on_progress):
        if (now := status(settings)).healthy:
            _require_same(settings)
            on_progress(f"the platform runs already: Airflow at {now.airflow_url}, MLflow at {now.mlflow_url}")
            return now
        if ended := stop(settings):
            on_progress(f"ended {ended} processes that an earlier platform had left")
        if databases.is_own(settings):
            postgres.require_seen(settings)
        if taken := sentences(check_ports(settings)):
            raise ContractError(" ".join(taken))
        # Keys and passwords are made, or refused, before anything starts.
        components(settings)
        began = time.monotonic()
        try:
            _launch(settings)
            _wait(settings, on_progress, began + timeout)
            _make_pools(settings)
        except BaseException:
            on_progress("ending what was started")
            stop(settings)
            raise
        on_progress(f"ready after {time.monotonic() - began:.0f} s")
        return status(settings)


def stop(settings: Settings, grace_seconds: float = GRACE_SECONDS) -> int:
    """End what `start` started, by process id and creation time, and return how many processes that were."""
    record = read_record(settings)
    if record is None:
        return 0
    running = _programs(record)
    found = {process.pid for program in running for process in processes.family(program)}
    # Whoever waits for its start is told so, even when the supervisor could not write it any more.
    with suppress(OSError):
        write_record(settings, record.model_copy(update={"stopped": True}))
    # The supervisor ends the others in their order, each within the grace period, unless it is dead already.
    processes.end_leader(record.supervisor, 3 * grace_seconds + 5)
    processes.end(_programs(read_record(settings) or record), grace_seconds)
    forget_record(settings)
    return len(found)


def open_airflow(settings: Settings, watch: Watch | None = None) -> AirflowApi:
    """Return a client of the platform's Airflow, signed in as its one user.

    An Airflow that does not answer is waited for, until `watch` sees that it will not come back; without one nothing
    is said of what is started again meanwhile.
    """
    url, login = airflow_url(settings), read_login(settings)
    return AirflowApi(AirflowHttp(url, login, on_retry=(watch or Watch(settings, lambda *_: None)).check))


@contextmanager
def _alone(settings: Settings, on_progress: OnProgress) -> Iterator[None]:
    """Let one start at a time through; a second one waits, and then finds the platform running."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "platform.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress("another start of this platform is under way: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _require_same(settings: Settings) -> None:
    """Raise ContractError where the platform runs with other settings than are named: it would go on with its own.

    An S3 that this shell does not name may be that of the shell that started it.
    """
    record, named = read_record(settings), started_with(settings)
    if record is None or not record.variables:
        return
    runs_with = {name: record.variables.get(name, "") for name in named}
    others = [f"{name}={value}" for name, value in runs_with.items() if value != named[name]]
    if others:
        told = ", ".join(others[:NAMED]) + (f" and {len(others) - NAMED} more" if others[NAMED:] else "")
        raise ContractError(
            f"the platform runs with other settings than are named now ({told}): stop it and start it with those that "
            "are named (make down, then make up), or name what it runs with"
        )


def _launch(settings: Settings) -> None:
    # A link to the home may lead to another one, of the next demo, while this platform runs.
    home = settings.home.resolve()
    of_home = settings.model_copy(update={"home": home}).as_environment()
    environment = {**inherited(), **of_home, "SENTIMENT_DATABASE": settings.database}
    # In a session of its own, so that neither a Ctrl-C nor the end of this terminal reaches it.
    log = home / "logs" / "supervisor.log"
    supervisor = processes.launch("supervisor", _SUPERVISOR, environment, home, log)
    record = PlatformRecord(supervisor=supervisor, ports=ports(settings), variables=started_with(settings))
    try:
        write_record(settings, record)
    except BaseException:  # nobody would find it
        processes.end([supervisor], GRACE_SECONDS)
        raise


def _wait(settings: Settings, on_progress: OnProgress, deadline: float) -> None:
    told: dict[str, str] = {}
    while True:
        record = read_record(settings)
        if record is None:
            raise ContractError(_STOPPED)
        for name, line in _lines(record).items():
            if told.get(name) != line:
                on_progress(line)
        told |= _lines(record)
        _require_well(record)
        if record.components and all(component.state == "healthy" for component in record.components):
            return
        if time.monotonic() > deadline:
            raise UnavailableError(_late(record))
        time.sleep(_POLL_SECONDS)


def _lines(record: PlatformRecord) -> dict[str, str]:
    """Say where each component stands, under its name, and what is done before they start."""
    lines = {
        component.name: f"{component.name}: {component.state}{component.reason and f' ({component.reason})'}"
        for component in record.components
    }
    waiting = {name: line for name, line in lines.items() if not line.endswith(": waiting")}
    return waiting | ({"step": record.step} if record.step else {})


def _require_well(record: PlatformRecord) -> None:
    """Raise ContractError when the platform cannot be set up, or a component cannot be kept running."""
    if record.trouble:
        raise ContractError(f"the platform cannot be set up: {record.trouble}")
    if record.stopped:
        raise ContractError(_STOPPED)
    for component in record.components:
        if component.state == "failed" or component.restarts >= _HOPELESS:
            end = processes.end_of_log(component.log, component.started)
            raise ContractError(f"{component.name} does not stay up ({component.reason}); {end}")
    if not processes.running(record.supervisor):
        end = processes.end_of_log(record.supervisor.log, record.supervisor)
        raise ContractError(f"the supervisor ended while the platform was starting; {end}")


def _late(record: PlatformRecord) -> str:
    late = next((component for component in record.components if component.state != "healthy"), None)
    if late is None:
        return f"the supervisor is late; {processes.end_of_log(record.supervisor.log, record.supervisor)}"
    reason = f" ({late.reason})" if late.reason else ""
    return f"{late.name} is not healthy in time{reason}; {processes.end_of_log(late.log, late.started)}"


def _programs(record: PlatformRecord) -> list[Started]:
    return [record.supervisor, *(component.started for component in record.components if component.started)]


def _make_pools(settings: Settings) -> None:
    with open_airflow(settings) as airflow:
        for name, description in POOLS.items():
            airflow.make_pool(name, 1, description)
