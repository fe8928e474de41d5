"""Snapshots of labelled reviews, pinned to be trained and tested on."""

from __future__ import annotations

from typing import TypeVar

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.datasets.config import OnSnapshot, SnapshotConfig
from sentiment.datasets.results import SnapshotResult


def snapshot(config: SnapshotConfig, context: Context) -> SnapshotResult:
    """Pin the reviews of a training; the same question gives the same snapshot without work."""
    from sentiment.datasets.obtain import obtain_snapshot

    return obtain_snapshot(config, context)


Trained = TypeVar("Trained", bound=OnSnapshot)


def on_a_snapshot(config: Trained, context: Context) -> Trained:
    """Name a snapshot where none is named: one of the whole lake."""
    if config.snapshot:
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
