"""Which test reviews the champion has not learnt from: it may have trained on another snapshot than the challenger.

Of a review that it learnt from a model says what it remembers, so nothing is decided by those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.core.wording import counted
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry
from sentiment.training.warm_start import Learnt, learnt_from


@dataclass(frozen=True)
class Unseen:
    """Which test reviews [n] a version has not learnt from, and why that cannot be told of all; else empty."""

    rows: np.ndarray
    missing: str = ""

    @property
    def left_out(self) -> int:
        """How many reviews it has learnt from."""
        return int((~self.rows).sum())

    def require(self, least: int, version: int, snapshot: str) -> None:
        """Raise ContractError when fewer than `least` are left because of those that it has learnt from."""
        if self.left_out and self.rows.sum() < least:
            raise ContractError(
                f"version {version}, the champion, has learnt from {counted(self.left_out, 'review')} of the "
                f"{len(self.rows):,} by which snapshot {snapshot} tests, and fewer than {least:,} are left to judge "
                "on; train the challenger on the snapshot of the champion's run, or raise its test_reviews"
            )


def unseen_by(
    version: ModelVersion, snapshot: str, keys: Sequence[str], registry: Registry, settings: Settings
) -> Unseen:
    """Return which test reviews of a snapshot, by their keys, a version has not learnt from, nor a run before it.

    What it learnt from the snapshot itself are other reviews: nothing is read for a champion of the same snapshot.
    """
    tested, known = set(keys), set[str]()
    gone = [] if version.run_id else ["it names no run"]
    try:
        for learnt in learnt_from(version.run_id, registry, settings):
            if learnt.snapshot != snapshot:
                known |= _of_these(tested, learnt, gone)
    except ContractError as error:  # a run is gone, and with it what it started from
        gone.append(_why(error))
    rows = np.array([key not in known for key in keys], bool)
    if not gone:
        return Unseen(rows)
    return Unseen(rows, f"whether version {version.version} has learnt from test reviews cannot be told: {gone[0]}")


def _of_these(tested: set[str], learnt: Learnt, gone: list[str]) -> set[str]:
    """Return which of these reviews were learnt from; of what is not there any more none, and `gone` gets why."""
    try:
        return learnt.among(tested)
    except ContractError as error:
        gone.append(_why(error))
        return set()


def _why(error: ContractError) -> str:
    return str(error.__cause__ or error)
