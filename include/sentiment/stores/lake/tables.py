"""Delta tables from plain Python: open, read, append, and replace whole days in one transaction.

It does not know Spark, nor what a review is. A day that was written has a file in its partition, an empty one where it
has no rows: what the present version of the table holds, also after a restore or a copy, is the state of its days.

A day is replaced under a transaction identifier of its own (`day:2014-05-05`): of two writers that worked from the same
state one fails, even on a day that was not there, and writers of other days do not conflict.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from sentiment.core.errors import ConcurrentWriteError
from sentiment.stores import files as storage
from sentiment.stores.lake.conditions import require_conditions
from sentiment.stores.lake.files import DataFile, file_batches, rows_in, write_day_file
from sentiment.stores.lake.protocol import require_readable, require_writable
from sentiment.stores.lake.schemas import TableSpec


class Lake:
    """The tables under one root, a folder or an s3:// prefix."""

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, spec: TableSpec) -> str:
        """Return the table's address."""
        return storage.join(self.root, spec.name)

    def open(self, spec: TableSpec, version: int | None = None) -> DeltaTable:
        """Open a table, at a version or at the newest; one that is not there yet is created empty.

        Raises ContractError for a table with features of Delta that are not read here.
        """
        options = storage.delta_options()
        try:
            table = DeltaTable(self.uri(spec), version=version, storage_options=options)
        except TableNotFoundError:
            self._create(spec)
            table = DeltaTable(self.uri(spec), version=version, storage_options=options)
        require_readable(table)
        return table

    def grown(self, spec: TableSpec) -> DeltaTable:
        """Open a table for writing, at the newest; columns that an older one lacks are added, null in its rows."""
        table = self.open(spec)
        present = set(table.schema().to_arrow().names)
        missing = [field for field in Schema.from_arrow(spec.schema).fields if field.name not in present]
        if missing:
            # Another run may add them at the same moment; then they are there.
            with suppress(CommitFailedError):
                table.alter.add_columns(missing)
            table.update_incremental()
        return table

    def read(
        self,
        spec: TableSpec,
        days: tuple[date, date] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read a table, or the days of a closed range of it, into memory."""
        selected = pa.schema([spec.schema.field(name) for name in columns or spec.schema.names])
        root = self.uri(spec)
        batches = [
            batch
            for file in self.files(spec, days, version)
            for batch in file_batches(storage.join(root, file.path), file.day, spec.day_column, selected)
        ]
        return pa.Table.from_batches(batches, selected)

    def files(
        self, spec: TableSpec, days: tuple[date, date] | None = None, version: int | None = None
    ) -> list[DataFile]:
        """Return the data files of a table, or of a closed range of its days, at a version."""
        found = [file for files in _files_by_day(spec, self.open(spec, version)).values() for file in files]
        root = self.uri(spec)
        return [_counted(root, file) for file in found if days is None or days[0] <= file.day <= days[1]]

    def content(self, spec: TableSpec, version: int | None = None) -> dict[date, str]:
        """Return what stands for the content of each day that the table holds, be it without rows; in one pass.

        It changes whenever the day is written, by whomever, and is the old one again after a restore.
        """
        return {day: _content(files) for day, files in _files_by_day(spec, self.open(spec, version)).items()}

    def made_of(self, spec: TableSpec) -> dict[date, str]:
        """Return of each day that the table holds of what content it was made; nothing where that is not known."""
        found = {day: {file.made_of for file in files} for day, files in _files_by_day(spec, self.open(spec)).items()}
        return {day: names.pop() if len(names) == 1 else "" for day, names in found.items()}

    def written_days(self, spec: TableSpec, days: Iterable[date]) -> set[date]:
        """Return those of `days` that the table holds, be it without rows."""
        return set(days) & self.content(spec).keys()

    def append(
        self, spec: TableSpec, rows: list[dict[str, Any]], metadata: dict[str, str], base: DeltaTable | None = None
    ) -> None:
        """Add rows to a small table that is not partitioned.

        With `base`, the table in the state from which the rows were worked out, ConcurrentWriteError is raised when
        another one that gave its base added rows since.
        """
        require_conditions(self.root)
        table = base or self.open(spec)
        seen = [Transaction("append", table.version() + 1)] if base else None
        try:
            write_deltalake(
                table,
                pa.Table.from_pylist(rows, schema=spec.schema),
                mode="append",
                commit_properties=CommitProperties(custom_metadata=metadata, app_transactions=seen),
            )
        except CommitFailedError as error:
            raise ConcurrentWriteError(
                f"another run added to the table {spec.name} while this one was working; nothing of this run was "
                f"written: run it again ({error})"
            ) from error

    def replace_days(
        self,
        spec: TableSpec,
        days: Iterable[date],
        files: Sequence[DataFile],
        base: DeltaTable,
        metadata: dict[str, str],
    ) -> int:
        """Make `files` the whole content of `days` in one commit, and return the table's new version.

        `base` is the table in the state from which the content was worked out, and is left in it. When one of the days
        was written since, ConcurrentWriteError is raised and the table stays as it is. A day without a file gets an
        empty one. `metadata` becomes part of the commit.
        """
        require_conditions(self.root)
        replaced = sorted(set(days))
        head = self.open(spec)
        require_writable(head)
        _require_unchanged(spec, replaced, base, head)
        given = {file.day for file in files}
        empty = [write_day_file(self.root, spec, day, ()) for day in replaced if day not in given]
        actions: list[AddAction | RemoveAction] = [
            *_removals(spec, head, set(replaced)),
            *(_addition(spec, file) for file in (*files, *empty)),
        ]
        properties = CommitProperties(
            custom_metadata={**metadata, "days": _span(replaced)},
            app_transactions=[Transaction(_transaction_id(day), head.version() + 1) for day in replaced],
        )
        try:
            head.create_write_transaction(
                actions, "append", Schema.from_arrow(spec.schema), [spec.day_column or ""], commit_properties=properties
            )
        except CommitFailedError as error:
            raise _written_meanwhile(spec, replaced) from error
        head.update_incremental()
        return head.version()

    def _create(self, spec: TableSpec) -> None:
        require_conditions(self.root)
        # Another process may create it at the same moment; then its table is the table.
        with suppress(CommitFailedError):
            DeltaTable.create(
                self.uri(spec),
                schema=Schema.from_arrow(spec.schema),
                mode="ignore",
                partition_by=[spec.day_column] if spec.day_column else None,
                configuration={
                    "delta.checkpointInterval": "50",
                    # Else commits older than 30 days go, and with them the versions that snapshots are pinned to.
                    "delta.enableExpiredLogCleanup": "false",
                },
                storage_options=storage.delta_options(),
            )


def _transaction_id(day: date) -> str:
    return f"day:{day}"


def _span(days: Sequence[date]) -> str:
    if not days:
        return "no day"
    return str(days[0]) if days[0] == days[-1] else f"{days[0]}..{days[-1]}"


def _files_by_day(spec: TableSpec, table: DeltaTable) -> dict[date, list[DataFile]]:
    actions = pa.table(table.get_add_actions(flatten=True))
    found: dict[date, list[DataFile]] = {}
    if not actions.num_rows:
        return found
    none = [None] * actions.num_rows
    days = actions[f"partition.{spec.day_column}"].to_pylist() if spec.day_column else none
    rows = (actions[name].to_pylist() for name in ("path", "size_bytes", "num_records"))
    for row in zip(days, *rows, strict=True):
        found.setdefault(row[0], []).append(DataFile(*row))
    return found


def _counted(root: str, file: DataFile) -> DataFile:
    """Count the rows of a file whose writer, another program, has left no figures of it in the log."""
    return file if file.rows is not None else replace(file, rows=rows_in(storage.join(root, file.path)))


def _content(files: Iterable[DataFile]) -> str:
    return sha256("\n".join(sorted(file.path for file in files)).encode()).hexdigest()[:16]


def _require_unchanged(spec: TableSpec, days: Sequence[date], base: DeltaTable, head: DeltaTable) -> None:
    """Raise ConcurrentWriteError when one of the days was written between two states of the table."""
    if base.version() == head.version():
        return
    before, now = _files_by_day(spec, base), _files_by_day(spec, head)
    changed = [
        day
        for day in days
        if base.transaction_version(_transaction_id(day)) != head.transaction_version(_transaction_id(day))
        or _content(before.get(day, ())) != _content(now.get(day, ()))
    ]
    if changed:
        raise _written_meanwhile(spec, changed)


def _written_meanwhile(spec: TableSpec, days: Sequence[date]) -> ConcurrentWriteError:
    return ConcurrentWriteError(
        f"another run wrote {_span(days)} of the table {spec.name} while this one was working; "
        f"this run left that as it is: run it again"
    )


def _removals(spec: TableSpec, table: DeltaTable, days: set[date]) -> list[RemoveAction]:
    now, name = time.time_ns() // 1_000_000, spec.day_column or ""
    return [
        RemoveAction(file.path, True, now, file.size, {name: str(day)})
        for day, files in _files_by_day(spec, table).items()
        if day in days
        for file in files
    ]


def _addition(spec: TableSpec, file: DataFile) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values={spec.day_column or "": str(file.day)},
        modification_time=time.time_ns() // 1_000_000,
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )
