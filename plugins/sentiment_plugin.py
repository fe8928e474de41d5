"""What the platform adds to Airflow: MLflow in the navigation, links from tasks into it, notes of runs, run ids.

Its server answers under the names of SENTIMENT_ALLOWED_HOSTS, and those by which tasks and health checks reach it,
alone: a web page that gives this machine a name of its own is refused.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.registry.pages import server_address
from sentiment_airflow import notes
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink
from sentiment_airflow.timetables import DayTimetable, WeekTimetable

log = logging.getLogger(__name__)

_ALLOWED_HOSTS, _EXECUTION_API = "SENTIMENT_ALLOWED_HOSTS", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
# A port, as MLflow's list of hosts has it: a Host is compared without one.
_PORT = re.compile(r"(?<!:):(\d+|\*)$")
_NAME = re.compile(r"(\*|(\*\.)?[\w.-]+|\[[0-9A-Fa-f:.]+\])$")


class SentimentPlugin(AirflowPlugin):
    """Registers all of it; Airflow makes one when it loads its plugins, and the environment is read then.

    A setting that is wrong costs the views alone: each task names it, and the server goes on checking its hosts.
    """

    name = "sentiment"

    def __init__(self) -> None:
        self.external_views = _views()
        self.timetables = [DayTimetable, WeekTimetable]
        self.listeners = [notes]
        self.fastapi_root_middlewares = _allowed_hosts()
        self.operator_extra_links = [ReportLink(), TrainingRunLink(), ModelVersionLink()]


def for_allowed_hosts(app: Any, *, allowed_hosts: Sequence[str]) -> Any:
    """Return the server behind a check of each request's Host; made when the server starts, which an error ends."""
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    if wrong := [name for name in allowed_hosts if not _NAME.match(name)]:
        raise ContractError(
            f"{_ALLOWED_HOSTS} holds {wrong[0]!r}, which is no name of a host: write names such as airflow.example, "
            "*.example or 127.0.0.1, with commas between them"
        )
    return TrustedHostMiddleware(app, allowed_hosts=[*allowed_hosts, *_from_within()], www_redirect=False)


def _from_within() -> list[str]:
    """Return the names by which health checks and tasks reach the server, whatever it is called outside."""
    asked_by_tasks = urlsplit(os.environ.get(_EXECUTION_API, "")).hostname
    return ["localhost", "127.0.0.1", *filter(None, [asked_by_tasks])]


def _views() -> list[dict[str, Any]]:
    try:
        address = server_address(Settings())
    except ValueError:
        log.exception("MLflow is missing in the navigation: a setting is wrong")
        return []
    if not address:
        return []
    # A button of its own in the navigation. Without url_route it opens in a new tab: MLflow refuses foreign frames.
    return [{"name": "MLflow", "href": address, "destination": "nav", "nav_top_level": True}]


def _allowed_hosts() -> list[dict[str, Any]]:
    """Return the middleware that checks a request's Host against SENTIMENT_ALLOWED_HOSTS (a,b,c); none when empty."""
    names = [_PORT.sub("", name.strip()) for name in os.environ.get(_ALLOWED_HOSTS, "").split(",") if name.strip()]
    if not names:
        return []
    return [{"name": "allowed hosts", "middleware": for_allowed_hosts, "args": [], "kwargs": {"allowed_hosts": names}}]
