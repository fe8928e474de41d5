"""The files of a snapshot: every row in its split's file, in order, and few of them in memory."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentiment.datasets import split_files
from sentiment.datasets.manifest import SPLITS, Manifest, SplitCounts, write_manifest
from sentiment.datasets.snapshot import COLUMNS, read_split
from sentiment.datasets.split_files import write_splits


def batch(first: int, count: int) -> pa.RecordBatch:
    """Rows that go to the splits in turn, with columns that are never null, as Spark sends them."""
    row = {field.name: None for field in COLUMNS} | {"sample_order": 1}
    rows = [{**row, "review_key": f"{n:06}", "split": SPLITS[n % 3]} for n in range(first, first + count)]
    sent = [field.with_nullable(field.name not in {"review_key", "sample_order"}) for field in COLUMNS]
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema([*sent, pa.field("split", pa.string())]))


def test_every_row_is_in_its_splits_file_in_order_and_row_groups_are_full_but_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(split_files, "ROW_GROUP_SIZE", 40)
    sizes = (1, 200, 0, 7, 92)
    given = [batch(sum(sizes[:at]), size) for at, size in enumerate(sizes)]
    (written,) = write_splits(iter(given), str(tmp_path))
    assert {row["split"] for row in written.to_pylist()} == set(SPLITS)
    for row in written.to_pylist():
        with parquet.ParquetFile(tmp_path / row["file"]) as file:
            groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            keys = file.read(["review_key"])["review_key"].to_pylist()
        assert groups == [40, 40, 20]
        assert keys == [f"{n:06}" for n in range(300) if SPLITS[n % 3] == row["split"]]


def test_no_more_rows_wait_than_a_row_group_and_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(split_files, "ROW_GROUP_SIZE", 40)
    held: list[int] = []
    write = split_files._SplitFile._write

    def watched(self, count):
        held.append(sum(part.num_rows for part in self._waiting))
        write(self, count)

    monkeypatch.setattr(split_files._SplitFile, "_write", watched)
    list(write_splits((batch(60 * n, 60) for n in range(50)), str(tmp_path)))
    assert max(held) < 40 + 60


def test_no_rows_are_no_files(tmp_path):
    (written,) = write_splits(iter([]), str(tmp_path))
    assert written.num_rows == 0


def test_the_samples_of_neighbouring_seeds_share_little(tmp_path):
    rows = 5_000
    columns = {
        **{name: [f"{row}" for row in range(rows)] for name in ("review_key", "title", "text")},
        "label": pa.array([1] * rows, pa.int8()),
        "rating": [5.0] * rows,
        "category": ["a"] * rows,
        "review_date": [date(2024, 1, 1)] * rows,
        "sample_order": np.random.default_rng(0).integers(-(2**63), 2**63 - 1, rows),
    }
    parquet.write_table(pa.table(columns), tmp_path / "train.parquet")
    counts = {"train": SplitCounts(reviews=rows)}
    write_manifest(str(tmp_path), Manifest(splits=counts, files={"train": ["train.parquet"]}))
    samples = [set(read_split(str(tmp_path), "train", 750, seed).keys) for seed in range(-3, 30)]
    assert {len(sample) for sample in samples} == {750}
    # Five stretches of 15 % fit beside one another, wherever on the circle they begin.
    assert all(len(set.union(*samples[place : place + 5])) > 0.93 * 5 * 750 for place in range(len(samples) - 5))
