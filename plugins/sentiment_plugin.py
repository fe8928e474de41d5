"""What the platform adds to Airflow's UI: MLflow in the navigation, and links from tasks into it."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from sentiment_airflow.hosts import allowed_hosts
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink, mlflow_url


def _views() -> list[dict[str, Any]]:
    address = mlflow_url()
    if not address:
        return []
    # A button of its own in the navigation. Without url_route it opens in a new tab: MLflow refuses foreign frames.
    return [{"name": "MLflow", "href": address, "destination": "nav", "nav_top_level": True}]


class SentimentPlugin(AirflowPlugin):
    """Registers the links and the view."""

    name = "sentiment"
    external_views: ClassVar[list[Any]] = _views()
    fastapi_root_middlewares: ClassVar[list[Any]] = allowed_hosts()
    operator_extra_links: ClassVar[list[Any]] = [ReportLink(), TrainingRunLink(), ModelVersionLink()]
