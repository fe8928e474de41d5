"""What a benchmark leaves: tables as files, and the machine that they were measured on.

JSON has every digit, for programs; Markdown has the telling ones, for people.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Machine:
    """What times were taken on: the processor's name, the number of cores, the GPUs, and the version of torch."""

    cpu: str
    cores: int
    gpus: tuple[str, ...]
    torch: str


def write_tables(folder: Path, tables: Mapping[str, Rows]) -> Path:
    """Write NAME.json and NAME.md of each table into `folder`/tables and return that folder."""
    written = folder / "tables"
    written.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (written / f"{name}.json").write_text(json.dumps(list(rows), indent=1), encoding="utf-8")
        (written / f"{name}.md").write_text(markdown(rows), encoding="utf-8")
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
