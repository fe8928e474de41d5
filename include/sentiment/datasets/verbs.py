"""Snapshots of labelled reviews, pinned to be trained and tested on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.verb import Verb
from sentiment.datasets.config import OnSnapshot, SnapshotConfig
from sentiment.datasets.results import SnapshotResult


def snapshot(config: SnapshotConfig, context: Context) -> SnapshotResult:
    """Pin the reviews of a training; the same question gives the same snapshot without work."""
    from sentiment.datasets.obtain import obtain_snapshot

    return obtain_snapshot(config, context)


def require_snapshots(snapshots: Iterable[str], context: Context) -> None:
    """Raise ContractError for a snapshot that is not there, before anything that takes long is begun."""
    from sentiment.datasets.manifest import read_manifest
    from sentiment.datasets.snapshot import snapshot_folder
    from sentiment.stores.lake.tables import Lake

    lake = Lake(context.settings.lake_root)
    for name in snapshots:
        if read_manifest(snapshot_folder(lake, name)) is None:
            raise ContractError(f"there is no snapshot {name}; make it with `sentiment snapshot`")


Trained = TypeVar("Trained", bound=OnSnapshot)


def on_a_snapshot(config: Trained, context: Context) -> Trained:
    """Name a snapshot where none is named: one of the whole lake; ContractError for one that is not there."""
    if config.snapshot:
        require_snapshots([config.snapshot], context)
        return config
    context.progress("no snapshot was named: taking one of the whole lake")
    return config.model_copy(update={"snapshot": snapshot(SnapshotConfig(), context).snapshot})


SNAPSHOT = Verb(
    name="snapshot",
    config=SnapshotConfig,
    result=SnapshotResult,
    run=snapshot,
    group="Data",
    example="--from-day 2025-01-01",
    on_spark=True,
)
