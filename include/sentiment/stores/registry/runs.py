"""Runs in MLflow, by its client alone: begun, gone on with, written to by id, and read.

No run is the process's open one and no address the process's own, so any thread may work on any run of any server.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError, UnderWayError
from sentiment.core.settings import Settings
from sentiment.stores.registry import pages as mlflow_pages
from sentiment.stores.registry.answers import AbsentError, Answering, answered, require_answer
from sentiment.stores.registry.database_file import file_of, make_tables
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.handle import OURS, RunHandle
from sentiment.stores.registry.pages import without_password
from sentiment.stores.s3 import BOTO_ATTEMPTS, region

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

DELETED = "deleted"
# MLflow has no other way to be told: it logs as all others do, sends no usage data, draws no bar for each file, prints
# no address, over which a program that reads a result would stumble, and its own client of S3 is as patient as ours,
# and of the same region.
_ONLY_BY_ENVIRONMENT = {
    "AWS_MAX_ATTEMPTS": str(BOTO_ATTEMPTS),
    "AWS_RETRY_MODE": "standard",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class Runs:
    """The runs at one tracking address, in one experiment."""

    def __init__(self, settings: Settings) -> None:
        of_s3 = {"AWS_DEFAULT_REGION": known} if (known := region()) else {}
        for name, value in {**_ONLY_BY_ENVIRONMENT, **of_s3}.items():
            os.environ.setdefault(name, value)
        self._settings = settings
        self._address = settings.tracking_uri
        require_answer(self._address)

    @property
    def _client(self) -> Any:
        from mlflow import MlflowClient

        if (file := self._untouched) is not None:
            make_tables(file)
        with answered(self._address):
            client = MlflowClient(self._address, self._address)
        return Answering(client, self._address)

    @property
    def _artifacts(self) -> Any:
        from mlflow import artifacts

        return Answering(artifacts, self._address)

    @property
    def _untouched(self) -> Path | None:
        """The file that the address names, where nobody has written it yet: it holds nothing, and need not open."""
        file = file_of(self._address)
        return file if file and not file.exists() else None

    def handle(self, run_id: str) -> RunHandle:
        """Return what writes to the run of an id."""
        return RunHandle(run_id, self._client)

    @contextmanager
    def run(
        self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], context: Context, resumed: str = ""
    ) -> Iterator[RunHandle]:
        """Begin a run, or go on with the unfinished one of the same task and parameters (a retry), and give it.

        `resumed` is the run to go on with where the caller knows it; ContractError where it has other parameters. What
        breaks the block ends the run as failed, and stays the error.
        """
        key = _key(params, context)
        if resumed:
            self.trained(resumed).require_same(params)
        unfinished = resumed or self._unfinished(key)
        run = self.handle(unfinished) if unfinished else self.begin(name, params, {"key": key, **tags}, context)
        try:
            if unfinished:
                self._client.update_run(run.run_id, status="RUNNING")
                for tag, value in {**context.provenance, **tags}.items():
                    run.tag(tag, value)
                run.log_params(params)  # the attempt before may have ended between its run and these
            yield run
        except UnderWayError:
            raise  # the run is another process's, which is at work on it
        except BaseException:
            self._fail(run)
            raise
        run.end()

    def _fail(self, run: RunHandle) -> None:
        """End a run as failed, as far as MLflow lets us: it may be down as well, or somebody has deleted the run."""
        try:
            run.end("FAILED")
        except (ContractError, ConcurrentWriteError, UnavailableError) as error:
            log.warning("run %s is not marked as failed in MLflow: %s", run.run_id, error)

    def begin(
        self,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        context: Context,
        parent: str | None = None,
    ) -> RunHandle:
        """Begin a run, under `parent` when one is given."""
        theirs = {"mlflow.user": context.actor} | ({"mlflow.parentRunId": parent} if parent else {})
        ours = {f"{OURS}{key}": value for key, value in {**context.provenance, **tags}.items()}
        begun = self._client.create_run(self._experiment(), tags={**theirs, **ours}, run_name=name)
        run = self.handle(str(begun.info.run_id))
        run.log_params(params)
        return run

    def has(self, run_id: str) -> bool:
        """Tell whether there is such a run, and nobody deleted it."""
        try:
            self.trained(run_id)
        except AbsentError:
            return False
        return True

    def trained(self, run_id: str) -> TrainedRun:
        """Return a training run; AbsentError when there is none of that id, or somebody deleted it."""
        try:
            run = None if self._untouched else self._client.get_run(run_id)
        except AbsentError:
            run = None
        if run is None:
            raise AbsentError(f"MLflow has no run {run_id!r}; take the run_id that `sentiment train` gave")
        if run.info.lifecycle_stage == DELETED:
            raise AbsentError(f"run {run_id} was deleted in MLflow; restore it there, or take another run")
        return _as_trained(run)

    def download(self, run_id: str, name: str, destination: Path) -> Path:
        """Copy a file or folder of a run to `destination`, all of them without a name; return where it lies."""
        found = self.find(run_id, name, destination)
        if found is None:
            raise ContractError(f"run {run_id} keeps no {name!r} (any more); train it anew and take the new run")
        return found

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        """Copy a file or folder of a run to `destination`, or return None when no run keeps any of that name."""
        if not self.has_artifact(run_id, name):
            return None
        destination.mkdir(parents=True, exist_ok=True)
        return Path(self._client.download_artifacts(run_id, name, str(destination)))

    def has_artifact(self, run_id: str, name: str) -> bool:
        """Tell whether there is such a run, and among its files one, or a folder, of that name."""
        try:
            kept = {file.path for file in self._client.list_artifacts(run_id)} if run_id else set()
        except AbsentError:
            return False
        return not name or name in kept

    @contextmanager
    def system_metrics(self, run_id: str) -> Iterator[None]:
        """Log how busy this machine is (processors, memory, disk, network, GPUs) to a run while the block works."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor: Any = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=self._address)  # type: ignore[no-untyped-call]
        monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    def artifact_page(self, run_id: str, name: str) -> str:
        """Return where MLflow's pages show a file of a run, below the server's address."""
        return mlflow_pages.artifact_page(self._experiment_of(run_id), run_id, name)

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

    def _unfinished(self, key: str) -> str:
        found = self._client.search_runs(
            [self._experiment()], f"tags.`{OURS}key` = '{key}' and status != 'FINISHED'", max_results=1
        )
        return str(found[0].info.run_id) if found else ""

    def _experiment_of(self, run_id: str) -> str:
        return str(self._client.get_run(run_id).info.experiment_id)

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
        if found.lifecycle_stage == DELETED:
            raise ContractError(
                f"the experiment {name!r} was deleted in MLflow at {address}; restore it with `mlflow experiments "
                f"restore -x {found.experiment_id}`, or name another one in SENTIMENT_EXPERIMENT"
            )
        return found


def _key(params: Mapping[str, Any], context: Context) -> str:
    """Identify a task's attempt chain: the same dag, run, task and map index with the same parameters is one training.

    Outside Airflow nothing tries again by itself, and the process, of all on all machines, is the task.
    """
    task = {name: value for name, value in context.provenance.items() if name in {"dag", "run", "task", "map_index"}}
    scope = task or {"process": context.run_id}
    return hashlib.sha256(json.dumps({**scope, **params}, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _as_trained(run: Run) -> TrainedRun:
    return TrainedRun(run.info.run_id, dict(run.data.params), dict(run.data.metrics), dict(run.data.tags))
