"""What a commit of whole days is made of, and whether another one came before it."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from types import MappingProxyType
from uuid import uuid4

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from sentiment.core.errors import ConcurrentWriteError
from sentiment.stores.lake.files import DataFile
from sentiment.stores.lake.log import answering_table, content_of, files_by_day
from sentiment.stores.lake.schemas import DayTable

_NAME = "commit"


def day_mark(day: date) -> str:
    """Return the transaction under which a day is replaced."""
    return f"day:{day}"


def span(days: Sequence[date]) -> str:
    """Name a range of sorted days."""
    if not days:
        return "no day"
    return str(days[0]) if days[0] == days[-1] else f"{days[0]}..{days[-1]}"


def require_unchanged(
    spec: DayTable, days: Sequence[date], base: DeltaTable, head: DeltaTable, also: Collection[str] = ()
) -> None:
    """Raise ConcurrentWriteError when one of the days, or one of `also`, was written between two states of a table."""
    if base.version() == head.version():
        return
    if any(_differs(name, base, head) for name in also):
        raise written_meanwhile(spec, days)
    before, now = files_by_day(spec, base, days), files_by_day(spec, head, days)

    def is_changed(day: date) -> bool:
        if day in before or day in now:
            return content_of(before.get(day, ())) != content_of(now.get(day, ()))
        # Whoever writes a day leaves a file there; it may have been removed since. To ask for a mark reads the log.
        return _differs(day_mark(day), base, head)

    changed = list(filter(is_changed, days))
    if changed:
        raise written_meanwhile(spec, changed)


def _differs(mark: str, base: DeltaTable, head: DeltaTable) -> bool:
    return bool(base.transaction_version(mark) != head.transaction_version(mark))


def written_meanwhile(spec: DayTable, days: Sequence[date]) -> ConcurrentWriteError:
    """Return the error of a run that came second to these days."""
    return ConcurrentWriteError(
        f"another run wrote {span(days)} of the table {spec.name} while this one was working; "
        f"this run left that as it is: run it again"
    )


def commit_properties(metadata: Mapping[str, str], marks: Mapping[str, int] = MappingProxyType({})) -> CommitProperties:
    """Return what a commit says of itself: `metadata`, and the marks of which it is the last to speak.

    It bears a name of its own, by which `version_of` finds it.
    """
    transactions = [Transaction(name, value) for name, value in marks.items()]
    return CommitProperties(custom_metadata={**metadata, _NAME: uuid4().hex}, app_transactions=transactions)


def committed(
    spec: DayTable, table: DeltaTable, actions: list[AddAction | RemoveAction], properties: CommitProperties
) -> int | None:
    """Commit to a table, which is at its newest then, and return the version that was made; None where none was."""
    before, done = table.version(), False
    with answering_table(table.table_uri):
        with suppress(CommitFailedError):
            table.create_write_transaction(
                actions, "append", Schema.from_arrow(spec.schema), [spec.day_column], commit_properties=properties
            )
            done = True
        table.update_incremental()
        if done and table.version() == before + 1:
            return before + 1
        return version_of(properties, table, before)


def version_of(properties: CommitProperties, table: DeltaTable, before: int) -> int | None:
    """Return the version after `before` that a commit made; None where it made none.

    An S3 that took it and whose answer was lost is asked again by its client, and says that somebody was first.
    """
    name = (properties.custom_metadata or {})[_NAME]
    newer = table.history(table.version() - before) if table.version() > before else []
    return next((int(commit["version"]) for commit in newer if commit.get(_NAME) == name), None)


def removals(spec: DayTable, table: DeltaTable, days: Sequence[date]) -> list[RemoveAction]:
    """Return what takes the files of days out of a table."""
    now = time.time_ns() // 1_000_000
    return [
        RemoveAction(file.path, True, now, file.size, {spec.day_column: str(day)})
        for day, files in files_by_day(spec, table, days).items()
        for file in files
    ]


def addition(spec: DayTable, file: DataFile) -> AddAction:
    """Return what puts a file into its day."""
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values={spec.day_column: str(file.day)},
        modification_time=time.time_ns() // 1_000_000,
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )
