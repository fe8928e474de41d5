"""All reviews of a published data set in one table, with what their split needs; and what stood where none is."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentiment.core.progress import OnProgress
from sentiment.core.text.clean import word_count
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.forms import rows_of
from sentiment.datasets.labels import NO_LABEL, OPEN, counts_from, labels_of
from sentiment.datasets.manifest import BadRowAt, BadRows
from sentiment.datasets.published import BadRow, Row, bare
from sentiment.datasets.snapshot import COLUMNS, ROW_GROUP_SIZE
from sentiment.datasets.source import SourceFile

_NAMED_BAD_ROWS = 20
# What the split needs beside the columns of a snapshot, and where each review was found.
_READ = pa.schema(
    [
        *COLUMNS,
        ("side", pa.string()),
        ("words", pa.int32()),
        ("text_hash", pa.int64()),
        ("file", pa.int32()),
        ("row", pa.int64()),
    ]
)


class ReadTable(NamedTuple):
    """The reviews, the bad rows, and the files whose last row is bad, which may be because they break off."""

    reviews: pa.Table
    bad: BadRows
    doubtful: list[SourceFile]


class _BadRows:
    """Bad rows by file and row: how many, and the first of each file."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[int, int, str]] = []
        self._of_file = Counter[int]()

    def add(self, file: int, row: int, reason: str) -> None:
        """Count one, and keep it if it may be among the first."""
        self.count += 1
        self._of_file[file] += 1
        if self._of_file[file] <= _NAMED_BAD_ROWS:
            self._first.append((file, row, reason))

    def named(self, files: list[SourceFile]) -> BadRows:
        """Return how many there are, with the first of all."""
        first = sorted(self._first)[:_NAMED_BAD_ROWS]
        named = (BadRowAt(file=files[file].name, row=row, reason=reason) for file, row, reason in first)
        return BadRows(count=self.count, first=tuple(named))


def read_table(config: SnapshotConfig, files: list[SourceFile], on_progress: OnProgress) -> ReadTable:
    """Read the files; raises ContractError for one that cannot be read, and for labels that cannot be told."""
    bad, doubtful, in_test = _BadRows(), list[SourceFile](), Counter[str]()
    batches: list[pa.RecordBatch] = []
    waiting: list[tuple[Any, ...]] = []
    for at, file in enumerate(files):
        on_progress(f"reading {config.dataset}", at, len(files))
        row: Row | BadRow | None = None
        for number, row in rows_of(config.dataset, file):
            if isinstance(row, BadRow):
                bad.add(at, number, row.reason)
                continue
            waiting.append((*_columns(row, file.side, config.split_seed, in_test), at, number))
            if len(waiting) == ROW_GROUP_SIZE:
                batches.append(_batch(waiting))
                waiting.clear()
        if isinstance(row, BadRow):
            doubtful.append(file)
    table = _labelled(pa.Table.from_batches([*batches, _batch(waiting)]), files, bad)
    return ReadTable(table, bad.named(files), doubtful)


def _labelled(table: pa.Table, files: list[SourceFile], bad: _BadRows) -> pa.Table:
    """Return the rows with the labels that their codes stand for; one that stands for none makes its row bad."""
    codes = table["label"].to_numpy()
    if not (codes >= OPEN).any():
        return table
    of_files, numbers = table["file"].to_numpy(), table["row"].to_numpy()
    negative = counts_from(codes, of_files, [file.name for file in files])
    labels = labels_of(codes, negative)
    for at in np.flatnonzero(labels == NO_LABEL):
        reason = f"the label is '{codes[at] - OPEN}', not {negative} or {negative + 1}"
        bad.add(int(of_files[at]), int(numbers[at]), reason)
    at = table.schema.get_field_index("label")
    table = table.set_column(at, _READ.field("label"), pa.array(labels, pa.int8()))
    return table if (labels != NO_LABEL).all() else table.filter(pa.array(labels != NO_LABEL))


def unlabelled_row(text: str, seed: int) -> tuple[Any, ...]:
    """Return the values of a review without a label in the order of a snapshot's columns."""
    key = _key(f"\x1f{text}")
    return (key, None, None, None, "", text, None, None, _int64(f"{seed}\x1f{key}"))


def _columns(row: Row, side: str, seed: int, in_test: Counter[str]) -> tuple[Any, ...]:
    """Return the row's values in the order of `_READ`; `in_test` counts repetitions within the given test."""
    words = f"{row.title}\x1f{row.text}"
    # Only a given test keeps repetitions, and they need keys of their own.
    if side == "test":
        in_test[words] += 1
        words += "\x1f" * in_test[words] if in_test[words] > 1 else ""
    key = _key(words)
    return (
        *(key, None, row.category or None, row.stars, row.title, row.text, row.label, None, _int64(f"{seed}\x1f{key}")),
        *(side, word_count(row.text), _int64(bare(row.text))),
    )


def _key(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _int64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _batch(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(_READ)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns, _READ, strict=True)], schema=_READ
    )
