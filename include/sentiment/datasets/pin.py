"""What pins a snapshot: the version of `reviews`, the dates and the rules; their hash is its id.

So the same question gives the same snapshot, and one that was lost can be made again exactly.
"""

from __future__ import annotations

import hashlib
import json

from sentiment import storage
from sentiment.config import SnapshotConfig
from sentiment.errors import ContractError
from sentiment.lake.schemas import REVIEWS
from sentiment.lake.tables import Lake

# Part of the id: raise it when the snapshot's code changes what the same configuration selects.
_RULES = 1


def pinned(config: SnapshotConfig, lake: Lake) -> SnapshotConfig:
    """Fill in what the configuration leaves open: the newest version of `reviews`, and its first and last day."""
    version = config.reviews_version if config.reviews_version is not None else lake.open(REVIEWS).version()
    days = [file.day for file in lake.files(REVIEWS, version=version)]
    if not days:
        raise ContractError("the lake holds no reviews to train on; run import-history or ingest first")
    return config.model_copy(
        update={
            "reviews_version": version,
            "from_day": config.from_day or min(days),
            "to_day": config.to_day or max(days),
        }
    )


def snapshot_id(config: SnapshotConfig) -> str:
    """Return the id of a pinned configuration."""
    text = json.dumps({"rules": _RULES, **config.model_dump(mode="json")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def snapshot_folder(lake: Lake, snapshot: str) -> str:
    """Return the folder or prefix of a snapshot."""
    return storage.join(lake.root, "snapshots", snapshot)
