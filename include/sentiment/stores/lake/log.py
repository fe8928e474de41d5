"""What the log of a Delta table says: the files of each day at a version, from a handle that is refreshed.

A handle reads the log once a process and from then on only what was added to it. Whoever uses it has it alone; two that
ask at once each have their own, and one of them is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyarrow import compute

from sentiment.core.errors import UnavailableError
from sentiment.stores import files as storage
from sentiment.stores.files import Seen
from sentiment.stores.lake.files import DataFile, counted, file_batches
from sentiment.stores.lake.protocol import require_readable
from sentiment.stores.lake.schemas import DayTable
from sentiment.stores.s3 import delta_options

Days = Mapping[date, tuple[DataFile, ...]]


@dataclass(frozen=True)
class TableState:
    """The days of a table at one version, and what it holds of them; -1 is the version of one that is not there yet.

    It stays as it is, whatever is written meanwhile.
    """

    spec: DayTable
    uri: str
    version: int
    days: Days

    def files(self, days: tuple[date, date] | None = None) -> list[DataFile]:
        """Return the data files, or those of a closed range of days."""
        return [
            counted(self.uri, file)
            for day, files in self.days.items()
            if days is None or days[0] <= day <= days[1]
            for file in files
        ]

    def read(self, days: tuple[date, date] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all rows, or those of a closed range of days, into memory."""
        schema = pa.schema([self.spec.schema.field(name) for name in columns or self.spec.schema.names])
        batches = [
            batch
            for file in self.files(days)
            for batch in file_batches(storage.join(self.uri, file.path), schema, self.spec.day_column, file.day)
        ]
        return pa.Table.from_batches(batches, schema)

    def content(self) -> dict[date, str]:
        """Return what stands for the content of each day that the table holds, be it without rows.

        It changes whenever the day is written, by whomever, and is the old one again after a restore.
        """
        return {day: content_of(files) for day, files in self.days.items()}

    def made_of(self) -> dict[date, str]:
        """Return of each day that the table holds of what content it was made; nothing where that is not known."""
        sources = {day: {file.made_of for file in files} for day, files in self.days.items()}
        return {day: names.pop() if len(names) == 1 else "" for day, names in sources.items()}


@dataclass
class Handle:
    """A table that is refreshed, and what was worked out of the version that it stands at.

    `commit` names that version's file, and `seen` is how it was found: a table that was made anew under the address, or
    put back, has another one.
    """

    table: DeltaTable
    commit: str = ""
    seen: Seen | None = None
    state: TableState | None = None

    def state_of(self, spec: DayTable, uri: str) -> TableState:
        """Return the state of the table's present version."""
        state = self.state
        if state is None or state.spec is not spec or state.version != self.table.version():
            state = self.state = state_of(spec, uri, self.table)
        return state


_idle: dict[str, Handle] = {}


def opened(uri: str, version: int | None = None) -> DeltaTable | None:
    """Open a table, at a version or at the newest, by reading its log; None where there is none.

    Raises ContractError for a table with features of Delta that are not read here, and for an S3 that refuses it.
    """
    try:
        with answering_table(uri):
            table = DeltaTable(uri, version=version, storage_options=delta_options())
    except TableNotFoundError:
        return None
    require_readable(table)
    return table


@contextmanager
def newest(uri: str) -> Iterator[Handle | None]:
    """Give the table at its newest version, for this block alone; None where there is none."""
    handle = _refreshed(uri)
    yield handle
    if handle is None:
        return
    commit = storage.join(uri, "_delta_log", f"{handle.table.version():020}.json")
    if handle.commit != commit:
        handle.commit, handle.seen = commit, _look(commit)
    _idle[uri] = handle


@contextmanager
def answering_table(uri: str) -> Iterator[None]:
    """Raise what an error of deltalake means: it calls whatever S3 answers an OSError, which boto3 tells apart."""
    try:
        yield
    except OSError as error:
        if not storage.is_s3(uri):
            raise
        storage.look(storage.join(uri, "_delta_log"))
        reason = str(error).partition("\n")[0]
        raise UnavailableError(f"the S3 of {uri} does not answer as it should, try again: {reason}") from error


def state_of(spec: DayTable, uri: str, table: DeltaTable) -> TableState:
    """Return the state that an open table is in."""
    return TableState(spec, uri, table.version(), files_by_day(spec, table))


def files_by_day(spec: DayTable, table: DeltaTable, days: Collection[date] | None = None) -> Days:
    """Return the files of each day that the table holds, or of those among `days`."""
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return {}
    files = actions.select([f"partition.{spec.day_column}", "path", "size_bytes", "num_records"])
    if days is not None:
        files = files.filter(compute.is_in(files[0], pa.array(days, files[0].type)))
    found: dict[date, list[DataFile]] = {}
    for day, path, size, rows in zip(*(column.to_pylist() for column in files.columns), strict=True):
        found.setdefault(day, []).append(DataFile(day, path, size, rows))
    return {day: tuple(of_day) for day, of_day in found.items()}


def content_of(files: Iterable[DataFile]) -> str:
    """Return what stands for the content of a day with these files."""
    return sha256("\n".join(sorted(file.path for file in files)).encode()).hexdigest()[:16]


def _refreshed(uri: str) -> Handle | None:
    handle = _idle.pop(uri, None)
    if handle and handle.seen and _look(handle.commit) == handle.seen:
        with answering_table(uri):
            handle.table.update_incremental()
        require_readable(handle.table)
        return handle
    table = opened(uri)
    return None if table is None else Handle(table)


def _look(file: str) -> Seen | None:
    return next(iter(storage.look(file)), None)
