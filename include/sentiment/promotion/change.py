"""Makes a version champion in ledger and alias, in that order. Knows nothing of why."""

from __future__ import annotations

from sentiment.core.errors import ConcurrentWriteError
from sentiment.core.names import CHAMPION
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history, record
from sentiment.stores.registry.versions import Registry


def make_champion(registry: Registry, lake: Lake, version: int, present: int | None, reason: str) -> None:
    """Write the change down and move the alias; `present` is the champion that the decision was made against.

    The ledger gets its row before the alias moves: a crash between the two is mended by the retry, and no change of
    champion goes unrecorded. Raises ConcurrentWriteError when another run moved the alias, or wrote a row, since: of
    two that decide at once one is told to decide again, against the other's champion.
    """
    now = registry.alias(CHAMPION)
    if now != present:
        raise ConcurrentWriteError(
            f"another run made version {now} champion while this one was deciding against version {present}; "
            "nothing of this run was written: run it again"
        )
    written = record(lake, version, present, reason)
    last = history(lake)[-1]
    if last != written:
        raise ConcurrentWriteError(
            f"another run wrote that version {last.version} is champion while this one was about to make version "
            f"{version} champion; the alias was left as it is: run it again"
        )
    registry.set_champion(version, present)
