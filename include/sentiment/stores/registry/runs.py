"""Training runs in MLflow: they are opened, gone on with, and read; their parameters, figures and files.

It knows nothing of model versions, nor of what is trained.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.provenance import provenance, this_process
from sentiment.core.settings import Settings
from sentiment.stores.registry import pages as mlflow_pages
from sentiment.stores.registry.answers import AbsentError, Answering, require_answer
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.inputs import dataset_input
from sentiment.stores.registry.pages import without_password

if TYPE_CHECKING:
    from mlflow.entities import Run

    from sentiment.core.labelled import UsedReviews

_DELETED = "deleted"


class Runs:
    """The runs at one tracking address, in one experiment."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # Two lines that a program which reads the result would stumble over.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import mlflow

        self._settings = settings
        self._address = settings.tracking_uri
        if self._address.startswith("sqlite:///"):
            Path(self._address.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        require_answer(self._address)
        mlflow.set_tracking_uri(self._address)
        self._mlflow: Any = Answering(mlflow, self._address)

    @property
    def _client(self) -> Any:
        from mlflow import MlflowClient

        return Answering(MlflowClient(self._address, self._address), self._address)

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
        with self._opened(resumed, experiment, None if resumed else name) as run_id:
            self._mlflow.set_tags(all_tags)
            if resumed is None:
                self._mlflow.log_params({name: str(value) for name, value in params.items()})
            yield run_id

    @contextmanager
    def _opened(self, run_id: str | None, experiment: str | None = None, name: str | None = None) -> Iterator[str]:
        """Make a run the process's open one; what breaks the block ends it as failed, and stays the error."""
        opened = self._mlflow.start_run(run_id, experiment, run_name=name, log_system_metrics=False)
        try:
            yield str(opened.info.run_id)
        except BaseException:
            with suppress(UnavailableError):
                self._mlflow.end_run("FAILED")
            raise
        self._mlflow.end_run()

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
        """Return a training run; ContractError when there is none of that id, or somebody deleted it."""
        try:
            run = self._client.get_run(run_id)
        except AbsentError as error:
            raise ContractError(f"MLflow has no run {run_id!r}; take the run_id that `sentiment train` gave") from error
        if run.info.lifecycle_stage == _DELETED:
            raise ContractError(f"run {run_id} was deleted in MLflow; restore it there, or take another run")
        return _as_trained(run)

    def download(self, run_id: str, name: str, destination: Path) -> Path:
        """Copy a folder of a run's artifacts to `destination`, all of them without a name; return where it lies."""
        found = self.find(run_id, name, destination)
        if found is None:
            raise ContractError(f"run {run_id} keeps no {name!r} (any more); train it anew and take the new run")
        return found

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        """Copy a file or folder of a run to `destination`, or return None when no run keeps any of that name."""
        try:
            kept = {one.path for one in self._client.list_artifacts(run_id)} if run_id else set()
        except AbsentError:
            return None
        if name and name not in kept:
            return None
        uri = f"runs:/{run_id}/{name}"
        return Path(self._mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(destination)))

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
        self._client.log_inputs(run_id, [dataset_input(one) for one in used])

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

    def _experiment(self) -> str:
        found = self._found_experiment()
        experiment = str(found.experiment_id)
        for name, value in mlflow_pages.due_tags(found.tags, experiment).items():
            self._client.set_experiment_tag(experiment, name, value)
        return experiment

    def _found_experiment(self) -> Any:
        name, address = self._settings.experiment, without_password(self._address)
        found = self._client.get_experiment_by_name(name)
        if found is None:
            # The location is given, because a server and a database opened directly would choose different ones.
            with suppress(ConcurrentWriteError):  # a candidate beside this one may be faster
                self._client.create_experiment(name, artifact_location=self._settings.artifact_root)
            found = self._client.get_experiment_by_name(name)
        if found is None:
            raise ContractError(f"MLflow at {address} makes no experiment {name!r}; see its log")
        if found.lifecycle_stage == _DELETED:
            raise ContractError(
                f"the experiment {name!r} was deleted in MLflow at {address}; restore it with `mlflow experiments "
                f"restore -x {found.experiment_id}`, or name another one in SENTIMENT_EXPERIMENT"
            )
        return found


def _key(params: Mapping[str, Any]) -> str:
    """Identify a task's attempt chain: the same dag, run and task with the same parameters is the same training.

    Outside Airflow nothing tries again, and the process, of all on all machines, is the task.
    """
    task = {name: value for name, value in provenance().items() if name in {"dag", "run", "task"}}
    scope: dict[str, Any] = dict(task) or this_process()
    return hashlib.sha256(json.dumps({**scope, **params}, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _as_trained(run: Run) -> TrainedRun:
    return TrainedRun(run.info.run_id, dict(run.data.params), dict(run.data.metrics), dict(run.data.tags))
