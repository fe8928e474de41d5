"""What the platform adds to Airflow: MLflow in the navigation, links from tasks into it, notes of runs, run ids."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sentiment_airflow import notes
from sentiment_airflow.hosts import allowed_hosts
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink, mlflow_url
from sentiment_airflow.timetables import DayTimetable


def _views() -> list[dict[str, Any]]:
    address = mlflow_url()
    if not address:
        return []
    # A button of its own in the navigation. Without url_route it opens in a new tab: MLflow refuses foreign frames.
    return [{"name": "MLflow", "href": address, "destination": "nav", "nav_top_level": True}]


class SentimentPlugin(AirflowPlugin):
    """Registers all of it."""

    name = "sentiment"
    external_views = _views()
    timetables = [DayTimetable]  # noqa: RUF012  as Airflow declares them
    listeners = [notes]  # noqa: RUF012  as Airflow declares them
    fastapi_root_middlewares = allowed_hosts()
    operator_extra_links = [ReportLink(), TrainingRunLink(), ModelVersionLink()]  # noqa: RUF012  as Airflow declares them
