"""The ledger of every change of champion. Knows the table `promotions` and nothing of why a change is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sentiment.lake.schemas import PROMOTIONS
from sentiment.lake.tables import Lake
from sentiment.provenance import actor, provenance


def record(lake: Lake, version: int, previous: int | None, reason: str) -> None:
    """Add a change of champion to the ledger, unless it is the last one already (a retry after a crash)."""
    rows = changes(lake)
    if rows and rows[-1][1] == version:
        return
    row = {
        "version": str(version),
        "previous_version": str(previous) if previous is not None else None,
        "decided_by": actor(),
        "reason": reason,
        "at": datetime.now(UTC),
    }
    lake.append(PROMOTIONS, [row], provenance())


def changes(lake: Lake) -> list[tuple[datetime, int]]:
    """Return (moment, version) of every change of champion, the oldest first."""
    rows = lake.read(PROMOTIONS).to_pylist()
    return sorted((row["at"], int(row["version"])) for row in rows)


def champion_at(lake: Lake, day: date) -> int | None:
    """Return the version that was champion at the end of a day (UTC), or None before the first."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    earlier = [version for at, version in changes(lake) if at < end]
    return earlier[-1] if earlier else None
