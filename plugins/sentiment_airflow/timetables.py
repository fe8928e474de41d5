"""When DAGs run by themselves; a daily run's id names the day that it is of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import DataInterval
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

# So late a machine that sleeps at night may be.
DELAYED = timedelta(days=1)


class DayTimetable(CronDataIntervalTimetable):
    """A run a day, at the midnight (UTC) that ends the day; its id is such as `scheduled__2026-03-01`.

    Airflow would name it by the midnight at which it starts, which is the day after.
    """

    def __init__(self, cron: str = "0 0 * * *", timezone: Any = "UTC") -> None:
        super().__init__(cron, timezone)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run; one of a backfill is due from the beginning of its day.

        Airflow shows that moment, and names the runs of a backfill by it, whatever `generate_run_id` says. A day that
        has not ended is not due before. Only a backfill asks for all days: the daily DAGs do not catch up.
        """
        if restriction.catchup:
            earliest, latest = _day_meant(restriction.earliest), _last_day_meant(restriction.latest)
            restriction = TimeRestriction(earliest, latest, catchup=True)
        found = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        if found is None or found.data_interval is None or not restriction.catchup or found.run_after > utcnow():
            return found
        return DagRunInfo(run_after=found.data_interval.start, data_interval=found.data_interval)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Name a run by the day that it is of; one by hand by its moment, for a day may be asked for twice."""
        if data_interval is None or run_type.value == "manual":
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        return str(run_type.generate_run_id(suffix=data_interval.start.date().isoformat()))


class WeekTimetable(CronTriggerTimetable):
    """A run at each moment of a cron; one that was missed, while its DAG was paused, is passed over after a day.

    Airflow would start it when the DAG is unpaused, and pass it over only where none had run before. A scheduler that
    starts, or wakes, makes the run that it had noted before it asks again: its first task skips that one.
    """

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run."""
        found = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        now = coerce_datetime(utcnow())
        if found is None or restriction.catchup or found.run_after > now - DELAYED:
            return found
        next_one = self._align_to_next(now)
        return DagRunInfo.interval(next_one, next_one)


def _day_meant(bound: DateTime | None) -> DateTime | None:
    """Return the midnight (UTC) of the day that a person chose, whose midnight the form sends in the browser's zone.

    From Hawaii (10:00 UTC) to New Zealand (11:00 UTC the day before) that tells the day; midnights of UTC stay.
    """
    return None if bound is None else bound.in_timezone("UTC").add(hours=13).start_of("day")


def _last_day_meant(bound: DateTime | None) -> DateTime | None:
    """Return the same for the last day, of which the form sends the end (23:59:59.999), and a program the beginning.

    A day ends in the minute before a full quarter of an hour: so far do zones lie apart, and no day begins there.
    """
    if bound is not None and bound.minute % 15 == 14:
        return _day_meant(bound.add(minutes=1).subtract(days=1))
    return _day_meant(bound)


# Midnight, so that a backfill keeps its last day.
DAILY = DayTimetable()
# Mondays; unpaused in between, it waits for the next one: no training begins that nobody asked for.
WEEKLY = WeekTimetable("0 0 * * 1", timezone="UTC", run_immediately=timedelta(0))
