"""A deployment in which a teacher and its student can be trained: products of three reviews, some of three stars."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import tiny
from conftest import asking_mlflow, without_server
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import COLUMNS, snapshot_folder
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake
from sentiment.training.teaching.table import as_table, write_table

SNAPSHOT, OTHER = "0123456789ab", "ba9876543210"
SIZES = {"train": 360, "validation": 120, "test": 150}
THREE_STARS = 60


@contextmanager
def deployed(home: Path, *others: str) -> Iterator[Settings]:
    """Give the settings of such a deployment with its snapshot, and others of other reviews."""
    settings = Settings(home=home, lake="", mlflow_uri=without_server(home), artifacts="", experiment="taught")
    for number, snapshot in enumerate((SNAPSHOT, *others)):
        write_snapshot(settings, snapshot, 10 * number)
    with asking_mlflow(settings.tracking_uri):
        yield settings


def write_snapshot(settings: Settings, snapshot: str = SNAPSHOT, first_seed: int = 0) -> str:
    """Write generated reviews as a snapshot's folder, three-star ones beside them, and return the folder."""
    folder = snapshot_folder(Lake(settings.lake_root), snapshot)
    Path(folder).mkdir(parents=True)
    for seed, (split, size) in enumerate(SIZES.items(), first_seed):
        _write(Path(folder) / f"{split}.parquet", size, seed)
    _write(Path(folder) / "unlabelled.parquet", THREE_STARS, first_seed + 50, labelled=False)
    described = {"reviews": THREE_STARS, "files": ["unlabelled.parquet"]}
    storage.write_bytes(storage.join(folder, "unlabelled.json"), json.dumps(described).encode())
    manifest = {
        "id": snapshot,
        "config": {"dataset": "lake"},
        "files": {split: [f"{split}.parquet"] for split in SIZES},
        "splits": {split: {"reviews": size} for split, size in SIZES.items()},
    }
    storage.write_bytes(storage.join(folder, "manifest.json"), json.dumps(manifest).encode())
    return folder


def table(path: Path, keys: Sequence[str], odds: Sequence[float] | None = None) -> str:
    """Write a table of soft labels, of reviews in turn sure to be positive and negative where nothing else is said."""
    said = np.where(np.arange(len(keys)) % 2, 3.0, -3.0) if odds is None else np.asarray(odds, float)
    write_table(path, as_table(keys, said, "teacher", 1))
    return str(path)


def _write(file: Path, size: int, seed: int, *, labelled: bool = True) -> None:
    some = tiny.reviews(size, seed)
    columns = {
        "review_key": some.keys,
        "parent_asin": [f"{seed}-P{row // 3}" for row in range(size)],
        "category": ["Phones"] * size,
        "rating": np.where(some.labels == 1, 5.0, 1.0) if labelled else [3.0] * size,
        "title": some.titles,
        "text": some.texts,
        "label": some.labels.tolist() if labelled else [None] * size,
        "review_date": [date(2024, 6, 1)] * size,
        "sample_order": [row * (2**64 // size) - 2**63 for row in range(size)],
    }
    parquet.write_table(pa.table(columns, schema=COLUMNS), file)
