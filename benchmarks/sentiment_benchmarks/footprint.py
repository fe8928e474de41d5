"""Runs a program to its end and says what it took: seconds, core-seconds and memory of it and all that it started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sentiment.core.errors import ContractError

# Of each process by its number and birth.
CoreSeconds = dict[tuple[int, float], float]

# To ask what a tree of some GB shares costs 50 ms: five times a second it took a tenth of two cores.
_LOOKS_A_RUN, _LONGEST_PAUSE = 20, 1.0
# Waits for the end of its standard input, which is this process's to close and closes with it.
_GUARD = "read -r _; kill -s KILL -- -$0"


@dataclass(frozen=True)
class Footprint:
    """What a program and its children took; memory that several share is counted once.

    `worker_bytes` is the largest of Spark's Python workers, 0 where there was none.
    """

    seconds: float
    core_seconds: float
    peak_bytes: int
    worker_bytes: int = 0


def run_watched(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Footprint:
    """Run a program and look at its processes, once a second in a long run; what it prints goes to `log`.

    It ends with this process, however that ends. Raises ContractError with its last lines when it fails.
    """
    seen, started = _Seen(), time.monotonic()
    with log.open("wb") as output:
        program = subprocess.Popen(
            command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            with _guarded(program.pid):
                while program.poll() is None:
                    seen.look(program.pid)
                    with suppress(subprocess.TimeoutExpired):
                        program.wait(_pause(time.monotonic() - started))
        finally:
            _end(program)
    seconds = time.monotonic() - started
    if program.returncode:
        last = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise ContractError(f"{' '.join(command)} ended with {program.returncode}:\n{last}")
    return Footprint(seconds, sum(seen.core_seconds.values()), seen.peak, seen.worker)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started and that live; none where it has ended."""
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def note_core_seconds(process: psutil.Process, seen: CoreSeconds) -> None:
    """Note what a process itself has used until now; raises psutil.Error where it has ended."""
    times = process.cpu_times()
    seen[process.pid, process.create_time()] = times.user + times.system


@contextmanager
def _guarded(group: int) -> Iterator[None]:
    """Have a group of processes killed should this process end within the block, by SIGKILL too."""
    guard = ["sh", "-c", _GUARD, str(group)]
    # In a session of its own, so that what ends this process at the terminal leaves it alone.
    with subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as waiting:
        try:
            yield
        finally:
            waiting.kill()


def _end(program: subprocess.Popen[bytes]) -> None:
    """Kill a program and all that it started; one that has ended is left alone."""
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(program.pid).children(recursive=True), psutil.Process(program.pid)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    program.wait()


def _pause(seconds: float) -> float:
    return min(_LONGEST_PAUSE, max(0.05, seconds / _LOOKS_A_RUN))


@dataclass
class _Seen:
    """What was seen so far: core-seconds by process, the largest sum of memory and the largest worker, in bytes."""

    core_seconds: CoreSeconds = field(default_factory=dict)
    peak: int = 0
    worker: int = 0

    def look(self, pid: int) -> None:
        """Note what every process of the tree has used and holds; one may end between being listed and being asked."""
        memory = 0
        for process in family(pid):
            with suppress(psutil.Error):
                memory += self._add(process)
        self.peak = max(self.peak, memory)

    def _add(self, process: psutil.Process) -> int:
        held = process.memory_full_info()
        note_core_seconds(process, self.core_seconds)
        # Pages that processes share are divided among them, where the system tells.
        memory = int(getattr(held, "pss", held.rss))
        if "pyspark.worker" in process.cmdline():
            self.worker = max(self.worker, memory)
        return memory
