"""The snapshots that candidates are measured on: their held-out reviews, and what each is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.datasets.manifest import read_manifest
from sentiment.datasets.snapshot import read_split, read_with_products, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment_benchmarks.config import HeldOutOptions


@dataclass(frozen=True)
class BenchmarkData:
    """A snapshot by the name of its data set, with its id where several are of one; all candidates are tested alike.

    `tested` are the products of the test reviews.
    """

    name: str
    folder: str
    validation: LabelledReviews
    test: LabelledReviews
    tested: list[str]

    @classmethod
    def read(cls, settings: Settings, snapshot: str, config: HeldOutOptions) -> BenchmarkData:
        """Read a snapshot's held-out splits; ContractError when there is no such snapshot."""
        folder = snapshot_folder(Lake(settings.lake_root), snapshot)
        dataset, validation = _dataset(snapshot, settings), read_split(folder, "validation", config.evaluation_reviews)
        return cls(dataset, folder, validation, *read_with_products(folder, "test", config.test_reviews))


def names_of(snapshots: Sequence[str], settings: Settings) -> dict[str, str]:
    """Return what each snapshot is called, all differently."""
    datasets = {snapshot: _dataset(snapshot, settings) for snapshot in snapshots}
    of = Counter(datasets.values())
    return {snapshot: f"{name}-{snapshot}" if of[name] > 1 else name for snapshot, name in datasets.items()}


def _dataset(snapshot: str, settings: Settings) -> str:
    manifest = read_manifest(snapshot_folder(Lake(settings.lake_root), snapshot))
    if manifest is None:
        raise ContractError(f"there is no snapshot {snapshot}; make it with `sentiment snapshot`")
    return manifest.dataset
