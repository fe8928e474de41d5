"""MLflow's own server, whose pages open on trainings: `mlflow server --app-name sentiment`.

What a browser shows at first is kept in its local storage, and MLflow 3.17 has no setting for it: GenAI's pages, a
notice of usage data (of which nothing is sent here), an assistant, two guides to features of agents. The first page
gets a script that chooses otherwise where nobody has chosen yet. Whatever a person changes stays. The buttons of the
assistant, behind which nothing is, are hidden.

It asks nobody for a password, so that it must not read and write files, nor run programs, for whoever reaches it, nor
fetch with its own keys what lies elsewhere in an S3: the files of experiments and versions lie under the server's root,
none comes up through the server or by an address that it signs, no trace names a place of its own, and MLflow's
assistant and gateway are left out.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

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
_WRITING = (
    "/mlflow/upload-artifact",
    "/mlflow/artifacts/presigned-upload-url",  # a permission to write, signed with the server's keys
    "/mlflow/runs/create-promptlab-run",
)
# The sources of versions that MLflow itself looks at.
_LOOKED_AT = ("", "file", "runs", "models", "mlflow-artifacts")
_SCRIPT = (
    "<script>for (const [name, value] of Object.entries(%s)) "
    "{ if (localStorage.getItem(name) === null) localStorage.setItem(name, JSON.stringify(value)); }</script>"
)


_STYLE = "<style>[data-assistant-ui] { display: none !important; }</style>"


def app() -> FastAPI:
    """Return MLflow's server with our first page; a function, so that only its workers load it."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app as server
    from mlflow.server.handlers import catch_mlflow_exception

    pages.before_request(catch_mlflow_exception(_refuse_strange_places))  # type: ignore[no-untyped-call]
    server.router.routes[:] = [route for route in server.router.routes if _is_kept(getattr(route, "path", ""))]
    first = Path(str(pages.static_folder)) / "index.html"
    pages.view_functions["serve"] = lambda: with_choices(first.read_text(encoding="utf-8"))
    ours: FastAPI = server
    return ours


def _is_kept(path: str) -> bool:
    """Tell whether a route is none of MLflow's assistant, which runs commands, of its gateway, or of traces."""
    return not path.startswith(("/gateway/", "/v1/traces")) and "/mlflow/assistant/" not in path


def _refuse_strange_places() -> Response | None:
    """Refuse what would have the server write a file, or read what lies beside its own root."""
    from flask import Response, request

    if request.path.endswith(_WRITING):
        said = "this server writes no files: they go to the storage itself"
    elif _takes_a_trace(request.method, request.path):
        said = "this server keeps no traces"
    elif request.path.endswith("/mlflow/experiments/create") and (place := _strange_place()):
        said = f"the files of an experiment lie under {_root()}, and not in {place}"
    elif request.path.endswith("/mlflow/model-versions/create") and (place := _strange_source()):
        said = f"a version is of files under {_root()}, or of its run's or model's, and not of {place}"
    else:
        return None
    answer = json.dumps({"error_code": "PERMISSION_DENIED", "message": said})
    return Response(answer, 403, mimetype="application/json")


def _takes_a_trace(method: str, path: str) -> bool:
    """Tell whether a trace is made or changed: the place that a tag of it names would be read, or removed."""
    return path.endswith("/mlflow/traces") if method == "POST" else method == "PATCH" and "/mlflow/traces/" in path


def _strange_place() -> str:
    """Return where the experiment that is asked for would keep its files, if that is not our root."""
    from mlflow.protos.service_pb2 import CreateExperiment
    from mlflow.server.handlers import _get_request_message, _is_uri_within_root

    asked = _get_request_message(CreateExperiment())  # type: ignore[no-untyped-call]
    place, root = str(asked.artifact_location), _root()
    if place.startswith("s3://"):
        return "" if _is_uri_within_root(place, root) else place
    return "" if not place or _folder(place) == _folder(root) else place


def _strange_source() -> str:
    """Return what the version that is asked for would be read from, if that is nobody's known here.

    An experiment of an earlier root keeps its place, and its runs and models what lies under it.
    """
    from mlflow.protos.model_registry_pb2 import CreateModelVersion
    from mlflow.server.handlers import _get_request_message, _get_tracking_store, _is_uri_within_root

    asked = _get_request_message(CreateModelVersion())  # type: ignore[no-untyped-call]
    source = str(asked.source)
    if urlsplit(source).scheme in _LOOKED_AT:
        return ""
    store, roots = _get_tracking_store(), [_root()]
    if asked.run_id:
        roots.append(store.get_run(asked.run_id).info.artifact_uri)  # type: ignore[no-untyped-call]
    if asked.model_id:
        roots.append(store.get_logged_model(asked.model_id).artifact_location)
    return "" if any(_is_uri_within_root(source, root) for root in roots) else source


def _folder(place: str) -> Path:
    """Return a folder as it lies on the disk: a home may be reached by a link as well."""
    return Path(unquote(place.removeprefix("file://")) if place.startswith("file://") else place).resolve()


def _root() -> str:
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR

    return os.environ.get(ARTIFACT_ROOT_ENV_VAR, "")


def is_installed() -> bool:
    """Tell whether `mlflow server` knows the app: it stands among the entry points of the package as installed.

    A server is started with `include` first on its path, and of a package that lies there twice the first counts.
    """
    found = Distribution.discover(name="sentiment", path=[str(PROJECT / "include"), *sys.path])
    known = next((package.entry_points for package in found), ())
    return any(entry.group == "mlflow.app" and entry.name == NAME for entry in known)


def with_choices(page: str) -> str:
    """Return MLflow's first page with our script and style before its own; one that looks otherwise stays as it is."""
    return page.replace("<head>", f"<head>{_SCRIPT % json.dumps(AT_FIRST)}{_STYLE}", 1)
