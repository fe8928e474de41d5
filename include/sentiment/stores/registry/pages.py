"""What MLflow's pages say and show of the trainings, and where they are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from sentiment.core.settings import Settings

# MLflow 3 has pages for GenAI and pages for trainings. The address chooses; without it the tag does where an experiment
# is opened from its bare address, and the browser's last choice, at first GenAI, elsewhere.
_TRAINING_PAGES = "workflowType=machine_learning"
KIND, MODEL_DEVELOPMENT = "mlflow.experimentKind", "custom_model_development"
DESCRIPTION = "mlflow.note.content"
_BEGINNING = "Trainings of the Review Sentiment Platform"
# Of its own accord the table of runs shows no figure. A view of it is a tag: it stands in the menu "Views" under its
# name, and opens where its key is in the address.
_VIEW = "figures"
SAVED_VIEW = f"mlflow.sharedViewState.{_VIEW}"
_COLUMNS = (
    *("metrics.`test_accuracy`", "metrics.`test_macro_f1`", "metrics.`bundle_accuracy`"),
    *("metrics.`bundle_reviews_per_second`", "metrics.`train_reviews_used`", "metrics.`training_seconds`"),
    *("params.`family`", "params.`learning_rate`", "params.`seed`"),
)


# A password may hold what should be quoted in it, a slash too; behind a port a slash begins the path.
_PORT = r"(?:\[[^\]\s]*\]|[^/\s:@]*):\d+/"
_SECRETS = re.compile(rf"(?<=://)(?:(?!{_PORT})[^/\s:@]*:\S*|[^/\s]*)@|(?<=[?&]password=)[^&\s]*")


def without_password(text: str) -> str:
    """Return a text without the user and password that the addresses in it bear; for links, logs and errors."""
    return _SECRETS.sub("", text)


def server_address(settings: Settings) -> str:
    """Return the address at which a browser reaches MLflow; empty where a database is opened without a server."""
    address = settings.mlflow_public_url or settings.tracking_uri
    return without_password(address.rstrip("/")) if address.startswith("http") else ""


def runs_page(experiment: str) -> str:
    """Return the page with an experiment's runs and their figures, below the server's address."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={_VIEW}&{_TRAINING_PAGES}"


def artifact_page(experiment: str, run_id: str, name: str) -> str:
    """Return the page that shows a file of a run, below the server's address."""
    return f"#/experiments/{experiment}/runs/{run_id}/artifacts/{name}?{_TRAINING_PAGES}"


def due_tags(present: Mapping[str, str], experiment: str) -> dict[str, str]:
    """Return the tags that an experiment lacks; what a person chose or wrote there stays."""
    state = json.dumps({"selectedColumns": _COLUMNS})
    view = json.dumps({"name": "Figures", "createdAt": 0, "updatedAt": 0, "state": state})
    lacking = {name: value for name, value in ((KIND, MODEL_DEVELOPMENT), (SAVED_VIEW, view)) if name not in present}
    return lacking | _described(present, experiment)


def _described(present: Mapping[str, str], experiment: str) -> dict[str, str]:
    """Return the description with the way back to Airflow, whose address its tasks know and a shell does not."""
    written, airflow = present.get(DESCRIPTION, ""), os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")
    if written and not (written.startswith(_BEGINNING) and airflow):
        return {}
    dag = f"[train_models]({airflow}/dags/train_models)" if airflow else "train_models"
    text = (
        f"{_BEGINNING}, made by Airflow's DAG {dag} or by `sentiment train`: [their figures]({runs_page(experiment)}). "
        "The description of a run leads to its report."
    )
    return {} if text == written else {DESCRIPTION: text}
