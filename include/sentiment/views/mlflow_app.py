"""MLflow's own server, whose pages open on trainings: `mlflow server --app-name sentiment`.

What a browser shows at first is kept in its local storage, and MLflow 3.17 has no setting for it: GenAI's pages, a
notice of usage data (of which nothing is sent here), an assistant, two guides to features of agents. The first page
gets a script that chooses otherwise where nobody has chosen yet. Whatever a person changes stays.

It asks nobody for a password, so that it must not read and write files for whoever reaches it: an experiment's files
lie under the server's own root, or in a storage that asks for keys itself, and none comes up through the server.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sentiment.core.settings import PROJECT

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Response

NAME = "sentiment"
AT_FIRST: dict[str, Any] = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.telemetry.info.alert.dismissed_v1": True,
    "mlflow.settings.telemetry.enabled_v1": False,
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.detectIssues.guidanceShown_v1": True,
    "_mlflow_model_registry_promo_modal_dismissed_v1": True,
}
_SCRIPT = (
    "<script>for (const [name, value] of Object.entries(%s)) "
    "{ if (localStorage.getItem(name) === null) localStorage.setItem(name, JSON.stringify(value)); }</script>"
)


def app() -> FastAPI:
    """Return MLflow's server with our first page; a function, so that only its workers load it."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app as server

    pages.before_request(_refuse_strange_places)
    first = Path(str(pages.static_folder)) / "index.html"
    pages.view_functions["serve"] = lambda: with_choices(first.read_text(encoding="utf-8"))
    ours: FastAPI = server
    return ours


def _refuse_strange_places() -> Response | None:
    """Refuse what would have the server write a file, or keep an experiment's files beside its own root."""
    from flask import Response, request
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR

    if request.path.endswith("/mlflow/upload-artifact"):
        said = "files come up to the storage itself, and not through this server"
    elif request.path.endswith("/mlflow/experiments/create") and _is_strange(request.get_json(force=True, silent=True)):
        said = f"on this machine the files of an experiment lie under {os.environ.get(ARTIFACT_ROOT_ENV_VAR)}"
    else:
        return None
    answer = json.dumps({"error_code": "PERMISSION_DENIED", "message": said})
    return Response(answer, 403, mimetype="application/json")


def _is_strange(experiment: object) -> bool:
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR

    place = experiment.get("artifact_location") if isinstance(experiment, dict) else None
    if not place or place == os.environ.get(ARTIFACT_ROOT_ENV_VAR):
        return False
    return urlsplit(str(place)).scheme in ("", "file")


def is_installed() -> bool:
    """Tell whether `mlflow server` knows the app: it stands among the entry points of the package as installed.

    A server is started with `include` first on its path, and of a package that lies there twice the first counts.
    """
    found = Distribution.discover(name="sentiment", path=[str(PROJECT / "include"), *sys.path])
    known = next((package.entry_points for package in found), ())
    return any(entry.group == "mlflow.app" and entry.name == NAME for entry in known)


def with_choices(page: str) -> str:
    """Return MLflow's first page with the script before all others; one that looks otherwise stays as it is."""
    return page.replace("<head>", f"<head>{_SCRIPT % json.dumps(AT_FIRST)}", 1)
