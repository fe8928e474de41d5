"""What pins a snapshot: which table, its version and the dates, or the files' content, and the rules; its id is a hash.

So the same question gives the same snapshot, and one that was lost can be made again exactly.
"""

from __future__ import annotations

import hashlib
import json
import re

from sentiment.core.errors import ContractError
from sentiment.datasets.config import LAKE_FIELDS, SnapshotConfig
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake

# Part of the id: raise it when the snapshot's code changes what the same configuration selects.
_RULES = 1
_ID = re.compile(r"\w[\w-]*")


def pinned(config: SnapshotConfig, lake: Lake) -> SnapshotConfig:
    """Fill in what the configuration leaves open: the newest version of `reviews`, and its first and last day."""
    state = lake.state(REVIEWS, config.reviews_version)
    days = state.days.keys()
    if not days:
        raise ContractError("the lake holds no reviews to train on; run import-history or ingest first")
    return config.model_copy(
        update={
            "reviews_version": state.version,
            "from_day": config.from_day or min(days),
            "to_day": config.to_day or max(days),
        }
    )


def table_id(lake: Lake) -> str:
    """Return which table `reviews` is: one that was made anew counts its versions from 0 again, under another id."""
    return str(lake.open(REVIEWS).metadata().id)


def snapshot_id(config: SnapshotConfig, content: str) -> str:
    """Return the id of a pinned configuration; `content` is the id of the table, or the fingerprint of a data set.

    Files that moved are the same data set, and the id of a snapshot of the lake does not speak of files.
    """
    left_out = {"dataset", "source"} if config.dataset == "lake" else {"source", *LAKE_FIELDS, "recent_share"}
    pinned_by = config.model_dump(mode="json", exclude=left_out)
    text = json.dumps({"rules": _RULES, "content": content, **pinned_by}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def snapshot_folder(lake: Lake, snapshot: str) -> str:
    """Return the folder or prefix of a snapshot; ContractError for what is no id, which would lead elsewhere."""
    if not _ID.fullmatch(snapshot):
        raise ContractError(f"{snapshot!r} is no id of a snapshot; take the one that `sentiment snapshot` gives")
    return storage.join(lake.root, "snapshots", snapshot)
