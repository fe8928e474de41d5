"""Buttons that lead from a task to its run and its model version in MLflow."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink
from pydantic import ValidationError

from sentiment.core.names import REGISTERED_MODEL
from sentiment.core.settings import Settings
from sentiment.core.verb import VerbResult
from sentiment.stores.registry.pages import server_address


class TrainingRunLink(BaseOperatorLink):
    """To the MLflow run that the task's result names."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the run's page, or nothing when the task made no run."""
        run_id, server = getattr(_result(operator, ti_key), "run_id", None), server_address(Settings())
        # MLflow leads this address on to the run's page under its experiment, which the result does not name.
        return f"{server}/#/runs/{run_id}" if run_id and server else ""


class ReportLink(BaseOperatorLink):
    """To the page that tells everything of the trained model."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the report's page, or nothing when the task made none."""
        report = getattr(_result(operator, ti_key), "report", None) or ""
        return report if report.startswith("http") else ""


class ModelVersionLink(BaseOperatorLink):
    """To the model version that the task's result names."""

    name = "Model version"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the version's page, or nothing when the task names no version."""
        result, server = _result(operator, ti_key), server_address(Settings())
        version = result.version_named() if result else None
        return f"{server}/#/models/{REGISTERED_MODEL}/versions/{version}" if version and server else ""


def _result(operator: Any, ti: Any) -> VerbResult | None:
    # Airflow asks in the task's process, right after the result was pushed; `ti` is the running task instance.
    if ti.state != "success":  # there is no result, and asking for it would put a second error into the task's log
        return None
    try:
        made: VerbResult = operator.verb.result.model_validate(
            ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
        )
    except ValidationError:
        return None
    return made
