"""What Airflow says of days: whose last run failed, and when, and which DAGs run by themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sentiment.core.settings import Settings
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.status import status

INGEST, SCORE = "ingest_reviews", "score_reviews"


@dataclass(frozen=True)
class FailedRun:
    """The last run of a day, which failed."""

    run_id: str
    ended: datetime


@dataclass(frozen=True)
class DayRuns:
    """The failed runs by DAG and day, and which of the DAGs run by themselves; `note` says why nothing is known."""

    failed: Mapping[str, Mapping[date, FailedRun]]
    unpaused: Collection[str] = ()
    note: str | None = None


def runs_of_days(settings: Settings, first: date, last: date) -> DayRuns:
    """Ask Airflow for the runs of a closed range of days, where it runs here."""
    if not status(settings).healthy:
        return DayRuns({INGEST: {}, SCORE: {}}, note="Airflow does not run here, so nothing is said of failed runs")
    from sentiment_local.platform import open_airflow

    with open_airflow(settings) as airflow:
        failed = {dag: failed_runs(airflow, dag, first, last) for dag in (INGEST, SCORE)}
        return DayRuns(failed, [dag for dag in failed if not airflow.is_paused(dag)])


def failed_runs(airflow: AirflowApi, dag: str, first: date, last: date) -> dict[date, FailedRun]:
    """Return the failed runs of days, each the one that began last of those of its date and by hand."""
    of_its_date, by_hand = airflow.day_runs(dag, first, last), airflow.runs_by_hand(dag, first, last)
    every = [*of_its_date.items(), *by_hand.items()]
    found = dict[date, FailedRun]()
    for day in {day for day, (_, state) in every if state == "failed"}:
        runs = [(*airflow.span(dag, run_id), run_id, state) for of, (run_id, state) in every if of == day]
        # One that waits has not begun.
        _, ended, run_id, state = max(runs, key=lambda run: run[0] or datetime.max.replace(tzinfo=UTC))
        if state == "failed" and ended:
            found[day] = FailedRun(run_id, ended)
    return found
