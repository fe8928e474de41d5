"""The lake: Delta tables read, added to, and replaced by whole days in one transaction, from plain Python.

Asking never writes: a table that is not there has no rows and no days; the first writer creates it. A day that was
written has a file in its partition, an empty one where it has no rows: what the present version of the table holds,
also after a restore or a copy, is the state of its days.

A day is replaced under a transaction identifier of its own (`day:2014-05-05`): of two writers that worked from the same
state one fails, even on a day that was not there, and writers of other days do not conflict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.stores import files as storage
from sentiment.stores.lake.commits import (
    addition,
    commit_properties,
    committed,
    day_mark,
    removals,
    require_unchanged,
    span,
    version_of,
)
from sentiment.stores.lake.files import DataFile, file_batches, write_day_file
from sentiment.stores.lake.log import TableState, answering_table, newest, opened, state_of
from sentiment.stores.lake.protocol import require_conditions, require_writable
from sentiment.stores.lake.schemas import DayTable, PlainTable, TableSpec
from sentiment.stores.s3 import delta_options

# So often a commit is tried when other days' commits come between: four runs of a backfill need two or three.
_ATTEMPTS = 20


class Lake:
    """The tables under one root, a folder or an s3:// prefix."""

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, spec: TableSpec) -> str:
        """Return the table's address."""
        return storage.join(self.root, spec.name)

    def open(self, spec: TableSpec, version: int | None = None) -> DeltaTable:
        """Open a table, at a version or at the newest.

        Raises ContractError for a table that is not there, and for one with features of Delta that are not read here.
        """
        table = opened(self.uri(spec), version)
        if table is None:
            raise ContractError(
                f"the lake {self.root} has no table {spec.name} yet: nothing was written to it; correct SENTIMENT_LAKE "
                "if it should have"
            )
        return table

    def grown(self, spec: TableSpec) -> DeltaTable:
        """Open a table for writing, at the newest; one that is not there is created, and lacking columns are added."""
        table = opened(self.uri(spec)) or self._created(spec)
        for _ in range(_ATTEMPTS):
            present = set(table.schema().to_arrow().names)
            missing = [field for field in Schema.from_arrow(spec.schema).fields if field.name not in present]
            if not missing:
                return table
            # Another run may add them, or commit, at the same moment. They are null in the older rows.
            with answering_table(self.uri(spec)):
                with suppress(CommitFailedError):
                    table.alter.add_columns(missing)
                table.update_incremental()
        raise _busy(spec)

    def state(self, spec: DayTable, version: int | None = None) -> TableState:
        """Return what a table holds of its days, at a version or at the newest; one that is not there holds none.

        Many questions about many days are answered from one state, without another look at the table.
        """
        uri = self.uri(spec)
        with newest(uri) as handle:
            if handle is None:
                return TableState(spec, uri, -1, {})
            if version is None or version == handle.table.version():
                return handle.state_of(spec, uri)
            if version > handle.table.version():
                raise ContractError(f"{uri} has no version {version} yet; its newest is {handle.table.version()}")
        return state_of(spec, uri, self.open(spec, version))

    def read(
        self,
        spec: TableSpec,
        days: tuple[date, date] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read a table, or the days of a closed range of a day table, into memory; none where there is no table."""
        if isinstance(spec, DayTable):
            return self.state(spec, version).read(days, columns)
        schema = pa.schema([spec.schema.field(name) for name in columns or spec.schema.names])
        table = opened(self.uri(spec), version)
        files = pa.table(table.get_add_actions())["path"].to_pylist() if table else []
        batches = [batch for path in files for batch in file_batches(storage.join(self.uri(spec), path), schema)]
        return pa.Table.from_batches(batches, schema)

    def files(
        self, spec: DayTable, days: tuple[date, date] | None = None, version: int | None = None
    ) -> list[DataFile]:
        """Return the data files of a table, or of a closed range of its days, at a version."""
        return self.state(spec, version).files(days)

    def content(self, spec: DayTable, version: int | None = None) -> dict[date, str]:
        """Return what stands for the content of each day; see `TableState.content`."""
        return self.state(spec, version).content()

    def written_days(self, spec: DayTable, days: Iterable[date]) -> set[date]:
        """Return those of `days` that the table holds, be it without rows."""
        return set(days) & self.state(spec).days.keys()

    def append(
        self, spec: PlainTable, rows: list[dict[str, Any]], metadata: dict[str, str], base: DeltaTable | None = None
    ) -> None:
        """Add rows to a small table; the first ones make it.

        With `base`, the table in the state from which the rows were worked out, ConcurrentWriteError is raised when
        another one that gave its base added rows since.
        """
        require_conditions(self.root)
        table = base or self.grown(spec)
        before = table.version()
        properties = commit_properties(metadata, {"append": before + 1} if base else {})
        with answering_table(self.uri(spec)):
            try:
                write_deltalake(
                    table, pa.Table.from_pylist(rows, schema=spec.schema), mode="append", commit_properties=properties
                )
            except CommitFailedError as error:
                table.update_incremental()
                if version_of(properties, table, before) is None:
                    raise ConcurrentWriteError(
                        f"another run added to the table {spec.name} while this one was working; nothing of this run "
                        f"was written: run it again ({error})"
                    ) from error

    def replace_days(
        self,
        spec: DayTable,
        days: Iterable[date],
        files: Sequence[DataFile],
        base: DeltaTable,
        metadata: Mapping[str, str],
        marks: Mapping[str, int] = MappingProxyType({}),
        also: Collection[str] = (),
    ) -> int:
        """Make `files` the whole content of `days` in one commit, and return the table's new version.

        `base` is the table in the state from which the content was worked out, and is left in it. When one of the days
        was written since, or a commit was made that names one of `also`, ConcurrentWriteError is raised and the table
        stays as it is. A day without a file gets an empty one. `metadata` becomes part of the commit; the table's
        `transaction_version` tells the last of `marks`.
        """
        require_conditions(self.root)
        replaced = sorted(set(days))
        with newest(self.uri(spec)) as handle:
            head = handle.table if handle else self.open(spec)
            require_writable(head)
            require_unchanged(spec, replaced, base, head, also)
            given = {file.day for file in files}
            empty = [write_day_file(self.root, spec, day, ()) for day in replaced if day not in given]
            added = [addition(spec, file) for file in (*files, *empty)]
            for _ in range(_ATTEMPTS):
                actions: list[AddAction | RemoveAction] = [*removals(spec, head, replaced), *added]
                marked = {**dict.fromkeys((*map(day_mark, replaced), *also), head.version() + 1), **marks}
                properties = commit_properties({**metadata, "days": span(replaced)}, marked)
                version = committed(spec, head, actions, properties)
                if version is not None:
                    return version
                # Delta refuses where any file was removed meanwhile; whether one was of these days, is told here.
                require_unchanged(spec, replaced, base, head, also)
            raise _busy(spec)

    def require_unchanged(
        self, spec: DayTable, days: Collection[date], base: DeltaTable, also: Collection[str] = ()
    ) -> None:
        """Raise ConcurrentWriteError as `replace_days` would, when it was too late already."""
        with newest(self.uri(spec)) as handle:
            require_unchanged(spec, sorted(days), base, handle.table if handle else self.open(spec), also)

    def marked(self, spec: DayTable, names: Iterable[str]) -> dict[str, int]:
        """Return the last values of those of these marks that the table has."""
        with newest(self.uri(spec)) as handle:
            found = {name: handle.table.transaction_version(name) for name in names} if handle else {}
        return {name: value for name, value in found.items() if value is not None}

    def _created(self, spec: TableSpec) -> DeltaTable:
        require_conditions(self.root)
        # Another process may create it at the same moment; then its table is the table.
        with answering_table(self.uri(spec)), suppress(CommitFailedError):
            DeltaTable.create(
                self.uri(spec),
                schema=Schema.from_arrow(spec.schema),
                mode="ignore",
                partition_by=[spec.day_column] if isinstance(spec, DayTable) else None,
                configuration={
                    "delta.checkpointInterval": "50",
                    # Else commits older than 30 days go, and with them the versions that snapshots are pinned to.
                    "delta.enableExpiredLogCleanup": "false",
                },
                storage_options=delta_options(),
            )
        return self.open(spec)


def _busy(spec: TableSpec) -> ConcurrentWriteError:
    return ConcurrentWriteError(f"other runs write the table {spec.name} all the time; run this one again")
