"""MLflow's own server, whose pages open on trainings: `mlflow server --app-name sentiment`.

What a browser shows at first is kept in its local storage, and MLflow 3.17 has no setting for it: GenAI's pages, a
notice of usage data (of which nothing is sent here), an assistant, two guides to features of agents. The first page
gets a script that chooses otherwise where nobody has chosen yet. Whatever a person changes stays.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.core.settings import PROJECT

if TYPE_CHECKING:
    from fastapi import FastAPI

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

    first = Path(str(pages.static_folder)) / "index.html"
    pages.view_functions["serve"] = lambda: with_choices(first.read_text(encoding="utf-8"))
    ours: FastAPI = server
    return ours


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
