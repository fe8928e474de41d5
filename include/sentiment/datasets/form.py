"""The form of a snapshot, wherever its reviews come from: columns, splits, and a manifest written last.

It knows neither Spark nor the sources.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS
from sentiment.stores import files as storage

SPLITS = ("train", "validation", "test")
# What a source holds and no split takes is counted under this name.
UNUSED = "unused"
ROW_GROUP_SIZE = 20_000
COLUMNS = pa.schema(
    [
        ("review_key", pa.string()),
        ("parent_asin", pa.string()),
        ("category", pa.string()),
        ("rating", pa.float64()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("label", pa.int8()),
        ("review_date", pa.date32()),
        ("sample_order", pa.int64()),
    ]
)


def empty_report() -> dict[str, dict[str, Any]]:
    """Return the counts of no review, for every split and for what is unused."""
    return {name: {"reviews": 0, **dict.fromkeys(LABELS, 0)} for name in (*SPLITS, UNUSED)}


def with_shares(report: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Put `positive_share` into every part of a report; None where there is no review."""
    for part in report.values():
        part["positive_share"] = round(part["positive"] / part["reviews"], 4) if part["reviews"] else None
    return report


def require_both_classes(report: dict[str, dict[str, Any]], remedy: str) -> None:
    """Raise ContractError, ending in `remedy`, when a split has no review of a class."""
    for split in SPLITS:
        for label in LABELS:
            if not report[split][label]:
                raise ContractError(
                    f"the {split} split has no {label} review ({report[split]['reviews']} reviews in all): {remedy}"
                )


def write_manifest(folder: str, manifest: dict[str, Any]) -> None:
    """Write what makes a folder of Parquet files a snapshot; call it last."""
    storage.write_bytes(storage.join(folder, "manifest.json"), json.dumps(manifest, indent=1).encode())
