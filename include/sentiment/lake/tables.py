"""Delta tables from plain Python: open, read, append, and replace whole days in one transaction.

It does not know Spark, nor what a review is. A day is replaced under a transaction identifier of its own
(`day:2014-05-05`), which does three things: of two writers that worked from the same state one fails, even on a day
that had no rows; a day that was written without rows is known as written; and writers of other days do not conflict.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from sentiment import storage
from sentiment.errors import ConcurrentWriteError
from sentiment.lake.schemas import TableSpec


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that a writer left under a table's root: path relative to it, bytes, rows."""

    day: date
    path: str
    size: int
    rows: int


class Lake:
    """The tables under one root, a folder or an s3:// prefix."""

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, spec: TableSpec) -> str:
        """Return the table's address."""
        return storage.join(self.root, spec.name)

    def open(self, spec: TableSpec, version: int | None = None) -> DeltaTable:
        """Open a table, at a version or at the newest; one that is not there yet is created empty."""
        options = storage.delta_options()
        try:
            return DeltaTable(self.uri(spec), version=version, storage_options=options)
        except TableNotFoundError:
            self._create(spec)
            return DeltaTable(self.uri(spec), version=version, storage_options=options)

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
        from pyarrow import dataset

        keep = None
        if days is not None:
            keep = (dataset.field(spec.day_column) >= days[0]) & (dataset.field(spec.day_column) <= days[1])
        data = self.open(spec, version).to_pyarrow_dataset()
        return data.to_table(columns=list(columns) if columns else None, filter=keep)

    def files(
        self, spec: TableSpec, days: tuple[date, date] | None = None, version: int | None = None
    ) -> list[DataFile]:
        """Return the data files of a table, or of a closed range of its days, at a version."""
        actions = pa.table(self.open(spec, version).get_add_actions(flatten=True))
        if not actions.num_rows:
            return []
        columns = (f"partition.{spec.day_column}", "path", "size_bytes", "num_records")
        rows = zip(*(actions[name].to_pylist() for name in columns), strict=True)
        found = [DataFile(*row) for row in rows]
        return [file for file in found if days is None or days[0] <= file.day <= days[1]]

    def written_days(self, spec: TableSpec, days: Iterable[date]) -> set[date]:
        """Return those of `days` that were ever written, be it without rows."""
        table = self.open(spec)
        return {day for day in days if table.transaction_version(_transaction_id(day)) is not None}

    def append(
        self, spec: TableSpec, rows: list[dict[str, Any]], metadata: dict[str, str], base: DeltaTable | None = None
    ) -> None:
        """Add rows to a small table that is not partitioned.

        With `base`, the table in the state from which the rows were worked out, ConcurrentWriteError is raised when
        another one that gave its base added rows since.
        """
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

        `base` is the table in the state from which the content was worked out. When one of the days was written since,
        ConcurrentWriteError is raised and the table stays as it is. `metadata` becomes part of the commit.
        """
        replaced = sorted(set(days))
        removals, additions = _removals(spec, base, set(replaced)), [_addition(spec, file) for file in files]
        actions: list[AddAction | RemoveAction] = [*removals, *additions]
        properties = CommitProperties(
            custom_metadata={**metadata, "days": _span(replaced)},
            app_transactions=[Transaction(_transaction_id(day), base.version() + 1) for day in replaced],
        )
        try:
            base.create_write_transaction(
                actions, "append", Schema.from_arrow(spec.schema), [spec.day_column or ""], commit_properties=properties
            )
        except CommitFailedError as error:
            raise ConcurrentWriteError(
                f"another run wrote {_span(replaced)} of the table {spec.name} while this one was working; "
                f"nothing of this run was written: run it again ({error})"
            ) from error
        base.update_incremental()
        return base.version()

    def _create(self, spec: TableSpec) -> None:
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


def write_day_file(root: str, spec: TableSpec, day: date, batches: Iterable[pa.RecordBatch]) -> DataFile:
    """Write one day's rows as a Parquet file under the table's root; no reader sees it before a commit names it."""
    from pyarrow import parquet

    path = f"{spec.day_column}={day}/part-{uuid.uuid4().hex}.parquet"
    filesystem, base = storage.arrow_filesystem(storage.join(root, spec.name))
    if not storage.is_s3(root):
        filesystem.create_dir(f"{base}/{spec.day_column}={day}")
    rows = 0
    with parquet.ParquetWriter(f"{base}/{path}", spec.file_schema, filesystem=filesystem, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.select(spec.file_schema.names).cast(spec.file_schema))
            rows += batch.num_rows
    return DataFile(day, path, filesystem.get_file_info(f"{base}/{path}").size, rows)


def _transaction_id(day: date) -> str:
    return f"day:{day}"


def _span(days: Sequence[date]) -> str:
    if not days:
        return "no day"
    return str(days[0]) if days[0] == days[-1] else f"{days[0]}..{days[-1]}"


def _removals(spec: TableSpec, base: DeltaTable, days: set[date]) -> list[RemoveAction]:
    actions = pa.table(base.get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    now = time.time_ns() // 1_000_000
    columns = ("path", f"partition.{spec.day_column}", "size_bytes")
    rows = zip(*(actions[name].to_pylist() for name in columns), strict=True)
    return [
        RemoveAction(path, True, now, size, {spec.day_column or "": str(day)})
        for path, day, size in rows
        if day in days
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
