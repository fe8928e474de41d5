"""Reads a snapshot's splits into memory, whole or as a sample; it needs no Spark."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from pyarrow import compute, dataset

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.stores import files as storage

_INT64 = 1 << 64


def read_manifest(folder: str) -> dict[str, Any] | None:
    """Return a snapshot's manifest, or None where no whole snapshot is."""
    content = storage.read_bytes(storage.join(folder, "manifest.json"))
    return json.loads(content) if content else None


def read_split(folder: str, split: str, limit: int | None = None) -> LabelledReviews:
    """Return a split's reviews in the snapshot's random order, or the first `limit` of it.

    The order is a hash of the review's key, so a sample is the same every time and lies within every larger one;
    only the row groups that hold it are read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise ContractError(f"there is no snapshot in {folder}; make it anew with `sentiment snapshot`")
    filesystem, base = storage.arrow_filesystem(folder)
    files = [f"{base}/{name}" for name in manifest["files"][split]]
    data = dataset.dataset(files, filesystem=filesystem, format="parquet")
    columns = ["review_key", "title", "text", "label", "rating", "category", "review_date", "sample_order"]
    table = data.to_table(columns=columns, filter=_first(limit, manifest["splits"][split]["reviews"]))
    table = table.take(compute.sort_indices(table, [("sample_order", "ascending"), ("review_key", "ascending")]))
    return _in_memory(table.slice(0, limit))


def _first(limit: int | None, total: int) -> dataset.Expression | None:
    """Bound the order so that about 1.2 times `limit` uniformly hashed rows pass (and 200 more, for small limits)."""
    if limit is None or limit * 1.2 + 200 >= total:
        return None
    share = (limit * 1.2 + 200) / total
    return dataset.field("sample_order") < int(-(_INT64 // 2) + share * _INT64)


def _in_memory(table: pa.Table) -> LabelledReviews:
    return LabelledReviews(
        keys=table["review_key"].to_pylist(),
        titles=table["title"].to_pylist(),
        texts=table["text"].to_pylist(),
        labels=table["label"].to_numpy().astype("int64"),
        ratings=table["rating"].to_numpy().astype("float64"),
        categories=compute.fill_null(table["category"], "").to_pylist(),
        years=compute.fill_null(compute.year(table["review_date"]), 0).to_numpy().astype("int64"),
    )
