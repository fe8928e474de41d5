"""The days that a backfill of a daily DAG runs, asked of its timetable as Airflow asks."""

from __future__ import annotations

from pendulum import DateTime

from sentiment_airflow.timetables import DAILY


def days_of_a_backfill(first: DateTime, end: DateTime) -> list[str]:
    """Return the days between two moments, which the form sends in UTC."""
    from airflow.timetables.base import TimeRestriction

    asked = TimeRestriction(first.in_timezone("UTC"), end.in_timezone("UTC"), catchup=True)
    found: list[str] = []
    info = DAILY.next_dagrun_info(last_automated_data_interval=None, restriction=asked)
    while info is not None and info.data_interval is not None:
        found.append(str(info.data_interval.start.date()))
        info = DAILY.next_dagrun_info(last_automated_data_interval=info.data_interval, restriction=asked)
    return found
