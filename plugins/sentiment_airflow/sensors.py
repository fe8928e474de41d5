"""What looks for days: the sensor that waits for one, holding no worker slot, and the look for those that it missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from sentiment.core.errors import UnavailableError
from sentiment.core.settings import Settings
from sentiment_airflow.run_inputs import is_scheduled, run_day, was_cleared

_HOURS = 3600
# Files of a day are waited for so long after it has ended; its reviews until the next day's run, which takes files that
# came later, has had its time.
FILES_WITHIN, REVIEWS_WITHIN = 18 * _HOURS, 36 * _HOURS
# A day that ended so long ago is no more expected by itself: whoever asks for it is told at once.
_EXPECTED = timedelta(days=2)


class DaySensor(BaseSensorOperator):
    """Waits until a question about the run's day, a function of `sentiment.views.days`, finds nothing lacking.

    `absent` is another one: what it says of a day long past ends a run at once that a person or a backfill began, or
    that was cleared.
    """

    def __init__(
        self,
        *,
        lacking: Callable[[date, Settings], str | None],
        absent: Callable[[date, Settings], str | None] | None = None,
        timeout: float = FILES_WITHIN,
        **kwargs: Any,
    ) -> None:
        super().__init__(mode="reschedule", timeout=timeout, poke_interval=60, **kwargs)
        self.lacking, self.absent = lacking, absent

    def execute(self, context: Any) -> Any:
        """Wait; on time-out fail with what is missing."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"{self._lacks(context)} ({error})") from None

    def poke(self, context: Any) -> bool:
        """Look once."""
        missing = self._lacks(context)
        if missing:
            self.log.info("still waiting: %s", missing)
        return missing is None

    def _lacks(self, context: Any) -> str | None:
        """Say what is missing, or what kept from looking: a storage that does not answer now may at the next look."""
        day, settings = _day(context), Settings()
        try:
            if self.absent and _is_old(day, context) and (absent := self.absent(day, settings)):
                raise AirflowFailException(absent)
            return self.lacking(day, settings)
        except (OSError, UnavailableError) as error:
            return f"looking for {day} failed: {error}"


def _day(context: Any) -> date:
    try:
        return date.fromisoformat(run_day(context))
    except ValueError as error:
        raise AirflowFailException(f"day: {error}; write it as YYYY-MM-DD") from None


def _is_old(day: date, context: Any) -> bool:
    asked_for = not is_scheduled(context) or was_cleared(context)
    return asked_for and datetime.now(UTC).date() - day > _EXPECTED


@task
def find_late() -> list[dict[str, str]]:
    """Return the landed days of the look-back that the lake lacks; a run started by hand has its own day alone."""
    from sentiment.views.days import late_days

    context: Any = get_current_context()
    if not is_scheduled(context):
        return []
    days = late_days(date.fromisoformat(run_day(context)), Settings())
    return [{"day": str(day)} for day in days]
