"""What the command line shows a person: progress while a verb works, and its result as a table."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sentiment.core.progress import OnProgress
from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted

Rows = Sequence[Mapping[str, Any]]

# Control characters but tab and line feed, and those that turn the direction of what follows: a review, a file's name
# or a column must not steer the terminal.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# Texts of several words cannot be read in a narrower column.
_READABLE = 16
# A line and two blanks beside each column.
_BORDER = 3

# How long nothing is said of a step that goes on, where there is no bar.
_MINUTE = 60.0

# Of a longer list of plain values the first three and the last are shown, with their number.
_SHOWN_OF_A_LIST = 20


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Give a function that draws a bar on standard error, or writes lines where that is no terminal that can draw."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _plain()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def on_progress(step: str, done: int = 0, total: int = 0) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        yield on_progress


def show(result: VerbResult, out: TextIO | None = None) -> None:
    """Print what came of a verb: sentences first, then lists of rows as tables, then all else as name and value.

    What is said last stands nearest to the prompt: addresses, and what to do next. Of a table only the columns are
    shown for which there is room, and what is empty is left out; `--json` has all.
    """
    out = out or sys.stdout
    # Texts of reviews are shown as they are: square brackets and colons in them are no markup and no pictures.
    console = _Console(highlight=False, markup=False, emoji=False, file=out, width=None if out.isatty() else 120)
    for sentence in result.sentences():
        console.print(legible(sentence))
    tables, plain = _parted(result.model_dump(mode="json", exclude_unset=True))
    for name, rows in tables.items():
        fitting = _fitting(_narrowed(rows, result.shown.get(name)), console.width)
        console.print(rows_table(fitting, name, console.width))
        if further := len(_names(rows)) - len(fitting[0]):
            console.print(f"{counted(further, 'further column')} with --json")
    if plain:
        console.print(_pairs(plain))


def legible(text: str) -> str:
    """Spell what a terminal would obey, such as the beginning of an escape sequence, as its number."""
    return _OBEYED.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else ascii(found[0])[1:-1], text)


def _parted(values: Mapping[str, Any]) -> tuple[dict[str, Rows], dict[str, Any]]:
    """Part what is a table from what is a value; of values by name, like the splits of a snapshot, each is a row."""
    tables: dict[str, Rows] = {}
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if _is_rows(value):
            tables[name] = value
        elif isinstance(value, dict) and _are_alike(list(value.values())):
            tables[name] = [{name.removesuffix("s"): key, **member} for key, member in value.items()]
        elif isinstance(value, dict) and any(isinstance(member, dict) or _is_rows(member) for member in value.values()):
            inner_tables, inner = _parted(value)
            tables, plain = tables | inner_tables, plain | inner
        elif value != "":
            plain[name] = value
    return tables, plain


def _narrowed(rows: Rows, columns: tuple[str, ...] | None) -> Rows:
    return [{name: row[name] for name in columns if name in row} for row in rows] if columns else rows


def _fitting(rows: Rows, width: int) -> Rows:
    """Return the columns that can be read side by side, and always the first."""
    room, kept = width - 1, list[str]()
    for name in _names(rows):
        needed = _BORDER + _least_width(rows, name)
        if needed <= room or not kept:
            kept.append(name)
            room -= needed
    return [{name: row.get(name) for name in kept} for row in rows]


def _names(rows: Rows) -> list[str]:
    """Return the columns that any of the rows has."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _least_width(rows: Rows, name: str) -> int:
    """Return the width in which a column can be read: whole values, texts in lines of several words."""
    cells = [_cell(row.get(name), name) for row in rows]
    widths = [min(_READABLE, len(text)) if " " in text else len(text) for text in cells]
    return max([*widths, *map(len, _heading(name).split())])


class _Console(Console):
    """Leaves a closed pipe to the caller, which knows the exit code; rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Raise what was raised."""
        raise  # noqa: PLE0704  called while the error is handled


def rows_table(rows: Rows, title: str, width: int) -> Table:
    """Return a table of rows that share their keys, in `width` columns; a column of texts stands at the left."""
    table = Table(title=Text(title.replace("_", " ")), title_justify="left")
    for name, own in _widths(rows, width).items():
        texts = any(isinstance(row[name], str) for row in rows)
        justify: Literal["left", "right"] = "left" if texts else "right"
        table.add_column(Text(_heading(name)), justify=justify, width=own, overflow="fold")
    for row in rows:
        table.add_row(*[Text(_cell(value, name)) for name, value in row.items()])
    return table


def _widths(rows: Rows, width: int) -> dict[str, int]:
    """Return each column's width: what it needs, and of the room that is left what it can use, the first ones first."""
    widths = {name: min(_least_width(rows, name), width - 1 - _BORDER) for name in rows[0]}
    spare = width - 1 - sum(widths.values()) - _BORDER * len(widths)
    for name, least in widths.items():
        whole = max(len(text) for text in (_heading(name), *(_cell(row[name], name) for row in rows)))
        widths[name] += max(0, min(whole - least, spare))
        spare -= widths[name] - least
    return widths


def _plain(clock: Callable[[], float] = time.monotonic) -> OnProgress:
    """Print a line for each tenth of a step, and where one takes minutes, once a minute if more is done."""
    told: dict[str, int] = {}
    last = 0.0

    def on_progress(step: str, done: int = 0, total: int = 0) -> None:
        nonlocal last
        share, before, now = 100 * done // total if total else -1, told.get(step, -20), clock()
        if share // 10 > before // 10 or (share > before and now - last >= _MINUTE):
            told[step], last = share, now
            print(f"{step} {share} %" if total else step, file=sys.stderr, flush=True)  # noqa: T201  the terminal

    return on_progress


def _heading(name: str) -> str:
    return legible(name.replace("_", " "))


def _pairs(values: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(_heading(name)), Text(_cell(value, name)))
    return table


def _cell(value: Any, name: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1%}" if name.endswith("_share") or name == "accuracy" else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{legible(str(key))}: {_cell(member, str(key))}" for key, member in value.items()) or "–"
    if isinstance(value, list | tuple):
        shown = value if len(value) <= _SHOWN_OF_A_LIST else [*value[:3], "…", value[-1]]
        of = f" ({len(value):,})" if len(shown) < len(value) else ""
        return (", ".join(_cell(member, name) for member in shown) or "–") + of
    return legible(str(value))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _are_alike(values: list[Any]) -> bool:
    return _is_rows(values) and len({tuple(row) for row in values}) == 1
