"""What looks for days: the sensor that waits for one, holding no worker slot, and the look for those that it missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from airflow.sdk import BaseSensorOperator, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from sentiment.core.settings import Settings
from sentiment_airflow.run_inputs import is_scheduled, run_day

_HOURS = 3600


class DaySensor(BaseSensorOperator):
    """Waits until a question about the run's day, a function of `sentiment.views.days`, finds nothing lacking."""

    def __init__(
        self,
        *,
        lacking: Callable[[date, Settings], str | None],
        timeout: float = 12 * _HOURS,
        **kwargs: Any,
    ) -> None:
        super().__init__(mode="reschedule", timeout=timeout, poke_interval=60, **kwargs)
        self.lacking = lacking

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
        try:
            day = date.fromisoformat(run_day(context))
        except ValueError as error:
            raise AirflowFailException(f"day: {error}; write it as YYYY-MM-DD") from None
        return self.lacking(day, Settings())


@task
def find_late() -> list[dict[str, str]]:
    """Return the landed days of the look-back that the lake lacks; a run started by hand has its own day alone."""
    from sentiment.views.days import late_days

    context: Any = get_current_context()
    if not is_scheduled(context):
        return []
    days = late_days(date.fromisoformat(run_day(context)), Settings())
    return [{"day": str(day)} for day in days]
