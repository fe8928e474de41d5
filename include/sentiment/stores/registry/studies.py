"""A study in MLflow: one run for all of it, and one under it for each trial, written by any number of processes.

Unlike the run of a training none of them is the process's open one. Knows nothing of Optuna.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sentiment.core.errors import ContractError
from sentiment.core.provenance import provenance
from sentiment.stores.registry.versions import Registry

State = Literal["complete", "pruned", "failed"]
ERROR_CHARACTERS = 500


class StudyRuns(Registry):
    """The runs of studies, at the tracking address of the trainings."""

    def begin(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], parent: str | None = None) -> str:
        """Begin a run, under `parent` when one is given, and return its id."""
        nested = {"mlflow.parentRunId": parent} if parent else {}
        ours = {f"sentiment.{key}": value for key, value in {**provenance(), **tags}.items()}
        run = self._client.create_run(self._experiment(), tags={**nested, **ours}, run_name=name)
        run_id = str(run.info.run_id)
        written = [self._mlflow.entities.Param(key, str(value)) for key, value in params.items()]
        self._client.log_batch(run_id, params=written)
        return run_id

    def add_metrics(self, run_id: str, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Add the figures among `metrics` to a run; MLflow takes finite ones only."""
        now = int(time.time() * 1000)
        figures = {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}
        written = [
            self._mlflow.entities.Metric(name, value, now, step)
            for name, value in figures.items()
            if math.isfinite(value)
        ]
        self._client.log_batch(run_id, metrics=written)

    def add_folder(self, run_id: str, folder: Path, name: str) -> None:
        """Add a folder's files to a run under `name`."""
        self._client.log_artifacts(run_id, str(folder), name)

    def reopen(self, run_id: str) -> bool:
        """Go on with a run that had ended, and tell whether MLflow still has it."""
        try:
            self.trained(run_id)
        except ContractError:
            return False
        self._client.update_run(run_id, status="RUNNING")
        return True

    def end(self, run_id: str, state: State, error: str = "") -> None:
        """End a run that has not ended, with its state and what failed as tags."""
        if self._client.get_run(run_id).info.status != "RUNNING":
            return
        self._client.set_tag(run_id, "sentiment.state", state)
        if error:
            self._client.set_tag(run_id, "sentiment.error", error[:ERROR_CHARACTERS])
        self._client.set_terminated(run_id, "FAILED" if state == "failed" else "FINISHED")
