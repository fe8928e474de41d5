"""The ledger of every change of champion. Knows the table `promotions` and nothing of why a change is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sentiment.lake.schemas import PROMOTIONS
from sentiment.lake.tables import Lake
from sentiment.provenance import actor, provenance

OBSERVED = (
    "found so when the next change was made: MLflow's alias names this version, because somebody moved it there, or "
    "because a run ended between the row before and the alias"
)


@dataclass(frozen=True)
class Change:
    """A change of champion: when, to which version, from which, by whom and why."""

    at: datetime
    version: int
    previous: int | None
    decided_by: str
    reason: str


def record(lake: Lake, version: int, previous: int | None, reason: str) -> None:
    """Add a change of champion to the ledger; `previous` is the version that the alias names now.

    Where the last row says that another version is in force than the alias does, a row with what was found goes before.
    A change that is written already and did not reach the alias, a retry after a crash, is not written twice.
    """
    rows = history(lake)
    last = rows[-1] if rows else None
    if last and (last.version, last.previous, last.reason) == (version, previous, reason):
        return
    now, added = datetime.now(UTC), []
    if last and previous is not None and last.version != previous:
        added.append(_row(Change(now, previous, last.version, actor(), OBSERVED)))
    added.append(_row(Change(now + timedelta(microseconds=1), version, previous, actor(), reason)))
    lake.append(PROMOTIONS, added, provenance())


def history(lake: Lake) -> list[Change]:
    """Return every change of champion, the oldest first."""
    rows = lake.read(PROMOTIONS).to_pylist()
    return sorted((_change(row) for row in rows), key=lambda one: (one.at, one.version))


def changes(lake: Lake) -> list[tuple[datetime, int]]:
    """Return (moment, version) of every change of champion, the oldest first."""
    return [(one.at, one.version) for one in history(lake)]


def champion_at(lake: Lake, day: date) -> int | None:
    """Return the version that was champion at the end of a day (UTC), or None before the first."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    earlier = [version for at, version in changes(lake) if at < end]
    return earlier[-1] if earlier else None


def _change(row: dict[str, Any]) -> Change:
    previous = None if row["previous_version"] is None else int(row["previous_version"])
    return Change(row["at"], int(row["version"]), previous, row["decided_by"], row["reason"])


def _row(change: Change) -> dict[str, Any]:
    return {
        "version": str(change.version),
        "previous_version": None if change.previous is None else str(change.previous),
        "decided_by": change.decided_by,
        "reason": change.reason,
        "at": change.at,
    }
