"""What the command line shows a person: progress while a verb works, and its result as a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sentiment.core.progress import OnProgress
from sentiment.core.verb import VerbResult

Rows = Sequence[Mapping[str, Any]]

# Control characters but tab and line feed: a review, a file's name or a column must not steer the terminal.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# What is shown of tables with more columns than a terminal has room for.
_COLUMNS = {
    "compare": (
        *("candidate", "accuracy_mean", "macro_f1_mean", "macro_f1_std", "run_id"),
        *("a", "b", "difference", "low", "high"),
    ),
}


# Of a longer list of plain values the first three and the last are shown, with their number.
_SHOWN_OF_A_LIST = 20


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Give a function that draws a bar on standard error, a line at a time where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
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


def show(verb: str, result: VerbResult, out: TextIO | None = None) -> None:
    """Print what came of a verb: a sentence first, then lists of rows as tables, then all else as name and value.

    What is said last stands nearest to the prompt: addresses, and what to do next.
    Of a table that is too wide to be read only some columns are shown, and what is empty is left out; `--json` has all.
    """
    out = out or sys.stdout
    # Texts of reviews are shown as they are: square brackets and colons in them are no markup and no pictures.
    console = _Console(highlight=False, markup=False, emoji=False, file=out, width=None if out.isatty() else 120)
    for sentence in result.sentences():
        console.print(legible(sentence))
    values = result.model_dump(mode="json", exclude_unset=True)
    for name, value in values.items():
        if _is_rows(value):
            console.print(rows_table(_narrowed(value, _COLUMNS.get(verb)), name))
    plain = {name: value for name, value in values.items() if not _is_rows(value)}
    if plain:
        console.print(_pairs(plain))


def legible(text: str) -> str:
    """Spell what a terminal would obey, such as the beginning of an escape sequence, as its number."""
    return _OBEYED.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _narrowed(rows: Rows, columns: tuple[str, ...] | None) -> Rows:
    return [{name: row[name] for name in columns if name in row} for row in rows] if columns else rows


class _Console(Console):
    """Leaves a closed pipe to the caller, which knows the exit code; rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Raise what was raised."""
        raise  # noqa: PLE0704  called while the error is handled


def rows_table(rows: Rows, title: str) -> Table:
    """Return a table of rows that share their keys."""
    table = Table(title=Text(title.replace("_", " ")), title_justify="left")
    for name, first in rows[0].items():
        table.add_column(Text(legible(name.replace("_", " "))), justify="left" if isinstance(first, str) else "right")
    for row in rows:
        table.add_row(*[Text(_cell(value, name)) for name, value in row.items()])
    return table


def _plain() -> OnProgress:
    """Print a line for each tenth of a step; one that was told already, or less than it, is not told again."""
    told: dict[str, int] = {}

    def on_progress(step: str, done: int = 0, total: int = 0) -> None:
        tenth = 10 * done // total if total else -1
        if tenth > told.get(step, -2):
            told[step] = tenth
            print(f"{step} {10 * tenth} %" if total else step, file=sys.stderr, flush=True)  # noqa: T201  the terminal

    return on_progress


def _pairs(values: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(legible(name.replace("_", " "))), Text(_cell(value, name)))
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
