"""Buttons that lead from a task to its run and its model version in MLflow."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import BaseOperatorLink

from sentiment.core.names import REGISTERED_MODEL
from sentiment.core.settings import Settings
from sentiment.stores.registry.pages import without_password


def mlflow_url() -> str:
    """Return the address at which a browser reaches MLflow, for everyone to see; empty when there is no server."""
    address = os.environ.get("SENTIMENT_MLFLOW_PUBLIC_URL") or Settings().mlflow_uri
    return without_password(address.rstrip("/")) if address.startswith("http") else ""


class TrainingRunLink(BaseOperatorLink):
    """To the MLflow run that the task's result names."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the run's page, or nothing when the task made no run."""
        run_id = _result(ti_key).get("run_id")
        # MLflow leads this address on to the run's page under its experiment, which the result does not name.
        return f"{mlflow_url()}/#/runs/{run_id}" if run_id and mlflow_url() else ""


class ReportLink(BaseOperatorLink):
    """To the page that tells everything of the trained model."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the report's page, or nothing when the task made none."""
        report = str(_result(ti_key).get("report", ""))
        return report if report.startswith("http") else ""


class ModelVersionLink(BaseOperatorLink):
    """To the model version that the task's result names."""

    name = "Model version"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the version's page, or nothing when the task names no version."""
        result = _result(ti_key)
        version = result.get("version") or result.get("champion") or result.get("model")
        known = version and str(version).isdigit() and mlflow_url()
        return f"{mlflow_url()}/#/models/{REGISTERED_MODEL}/versions/{version}" if known else ""


def _result(ti: Any) -> dict[str, Any]:
    # Airflow asks in the task's process, right after the result was pushed; `ti` is the running task instance.
    if ti.state != "success":  # there is no result, and asking for it would put a second error into the task's log
        return {}
    result = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    return result if isinstance(result, dict) else {}
