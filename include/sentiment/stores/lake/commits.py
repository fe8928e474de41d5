"""What a commit of whole days is made of, and whether another one came before it."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from sentiment.core.errors import ConcurrentWriteError
from sentiment.stores.lake.files import DataFile
from sentiment.stores.lake.log import content_of, files_by_day
from sentiment.stores.lake.schemas import DayTable


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
    if any(base.transaction_version(name) != head.transaction_version(name) for name in also):
        raise written_meanwhile(spec, days)
    before, now = files_by_day(spec, base, days), files_by_day(spec, head, days)
    changed = [
        day
        for day in days
        if base.transaction_version(day_mark(day)) != head.transaction_version(day_mark(day))
        or content_of(before.get(day, ())) != content_of(now.get(day, ()))
    ]
    if changed:
        raise written_meanwhile(spec, changed)


def written_meanwhile(spec: DayTable, days: Sequence[date]) -> ConcurrentWriteError:
    """Return the error of a run that came second to these days."""
    return ConcurrentWriteError(
        f"another run wrote {span(days)} of the table {spec.name} while this one was working; "
        f"this run left that as it is: run it again"
    )


def commit_properties(metadata: Mapping[str, str], marks: Mapping[str, int]) -> CommitProperties:
    """Return what a commit says of itself: `metadata`, and the marks of which it is the last to speak."""
    transactions = [Transaction(name, value) for name, value in marks.items()]
    return CommitProperties(custom_metadata={**metadata}, app_transactions=transactions)


def committed(
    spec: DayTable, table: DeltaTable, actions: list[AddAction | RemoveAction], properties: CommitProperties
) -> bool:
    """Commit to a table, and tell whether nothing stood against it; the table is at its newest then."""
    try:
        table.create_write_transaction(
            actions, "append", Schema.from_arrow(spec.schema), [spec.day_column], commit_properties=properties
        )
        done = True
    except CommitFailedError:
        done = False
    table.update_incremental()
    return done


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
