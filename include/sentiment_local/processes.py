"""Starts programs in sessions of their own, finds them again by process id and creation time, and ends them.

It never signals a process that it cannot tell to be one of its own.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field

from sentiment.core.provenance import boot_id, lives, start_of

# Starts are told in clock ticks (10 ms); a reused id is seconds younger at least.
SAME_PROCESS_SECONDS = 0.5
LONG_LOG_BYTES = 32 * 2**20
_POLL_SECONDS = 0.1
# A process that is killed is gone as soon as it gets a core.
_KILLED_SECONDS = 30.0


class Started(BaseModel):
    """A program that was started: enough to find it again after this process has ended.

    `boot` is the machine's own start, and `created` the program's, as `start_of` tells it. From the byte `log_start` of
    its log on the lines are of this start.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    boot: str = Field(default_factory=boot_id)
    created: float
    folder: Path
    log: Path
    log_start: int = 0


def launch(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Started:
    """Start a program in `folder` and in a session of its own, so that no Ctrl-C of this terminal reaches it.

    What it prints is appended to `log`; a long one is put aside first, so that two of them are kept at most.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file() and log.stat().st_size > LONG_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("ab") as output:
        log_start = output.seek(0, os.SEEK_END)
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    created = start_of(psutil.Process(child.pid))
    return Started(name=name, pid=child.pid, created=created, folder=folder, log=log, log_start=log_start)


def running(started: Started) -> bool:
    """Tell whether the program itself still runs; a zombie and a stranger with a reused id do not count."""
    leader = _leader(started)
    return leader is not None and lives(leader)


def family(started: Started) -> list[psutil.Process]:
    """Return the program's living processes: it, its descendants, and those of its session that outlived it."""
    members: dict[int, psutil.Process] = {}
    leader = _leader(started)
    if leader is not None:
        members |= {process.pid: process for process in [leader, *leader.children(recursive=True)]}
    if leader is not None or not psutil.pid_exists(started.pid):
        # What outlived its parent, and what that has started since in sessions of its own.
        for orphan in [process for process in psutil.process_iter() if _of_session(process, started)]:
            members |= {process.pid: process for process in [orphan, *_children(orphan)]}
    return [process for process in members.values() if lives(process)]


def end(programs: Iterable[Started], grace_seconds: float) -> int:
    """Ask every process of the programs to end, kill those that have not after the grace period; return how many."""
    members = [process for started in programs for process in family(started)]
    _signal(members, kill=False)
    stubborn = _outliving(members, grace_seconds)
    # A process may have forked between the look and the signal: what is left of its family goes with it.
    stubborn = [*stubborn, *(child for process in stubborn for child in _children(process))]
    _signal(stubborn, kill=True)
    _outliving(stubborn, max(grace_seconds, _KILLED_SECONDS))
    return len(members)


def end_leader(started: Started, seconds: float) -> None:
    """Ask the program itself to end, and wait for that so long; the rest of its family is its own affair."""
    leader = _leader(started)
    if leader is not None and lives(leader):
        _signal([leader], kill=False)
        _outliving([leader], seconds)


def age(started: Started) -> float:
    """Return the seconds since the program was started; 0 when it does not run."""
    leader = _leader(started)
    try:
        return time.time() - leader.create_time() if leader else 0.0
    except psutil.NoSuchProcess:
        return 0.0


def memory(started: Started, others: frozenset[int] = frozenset()) -> int:
    """Return the bytes of memory that the program's processes hold, pages that they share counted once (Linux).

    Processes of `others` and their descendants are not counted.
    """
    theirs = {child.pid for process in family(started) if process.pid in others for child in _children(process)}
    return sum(_resident(process) for process in family(started) if process.pid not in others | theirs)


def last_lines(log: Path, count: int = 20, start: int = 0) -> str:
    """Return the last lines of a log after its byte `start`; it is read from its end: its size does not matter.

    One that is shorter than that was emptied meanwhile, and all of it came later.
    """
    if not log.exists():
        return ""
    size = log.stat().st_size
    with log.open("rb") as stream:
        stream.seek(max(start if start <= size else 0, size - 64 * 1024))
        text = stream.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-count:])


def end_of_log(log: Path, started: Started | None, count: int = 20) -> str:
    """Say what stands last in a program's log, of its present start alone; an earlier one's end explains nothing."""
    lines = last_lines(started.log, count, started.log_start) if started else ""
    return f"the end of its log {log}:\n{lines}" if lines else f"its log {log} says nothing of this start"


def _leader(started: Started) -> psutil.Process | None:
    if started.boot != boot_id():
        return None
    try:
        process = psutil.Process(started.pid)
        same = abs(start_of(process, started.created) - started.created) < SAME_PROCESS_SECONDS
        return process if same else None
    except psutil.NoSuchProcess:
        return None


def _of_session(process: psutil.Process, started: Started) -> bool:
    """A session keeps its leader's id, and no new process gets that id while one member lives.

    After a wrap of the ids the number may still be another's, so the working folder must be the program's too.
    """
    try:
        return (
            started.boot == boot_id()
            and os.getsid(process.pid) == started.pid
            and start_of(process, started.created) > started.created - SAME_PROCESS_SECONDS
            and Path(process.cwd()) == started.folder.resolve()
        )
    except (OSError, psutil.Error):
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _signal(members: Iterable[psutil.Process], kill: bool) -> None:
    for process in members:
        try:
            if kill:
                process.kill()
            else:
                process.terminate()
        except psutil.NoSuchProcess:
            continue


def _outliving(members: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, at most so long, and return those that have not.

    A zombie has ended: whoever is process 1 of a container may never collect it. Our own children are collected here.
    """
    members, deadline = list(members), time.monotonic() + seconds
    while alive := [process for process in members if lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    psutil.wait_procs(members, timeout=0)
    return alive


def _resident(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.Error:
        return 0
