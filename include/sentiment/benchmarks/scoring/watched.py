"""Runs a command and watches it and all its descendants: seconds, CPU time, memory. Knows processes alone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentiment.errors import ContractError

# A look at ten processes takes a millisecond.
_LOOK_EVERY_SECONDS = 0.2
_TOLD_LINES = 15


@dataclass(frozen=True)
class Used:
    """What a command took. Memory is resident, so pages that processes share are counted for each of them.

    `worker_megabytes` is the largest of Spark's Python workers, 0 where there was none.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    worker_megabytes: float


def run_watched(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Used:
    """Run the command to its end, its output in `log`; raises ContractError with the last of it when it fails."""
    import psutil

    watch = _Watch()
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        root = psutil.Process(process.pid)
        while process.poll() is None:
            watch.look(root)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_SECONDS)
    seconds = time.perf_counter() - started
    if process.returncode:
        told = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TOLD_LINES:]
        raise ContractError(f"{' '.join(command)} failed with {process.returncode}: " + "\n".join(told))
    return Used(seconds, sum(watch.cpu_seconds.values()), watch.peak / 1e6, watch.largest_worker / 1e6)


@dataclass
class _Watch:
    """What was seen so far: CPU seconds by process, the largest sum of memory and the largest worker, in bytes."""

    cpu_seconds: dict[tuple[int, float], float] = field(default_factory=dict)
    peak: int = 0
    largest_worker: int = 0

    def look(self, root: Any) -> None:
        import psutil

        total = 0
        # A process may end between being listed and being asked.
        with suppress(psutil.NoSuchProcess):
            for process in [root, *root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += self._add(process)
        self.peak = max(self.peak, total)

    def _add(self, process: Any) -> int:
        with process.oneshot():
            times, memory = process.cpu_times(), int(process.memory_info().rss)
            self.cpu_seconds[(process.pid, process.create_time())] = times.user + times.system
            if "pyspark.daemon" in process.cmdline():
                self.largest_worker = max(self.largest_worker, memory)
        return memory
