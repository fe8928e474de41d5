"""Soft labels as a table: a review's key, the teacher's calibrated log odds of positive, which teacher, which fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentiment.core.atomic import creating, replacing
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.registry.entries import is_run_id

# What it is called, in the run that made it and under HOME/soft-labels/RUN.
TABLE = "soft_labels.parquet"
_SCHEMA = pa.schema(
    [
        pa.field("review_key", pa.string(), nullable=False),
        pa.field("log_odds", pa.float32(), nullable=False),
        pa.field("teacher", pa.string(), nullable=False),
        pa.field("fold", pa.int8(), nullable=False),
    ]
)
# What a student needs of it; a table that another program made need not have more.
_NEEDED = ("review_key", "log_odds")


@dataclass(frozen=True)
class SoftLabels:
    """Reviews by their keys, and how positive a teacher holds each to be, log odds float64 [n]."""

    keys: list[str]
    log_odds: np.ndarray

    def of(self, keys: Sequence[str]) -> np.ndarray:
        """Return the log odds of reviews, float64 [n], NaN of those that are not in the table."""
        known = dict(zip(self.keys, self.log_odds.tolist(), strict=True))
        return np.array([known.get(key, np.nan) for key in keys], np.float64)


def as_table(keys: Sequence[str], log_odds: np.ndarray, teacher: str, fold: int) -> pa.Table:
    """Return a fold's part of the table."""
    columns: list[Any] = [list(keys), log_odds.astype(np.float32), [teacher] * len(keys), [fold] * len(keys)]
    return pa.table(columns, schema=_SCHEMA)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table, or a part of it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside:
        parquet.write_table(table, aside, compression="zstd")


def read_table(path: Path) -> SoftLabels:
    """Read the soft labels of a file; raises ContractError when it is none, or holds something else."""
    try:
        names = parquet.read_schema(path).names
        if lacking := [name for name in _NEEDED if name not in names]:
            raise ContractError(f"{path} has no column {' and no '.join(lacking)}: it is no table of soft labels")
        table = parquet.read_table(path, columns=list(_NEEDED))
        _require_types(path, table.schema)
        keys, odds = table["review_key"].to_pylist(), table["log_odds"].cast(pa.float64()).to_numpy()
    except (OSError, pa.ArrowInvalid) as error:
        raise ContractError(
            f"{path} is no Parquet file that can be read: {error}; give another one, or remove it where it is a run's, "
            "and it is fetched anew"
        ) from error
    _require_usable(path, keys, odds)
    return SoftLabels(keys, odds)


def table_of(teacher: str, settings: Settings) -> Path:
    """Return where a teacher's table lies: the file itself, or that of a run, fetched from MLflow where it is not here.

    Raises ContractError when there is no such file, or the run made none.
    """
    if Path(teacher).is_file():
        return Path(teacher)
    if Path(teacher).is_dir():
        raise ContractError(f"the teacher {teacher} is a folder; name the Parquet file in it")
    if not is_run_id(teacher):
        raise ContractError(
            f"the teacher {teacher} is no file that is there, and no id of a run; give the run of `sentiment "
            "soft-labels`, or its table"
        )
    folder = folder_of(settings, teacher)
    if (folder / TABLE).is_file():
        return folder / TABLE
    from sentiment.stores.registry.versions import Registry

    registry = Registry(settings)
    registry.trained(teacher)
    if not registry.has_artifact(teacher, TABLE):
        raise ContractError(
            f"run {teacher} has made no soft labels; make them with `sentiment soft-labels --model {teacher}`, and "
            "take the run_id that it gives"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with creating(folder / TABLE) as aside, TemporaryDirectory(prefix=".", dir=folder) as scratch:
        registry.download(teacher, TABLE, Path(scratch)).replace(aside)
    return folder / TABLE


def folder_of(settings: Settings, run_id: str) -> Path:
    """Return where the soft labels of a run lie on this machine."""
    return settings.home / "soft-labels" / run_id


def _require_types(path: Path, schema: pa.Schema) -> None:
    keys, odds = (schema.field(name).type for name in _NEEDED)
    if not (pa.types.is_string(keys) or pa.types.is_large_string(keys)):
        raise ContractError(f"{path} has review_key of the type {keys}; write them as text, as the lake has them")
    if not (pa.types.is_floating(odds) or pa.types.is_integer(odds)):
        raise ContractError(f"{path} has log_odds of the type {odds}; write them as numbers")


def _require_usable(path: Path, keys: list[str | None], odds: np.ndarray) -> None:
    if not keys:
        raise ContractError(f"{path} has no rows; give the soft labels of some reviews")
    if None in keys:
        raise ContractError(f"{path} has {keys.count(None):,} rows without a review_key; leave them out")
    if len(set(keys)) < len(keys):
        raise ContractError(f"{path} has two rows of one review_key; give each review one soft label")
    if not np.isfinite(odds).all():
        raise ContractError(f"{path} has log_odds that are no finite numbers; leave those reviews out")
