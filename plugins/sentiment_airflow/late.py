"""Days whose files came when nobody waited for them any more, or while the scheduler was off."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import get_current_context, task

from sentiment.core.settings import Settings
from sentiment_airflow.run_inputs import is_scheduled, run_day


@task
def find_late() -> list[dict[str, str]]:
    """Return the landed days of the look-back that the lake lacks; a run that was asked for minds its own day alone."""
    from sentiment.views.days import late_days

    context: Any = get_current_context()
    if not is_scheduled(context):
        return []
    days = late_days(date.fromisoformat(run_day(context)), Settings())
    return [{"day": str(day)} for day in days]
