"""What the platform adds to Airflow: MLflow in the navigation, links from tasks into it, notes of runs, run ids.

Its server answers under the names of SENTIMENT_ALLOWED_HOSTS alone: a web page that gives this machine a name of its
own is refused.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sentiment.core.settings import Settings
from sentiment_airflow import notes
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink, mlflow_url
from sentiment_airflow.timetables import DayTimetable, WeekTimetable


class SentimentPlugin(AirflowPlugin):
    """Registers all of it; Airflow makes one when it loads its plugins, and the settings are read then."""

    name = "sentiment"

    def __init__(self) -> None:
        self.external_views = _views(mlflow_url(Settings()))
        self.timetables = [DayTimetable, WeekTimetable]
        self.listeners = [notes]
        self.fastapi_root_middlewares = _allowed_hosts()
        self.operator_extra_links = [ReportLink(), TrainingRunLink(), ModelVersionLink()]


def _views(address: str) -> list[dict[str, Any]]:
    if not address:
        return []
    # A button of its own in the navigation. Without url_route it opens in a new tab: MLflow refuses foreign frames.
    return [{"name": "MLflow", "href": address, "destination": "nav", "nav_top_level": True}]


def _allowed_hosts() -> list[dict[str, Any]]:
    """Return the middleware that checks a request's Host against SENTIMENT_ALLOWED_HOSTS (a,b,c); none when empty."""
    names = [name.strip() for name in os.environ.get("SENTIMENT_ALLOWED_HOSTS", "").split(",") if name.strip()]
    if not names:
        return []
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    kwargs = {"allowed_hosts": names, "www_redirect": False}
    return [{"name": "allowed hosts", "middleware": TrustedHostMiddleware, "args": [], "kwargs": kwargs}]
