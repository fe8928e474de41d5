"""Tables of a benchmark as files: JSON with every digit for programs, Markdown with the telling ones for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]


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
