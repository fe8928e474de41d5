"""The ledger of every change of champion: the table `promotions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError
from sentiment.stores.lake.schemas import PROMOTIONS
from sentiment.stores.lake.tables import Lake

OBSERVED = (
    "observed: MLflow's alias names this version, because somebody moved it there, or because a run ended between "
    "the row before and the alias"
)
_INSTANT, _DAY = timedelta(microseconds=1), timedelta(days=1)
_RETRIED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Change:
    """A change of champion: when, to which version, from which, by whom and why."""

    at: datetime
    version: int
    previous: int | None
    decided_by: str
    reason: str


def record(lake: Lake, version: int, previous: int | None, reason: str, context: Context) -> Change:
    """Add a change of champion to the ledger and return it; `previous` is the version that the alias names now.

    Where the last row says that another version is in force than the alias does, a row with what was found goes before.
    A change that is written already and did not reach the alias, a retry within the hour after a crash, is not written
    twice. Raises ConcurrentWriteError when another run wrote a row meanwhile.
    """
    base = lake.grown(PROMOTIONS)
    rows = history(lake, base.version())
    last = rows[-1] if rows else None
    # The reason may differ: a try that measures speed anew words it by other figures.
    decided = (version, previous, context.actor)
    if last and (last.version, last.previous, last.decided_by) == decided and _is_recent(last, context):
        return last
    observed = _observed(last, previous, context)
    at = _after(observed[-1] if observed else last, context.now)
    change = Change(at, version, previous, decided_by=context.actor, reason=reason)
    lake.append(PROMOTIONS, [_row(added) for added in (*observed, change)], context.provenance, base)
    return change


def observe(lake: Lake, alias: Callable[[], int | None], context: Context) -> int | None:
    """Write down that the alias names another version than the last row says is in force, when it does; return it.

    So a change that somebody made in MLflow is known from the next call on. Another run may write the same first, or
    make another change: the alias is read when the state of the ledger is known that a row is added to.
    """
    champion, rows = alias(), history(lake)
    if not _observed(rows[-1] if rows else None, champion, context):
        return champion
    base = lake.grown(PROMOTIONS)
    champion, rows = alias(), history(lake, base.version())
    observed = _observed(rows[-1] if rows else None, champion, context)
    if observed:
        with suppress(ConcurrentWriteError):
            lake.append(PROMOTIONS, [_row(change) for change in observed], context.provenance, base)
    return champion


def history(lake: Lake, table_version: int | None = None) -> list[Change]:
    """Return every change of champion, the oldest first, at a version of the table or the newest."""
    rows = lake.read(PROMOTIONS, version=table_version).to_pylist()
    return sorted((_change(row) for row in rows), key=lambda change: (change.at, change.version))


def changes(lake: Lake) -> list[tuple[datetime, int]]:
    """Return (moment, version) of every change of champion, the oldest first."""
    return [(change.at, change.version) for change in history(lake)]


def champions_at(lake: Lake, days: Iterable[date]) -> dict[date, int | None]:
    """Return the version that was champion at the end of each day (UTC), None before the first; one look for all."""
    known = changes(lake)
    return {day: _last_before(known, datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY) for day in days}


def _is_recent(last: Change, context: Context) -> bool:
    return abs(context.now - last.at) < _RETRIED_WITHIN


def _last_before(known: list[tuple[datetime, int]], end: datetime) -> int | None:
    earlier = [version for at, version in known if at < end]
    return earlier[-1] if earlier else None


def _observed(last: Change | None, champion: int | None, context: Context) -> list[Change]:
    known = last.version if last else None
    if champion is None or champion == known:
        return []
    return [Change(_after(last, context.now), champion, known, decided_by=context.actor, reason=OBSERVED)]


def _after(last: Change | None, now: datetime) -> datetime:
    """Return now, but after the last row: the clock of the machine that wrote it may be ahead of this one's."""
    return max(now, last.at + _INSTANT) if last else now


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
