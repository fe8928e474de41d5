"""Which days need somebody: gaps, days whose scores are not of their reviews any more, and failed ones.

The states come from landing and lake; what failed comes from Airflow, where it answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.ingest.landing import files_of_day, landed_days
from sentiment.scoring.config import SCORES_LOOK_BACK
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import REVIEWS, SCORES, DayTable
from sentiment.stores.lake.states import State, day_states
from sentiment.stores.lake.tables import Lake
from sentiment.views.days import FILES_LOOK_BACK, untaken
from sentiment_local.day_runs import INGEST, SCORE, DayRuns, FailedRun, runs_of_days
from sentiment_local.results import DayRow, DaysStatus

_REMEDIES = {
    ("missing", False): "no file has landed: deliver it (an empty one when there were no reviews)",
    ("missing", True): "its file is there: run ingest_reviews for it",
    ("ingested", True): "run score_reviews for it",
    ("stale", True): "its reviews changed after they were scored: run score_reviews for it",
}
_GONE = (
    "its reviews are gone from the lake: deliver its file and run ingest_reviews for it, or let a run of score_reviews "
    "for a later day, with a look_back that reaches it, take its scores out"
)
# How many days the next scheduled run looks back for files, and for what is to be scored.
_LOOKS_BACK = {"missing": FILES_LOOK_BACK, "ingested": SCORES_LOOK_BACK, "stale": SCORES_LOOK_BACK}


def day_report(settings: Settings, count: int, today: date) -> DaysStatus:
    """Return how many of the last `count` days are in which state, and a row for each that needs somebody.

    The last day is yesterday where days have come of late, so that those that stopped coming are gaps; where the newest
    is of another time, as in a history, it is that one. A file that claims to be of a day to come says nothing.
    """
    lake = Lake(settings.lake_root)
    landed = landed_days(settings.landing_root, date.min, today)
    known = {day for day in (*landed, *lake.content(REVIEWS)) if day <= today}
    if not known:
        raise ContractError(
            f"neither the landing {settings.landing_root} nor the lake {settings.lake_root} holds a day yet"
        )
    newest, yesterday = max(known), today - timedelta(1)
    last = max(newest, yesterday) if (yesterday - newest).days <= FILES_LOOK_BACK else newest
    days = [last - timedelta(n) for n in reversed(range(count))]
    runs = runs_of_days(settings, days[0], last)
    # A day may hold late reviews of other files, and be scored, while its own never came.
    own = sorted({day for day in (*landed, *runs.failed[INGEST]) if days[0] <= day <= last})
    states = day_states(lake, days) | dict.fromkeys(untaken(own, settings), "missing")
    rows = tuple(
        DayRow(day=day, state="failed", next=_mended(failed, _landed_after(settings, day, state, failed)))
        if failed
        else DayRow(day=day, state=state, next=_remedy(day, state, day in known, today, runs.unpaused))
        for day, state in states.items()
        if (failed := _failed(lake, day, state, runs)) or state != "scored"
    )
    counted = dict(sorted(Counter(states.values()).items()))
    note = {"note": runs.note} if runs.note else {}
    return DaysStatus(from_day=days[0], to_day=last, states=counted, **note, attention=rows)


def _failed(lake: Lake, day: date, state: State, runs: DayRuns) -> FailedRun | None:
    """Return the failed run that should have made what a day lacks, or would have replaced what it holds.

    One that failed before that was written lacks nothing any more: another run has made it.
    """
    ingest, score = (runs.failed[dag].get(day) for dag in (INGEST, SCORE))
    if ingest and (state == "missing" or ingest.ended > _written(lake, REVIEWS, day)):
        return ingest
    if score and state != "missing" and (state != "scored" or score.ended > _written(lake, SCORES, day)):
        return score
    return None


def _written(lake: Lake, table: DayTable, day: date) -> datetime:
    """Return when a table's files of a day were written; the beginning of time where it has none."""
    state = lake.state(table)
    files = (storage.join(state.uri, file.path) for file in state.days.get(day, ()))
    moments = (seen.modified for file in files for seen in storage.look(file))
    return datetime.fromtimestamp(max(moments, default=0), UTC)


def _landed_after(settings: Settings, day: date, state: State, failed: FailedRun) -> bool:
    """Tell whether a missing day's file came after its run failed, whose note speaks of what was there before."""
    found = files_of_day(settings.landing_root, day) if state == "missing" else []
    return any(datetime.fromtimestamp(seen.modified, UTC) > failed.ended for seen in found)


def _mended(failed: FailedRun, landed_after: bool) -> str:
    if landed_after:
        return f"its file came after the run {failed.run_id} failed: clear that run"
    return f"the run {failed.run_id} failed: read its note, mend that, and clear it"


def _remedy(day: date, state: State, known: bool, today: date, unpaused: Collection[str]) -> str:
    """Say what mends a day, whose file or reviews are there where it is known.

    A scheduled run, the next of which is of today, mends what it looks back to where its DAG is unpaused.
    """
    if state == "stale" and not known:
        return _GONE
    there = known or state != "missing"
    comes = (INGEST if state == "missing" else SCORE) in unpaused
    waiting = there and comes and (today - day).days <= _LOOKS_BACK[state]
    return f"{_REMEDIES[state, there]}{', or wait for the next scheduled run' if waiting else ''}"
