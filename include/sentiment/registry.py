"""Training runs, model versions and aliases in MLflow. The only module that speaks to it."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from sentiment import mlflow_pages
from sentiment.config import CHAMPION, PREVIOUS_CHAMPION, REGISTERED_MODEL, Settings
from sentiment.errors import ContractError, UnavailableError
from sentiment.export.bundle import read_bundle
from sentiment.provenance import provenance
from sentiment.storage import is_s3

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Experiment, Run

    from sentiment.datasets.used import UsedReviews

log = logging.getLogger(__name__)

NO_CHAMPION = (
    "there is no champion yet: train and promote a model first (trigger the DAG train_models, "
    "or run `sentiment train`, `sentiment export --run-id RUN` and `sentiment promote`)"
)
# What MLflow's pages show of the columns of a snapshot.
_REVIEWS_SCHEMA = json.dumps(
    {
        "mlflow_colspec": [
            {"name": name, "type": kind, "required": True}
            for name, kind in (("review_key", "string"), ("title", "string"), ("text", "string"), ("label", "integer"))
        ]
    }
)
_SERVED_MODEL = Path(__file__).parent / "export" / "served_model.py"
_SERVING_NEEDS = ("mlflow", "numpy", "onnxruntime", "pandas", "pydantic", "pydantic-settings", "tokenizers")


@dataclass(frozen=True)
class TrainedRun:
    """A finished training run as MLflow knows it."""

    run_id: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


@dataclass(frozen=True)
class ModelVersion:
    """A registered version, its tags, and the run that it came from."""

    version: int
    run_id: str
    tags: dict[str, str]


class Registry:
    """MLflow at one tracking address, under one registered model."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # Two lines that a program which reads the result would stumble over.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import mlflow

        self._settings = settings
        if settings.tracking_uri.startswith("sqlite:///"):
            Path(settings.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        _require_answer(settings.tracking_uri)
        mlflow.set_tracking_uri(settings.tracking_uri)
        self._mlflow = mlflow

    @property
    def _client(self) -> MlflowClient:
        return self._mlflow.MlflowClient()

    @contextmanager
    def run(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run, or go on with the unfinished one of the same task and parameters (a retry), and give its id."""
        experiment = self._experiment()
        key = _key(params)
        found = self._client.search_runs(
            [experiment], f"tags.`sentiment.key` = '{key}' and status != 'FINISHED'", max_results=1
        )
        all_tags = {"sentiment.key": key, **{f"sentiment.{k}": v for k, v in {**provenance(), **tags}.items()}}
        resumed = found[0].info.run_id if found else None
        run_name = None if resumed else name
        with self._mlflow.start_run(resumed, experiment, run_name=run_name, log_system_metrics=False) as run:
            self._mlflow.set_tags(all_tags)
            if resumed is None:
                self._mlflow.log_params({name: str(value) for name, value in params.items()})
            yield run.info.run_id

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add figures to the open run; MLflow takes finite ones only."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self._mlflow.log_metrics(finite, step=step)

    def log_folder(self, folder: Path, name: str) -> None:
        """Add a folder's files to the open run under `name`."""
        self._mlflow.log_artifacts(str(folder), name)

    def log_json(self, content: Any, name: str) -> None:
        """Add a JSON file to the open run."""
        self._mlflow.log_dict(content, name)

    def trained(self, run_id: str) -> TrainedRun:
        """Return a training run; ContractError when there is none of that id."""
        try:
            run = self._client.get_run(run_id)
        except self._mlflow.exceptions.MlflowException as error:
            raise ContractError(f"MLflow has no run {run_id!r}; take the run_id that `sentiment train` gave") from error
        return _as_trained(run)

    def download(self, run_id: str, name: str, destination: Path) -> Path:
        """Copy a folder of a run's artifacts to `destination` and return where it lies."""
        uri = f"runs:/{run_id}/{name}"
        return Path(self._mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(destination)))

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        """Copy a file of a run's artifacts to `destination`, or return None when the run keeps none of that name."""
        kept = {one.path for one in self._client.list_artifacts(run_id)}
        return self.download(run_id, name, destination) if name in kept else None

    def attach_json(self, run_id: str, content: Any, name: str) -> None:
        """Add a JSON file to a run that has ended."""
        self._client.log_dict(run_id, content, name)

    def attach(self, run_id: str, folder: Path) -> None:
        """Add a folder's files to a run that has ended."""
        self._client.log_artifacts(run_id, str(folder))

    def describe(self, text: str) -> None:
        """Write the open run's description, in Markdown: what a person reads first on its page."""
        self._mlflow.set_tag("mlflow.note.content", text)

    def log_reviews(self, run_id: str, used: Sequence[UsedReviews]) -> None:
        """Name the reviews that a run uses, split by split; those that it names already are not named twice."""
        self._client.log_inputs(run_id, [self._input(one) for one in used])

    def artifact_page(self, run_id: str, name: str) -> str:
        """Return where MLflow's pages show a file of a run, below the server's address."""
        return mlflow_pages.artifact_page(self._client.get_run(run_id).info.experiment_id, run_id, name)

    def artifact_address(self, run_id: str, name: str) -> str:
        """Return where a browser finds a file of a run; without a server, where the file itself lies."""
        server = mlflow_pages.server_address(self._settings)
        if server:
            return f"{server}/{self.artifact_page(run_id, name)}"
        return f"{self._client.get_run(run_id).info.artifact_uri}/{name}"

    def runs_address(self) -> str:
        """Return where a browser finds the runs of all trainings with their figures; empty without a server."""
        server = mlflow_pages.server_address(self._settings)
        return f"{server}/{mlflow_pages.runs_page(self._experiment())}" if server else ""

    def register(self, bundle: Path, run_id: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> int:
        """Log a bundle to its training run as a servable model and return the new version's number."""
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema

        signature = ModelSignature(
            Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "title", required=False)]),
            Schema(
                [
                    ColSpec(DataType.string, "label"),
                    ColSpec(DataType.float, "positive_probability"),
                    ColSpec(DataType.float, "confidence"),
                    ColSpec(DataType.boolean, "needs_review"),
                ]
            ),
        )
        with self._mlflow.start_run(run_id, log_system_metrics=False):
            self.log_metrics(metrics)
            logged = self._mlflow.pyfunc.log_model(
                name="bundle",
                python_model=str(_SERVED_MODEL),
                artifacts={"bundle": str(bundle)},
                signature=signature,
                pip_requirements=[f"{name}=={installed(name)}" for name in _SERVING_NEEDS],
                registered_model_name=REGISTERED_MODEL,
            )
        number = int(logged.registered_model_version)
        for name, value in tags.items():
            self._client.set_model_version_tag(REGISTERED_MODEL, str(number), name, value)
        return number

    def versions(self) -> list[ModelVersion]:
        """Return all registered versions, the newest first."""
        found = self._client.search_model_versions(f"name = '{REGISTERED_MODEL}'")
        return sorted((_as_version(one) for one in found), key=lambda one: -one.version)

    def version(self, number: int) -> ModelVersion:
        """Return one version; ContractError with the versions that there are when it is unknown."""
        for one in self.versions():
            if one.version == number:
                return one
        known = ", ".join(str(one.version) for one in self.versions()) or "none"
        raise ContractError(f"there is no model version {number}; registered are: {known}")

    def champion(self, alias: str = CHAMPION) -> int | None:
        """Return the version that the alias names, or None."""
        try:
            return int(self._client.get_model_version_by_alias(REGISTERED_MODEL, alias).version)
        except self._mlflow.exceptions.MlflowException:
            return None

    def set_champion(self, number: int) -> None:
        """Move the alias champion to a version, and previous_champion to the one that it leaves."""
        present = self.champion()
        if present is not None and present != number:
            self._client.set_registered_model_alias(REGISTERED_MODEL, PREVIOUS_CHAMPION, str(present))
        self._client.set_registered_model_alias(REGISTERED_MODEL, CHAMPION, str(number))

    def fetch_bundle(self, number: int) -> Path:
        """Return the bundle of a version in this machine's cache, downloading it when it is not there."""
        folder = bundle_cache(self._settings) / str(number)
        if not folder.is_dir():
            uri = f"models:/{REGISTERED_MODEL}/{self.version(number).version}"
            aside = folder.with_name(f".{number}.{os.getpid()}")
            model = Path(self._mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(aside)))
            (bundle,) = (file.parent for file in model.rglob("bundle.json"))
            try:
                bundle.rename(folder)
            except OSError:  # another task was faster
                log.info("bundle %s was fetched by another task meanwhile", number)
            shutil.rmtree(aside, ignore_errors=True)
        read_bundle(folder)
        return folder

    def _experiment(self) -> str:
        found = self._found_experiment()
        experiment = str(found.experiment_id)
        for name, value in mlflow_pages.due_tags(found.tags, experiment).items():
            self._client.set_experiment_tag(experiment, name, value)
        return experiment

    def _found_experiment(self) -> Experiment:
        name = self._settings.experiment
        found = self._client.get_experiment_by_name(name)
        if found is None:
            # The location is given, because a server and a database opened directly would choose different ones.
            with suppress(self._mlflow.exceptions.MlflowException):  # a candidate beside this one may be faster
                self._client.create_experiment(name, artifact_location=self._settings.artifact_root)
            found = self._client.get_experiment_by_name(name)
        if found is None:
            raise ContractError(f"MLflow at {self._settings.tracking_uri} makes no experiment {name!r}; see its log")
        return found

    def _input(self, used: UsedReviews) -> DatasetInput:
        entities = self._mlflow.entities
        dataset = entities.Dataset(
            used.name,
            used.digest,
            source_type="s3" if is_s3(used.source) else "local",
            source=json.dumps({"uri": used.source}),
            schema=_REVIEWS_SCHEMA,
            profile=json.dumps({"num_rows": used.rows, **used.counts}),
        )
        named: DatasetInput = entities.DatasetInput(dataset, [entities.InputTag("mlflow.data.context", used.split)])
        return named


def _require_answer(address: str) -> None:
    """Raise UnavailableError at once when nobody is there: MLflow's own client would try for minutes first."""
    if not address.startswith("http"):
        return
    try:
        # A proxy of the shell must not be asked for what runs on this machine.
        httpx.get(f"{address}/health", timeout=10, trust_env=not address.startswith("http://127.0.0.1"))
    except httpx.TransportError as error:
        raise UnavailableError(
            f"MLflow does not answer at {address} ({error}): start the platform with `sentiment up`, or name another "
            "tracking address in SENTIMENT_MLFLOW_URI (sqlite:///FILE needs no server)"
        ) from error


def bundle_cache(settings: Settings) -> Path:
    """Return the folder under which fetched bundles lie, one a version."""
    folder = settings.home / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _key(params: Mapping[str, Any]) -> str:
    """Identify a task's attempt chain: the same dag, run and task with the same parameters is the same training."""
    task = {name: value for name, value in provenance().items() if name in {"dag", "run", "task"}}
    scope = task or {"process": str(os.getpid())}
    return hashlib.sha256(json.dumps({**scope, **params}, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _as_trained(run: Run) -> TrainedRun:
    return TrainedRun(run.info.run_id, dict(run.data.params), dict(run.data.metrics), dict(run.data.tags))


def _as_version(one: Any) -> ModelVersion:
    return ModelVersion(int(one.version), one.run_id, dict(one.tags))
