"""What a model said of the test reviews, kept as Parquet beside its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentiment.core.errors import ContractError

OF_RUN, OF_BUNDLE = "predictions.parquet", "bundle_predictions.parquet"
_SCHEMA = pa.schema(
    [
        pa.field("review_key", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("positive_probability", pa.float32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Predictions:
    """Test reviews in their order: keys, labels [n] int64 and calibrated positive probabilities [n] float32."""

    keys: list[str]
    labels: np.ndarray
    positive_probability: np.ndarray


def write_predictions(path: Path, keys: Sequence[str], labels: np.ndarray, positive_probability: np.ndarray) -> Path:
    """Write one row a test review, in their order, and return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [list(keys), np.asarray(labels, np.int8), np.asarray(positive_probability, np.float32)]
    parquet.write_table(pa.table(columns, schema=_SCHEMA), path)
    return path


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote; ContractError when the file has other columns."""
    table = parquet.read_table(path)
    if table.schema.names != _SCHEMA.names:
        raise ContractError(
            f"{path.name} has the columns {table.schema.names}, not {_SCHEMA.names}; train the run anew"
        )
    return Predictions(
        table["review_key"].to_pylist(),
        table["label"].to_numpy().astype(np.int64),
        table["positive_probability"].to_numpy(),
    )


def require_same_reviews(predictions: Mapping[str, Predictions]) -> None:
    """Raise ContractError unless all predictions are of the same reviews in the same order."""
    for (first, reference), (name, other) in pairwise(predictions.items()):
        if other.keys != reference.keys or not np.array_equal(other.labels, reference.labels):
            raise ContractError(
                f"{first} and {name} were tested on different reviews ({len(reference.keys)} and {len(other.keys)}); "
                "train both on one snapshot with the same test_reviews"
            )
