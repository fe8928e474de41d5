"""Makes a version champion in ledger and alias, in that order. Knows nothing of why."""

from __future__ import annotations

from sentiment.errors import ConcurrentWriteError
from sentiment.lake.tables import Lake
from sentiment.promotion.ledger import record
from sentiment.registry import Registry


def make_champion(registry: Registry, lake: Lake, version: int, present: int | None, reason: str) -> None:
    """Write the change down and move the alias; `present` is the champion that the decision was made against.

    The ledger gets its row before the alias moves: a crash between the two is mended by the retry, and no change of
    champion goes unrecorded. Raises ConcurrentWriteError when another run moved the alias since.
    """
    now = registry.champion()
    if now != present:
        raise ConcurrentWriteError(
            f"another run made version {now} champion while this one was deciding against version {present}; "
            "nothing of this run was written: run it again"
        )
    record(lake, version, present, reason)
    registry.set_champion(version)
