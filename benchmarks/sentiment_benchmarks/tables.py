"""What a benchmark leaves: tables as files, and the machine that they were measured on.

JSON has every digit, for programs; Markdown has the telling ones, for people.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from weakref import finalize

import psutil

from sentiment.core.context import Context
from sentiment_benchmarks.footprint import CoreSeconds, family, note_core_seconds

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

# Seconds between two looks at what this program started.
_PAUSE = 1.0


@dataclass(frozen=True)
class Machine:
    """What times were taken on: the processor's name, the number of cores, the GPUs, and the version of torch.

    `busy_elsewhere` is the share of the cores' time that other programs took meanwhile.
    """

    cpu: str
    cores: int
    gpus: tuple[str, ...]
    torch: str
    busy_elsewhere: float = 0.0

    def sentence(self) -> str:
        """Say it in a line under a table."""
        gpus = ", ".join(self.gpus) or "no GPU"
        return (
            f"{self.cores} cores of {self.cpu}, {gpus}, torch {self.torch}; other programs took "
            f"{self.busy_elsewhere:.0%} of the cores' time meanwhile."
        )


class Watch:
    """Sees what this machine is, and what others do on it, from now on and for as long as somebody holds it.

    What this program started is its own; a cluster's or a server's processes are others.
    """

    def __init__(self) -> None:
        self._own = _Own()
        self._before = self._core_seconds()
        self._began = time.monotonic()
        ended = Event()
        Thread(target=self._own.look_until, args=(ended,), daemon=True).start()
        finalize(self, ended.set)

    def machine(self) -> Machine:
        """Return what was seen until now."""
        busy, waited_for, seen = (now - before for now, before in zip(self._core_seconds(), self._before, strict=True))
        machine = this_machine()
        there = machine.cores * max(time.monotonic() - self._began, 1e-3)
        # A look misses what is shorter than a pause; nobody waits for Spark's JVM, and a Mac does not tell what was
        # waited for. Neither is too much, so the larger is nearer.
        others = max(0.0, busy - max(waited_for, seen))
        return replace(machine, busy_elsewhere=min(1.0, others / there))

    def _core_seconds(self) -> tuple[float, float, float]:
        return *_core_seconds(), self._own.look()


class _Own:
    """This program and all that it started, those that ended too, as they were last seen."""

    def __init__(self) -> None:
        self._seen: CoreSeconds = {}

    def look_until(self, ended: Event) -> None:
        """Look now and then until the event is set."""
        while not ended.wait(_PAUSE):
            self.look()

    def look(self) -> float:
        """Return the core-seconds of all until now."""
        for process in family(os.getpid()):
            with suppress(psutil.Error):
                note_core_seconds(process, self._seen)
        return sum(list(self._seen.values()))  # a list, for two threads look


def _core_seconds() -> tuple[float, float]:
    """Return the core-seconds of all programs until now, and of this one with those that it has waited for."""
    every, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(every) - every.idle - getattr(every, "iowait", 0.0) - getattr(every, "guest", 0.0)
    return busy, own.user + own.system + own.children_user + own.children_system


def output_folder(output: Path | None, context: Context, name: str) -> Path:
    """Return where a benchmark writes: where it was told to, or a folder of its own in HOME/benchmarks."""
    return output or context.settings.home / "benchmarks" / name


def write_tables(folder: Path, tables: Mapping[str, Rows], machine: Machine) -> Path:
    """Write NAME.json and NAME.md of each table into `folder`/tables, the machine under it, and return that folder."""
    written = folder / "tables"
    written.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (written / f"{name}.json").write_text(json.dumps(list(rows), indent=1), encoding="utf-8")
        below = f"\n{machine.sentence()}\n" if rows else ""
        (written / f"{name}.md").write_text(markdown(rows) + below, encoding="utf-8")
    (written / "machine.json").write_text(json.dumps(asdict(machine), indent=1), encoding="utf-8")
    return written


def markdown(rows: Rows) -> str:
    """Return a Markdown table of rows, a column a name that any of them has; the empty string for no rows."""
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = [" | ".join(name.replace("_", " ") for name in names), " | ".join("---" for _ in names)]
    body = [" | ".join(_cell(row.get(name)) for name in names) for row in rows]
    return "".join(f"| {line} |\n" for line in [*head, *body])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


_CPUINFO = Path("/proc/cpuinfo")


def this_machine() -> Machine:
    """Say what this machine is."""
    import torch

    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    models = [line for line in lines if line.startswith("model name")]
    return Machine(
        cpu=models[0].partition(":")[2].strip() if models else platform.processor(),
        cores=os.cpu_count() or 1,
        gpus=tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())),
        torch=torch.__version__,
    )
