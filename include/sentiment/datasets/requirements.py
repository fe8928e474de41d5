"""What the lake's reviews must hold so that they can be split as a configuration asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import SPLITS, SplitCounts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def require_categories(splits: Mapping[str, SplitCounts], config: SnapshotConfig) -> None:
    """Raise ContractError for a category that no review is of."""
    there = {category for counts in splits.values() for category in counts.categories}
    if missing := [category for category in config.test_categories if category not in there]:
        raise ContractError(f"no review is of the category {', '.join(missing)}; there are {', '.join(sorted(there))}")


def require_several_products(labelled: DataFrame, splits: Mapping[str, SplitCounts], config: SnapshotConfig) -> None:
    """Raise ContractError where a split is empty because all reviews are of one product."""
    if config.split == "random" or config.test_categories or all(splits[split].reviews for split in SPLITS):
        return
    if labelled.select("parent_asin").distinct().count() == 1:
        raise ContractError(
            "all reviews are of one product, which the split by product leaves on one side: choose split random"
        )
