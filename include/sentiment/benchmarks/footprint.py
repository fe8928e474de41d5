"""Runs a program to its end and says what it took: seconds, core-seconds and memory of it and all that it started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from sentiment.errors import ContractError

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Footprint:
    """What a program and its children took; memory that several share is counted once."""

    seconds: float
    core_seconds: float
    peak_bytes: int


def run_watched(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Footprint:
    """Run a program and look at its processes five times a second; what it prints goes to `log`.

    Raises ContractError with its last lines when it fails.
    """
    used: dict[tuple[int, float], float] = {}
    peak, started = 0, time.monotonic()
    with log.open("wb") as output:
        program = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        try:
            while program.poll() is None:
                peak = max(peak, _look(program.pid, used))
                with suppress(subprocess.TimeoutExpired):
                    program.wait(_LOOK_SECONDS)
        finally:
            program.kill()
    seconds = time.monotonic() - started
    if program.returncode:
        last = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise ContractError(f"{' '.join(command)} ended with {program.returncode}:\n{last}")
    return Footprint(seconds, sum(used.values()), peak)


def _look(pid: int, used: dict[tuple[int, float], float]) -> int:
    """Note the processor time of every process of the tree, and return the memory that they hold in bytes."""
    memory = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for one in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                times, held = one.cpu_times(), one.memory_full_info()
                used[one.pid, one.create_time()] = times.user + times.system
                # Pages that processes share are divided among them, where the system tells.
                memory += getattr(held, "pss", held.rss)
    return memory
