"""Runs of DAGs, watched to their end through Airflow's API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from sentiment.errors import ContractError
from sentiment.local.airflow_api import AirflowApi
from sentiment.progress import OnProgress

_POLL_SECONDS = 2.0
_BACKFILL_TRIES = 5
_ACTIVE = {"queued", "running"}


class Runs:
    """Starts runs and waits for them, telling how far they are; a failure ends the demo with the failed task's log."""

    def __init__(self, airflow: AirflowApi, url: str, on_progress: OnProgress) -> None:
        self._airflow, self._url, self._on_progress = airflow, url, on_progress

    def run(self, dag: str, conf: Mapping[str, Any], result_of: str) -> Any:
        """Trigger a DAG, wait for its end, and return the result of one of its tasks."""
        run_id = self._airflow.trigger(dag, conf)
        while (state := self._airflow.run_state(dag, run_id)) in _ACTIVE:
            tasks = self._airflow.task_states(dag, run_id)
            busy = [name for name, now in tasks.items() if now == "running"]
            done = sum(now == "success" for now in tasks.values())
            self._on_progress(f"{dag}: {', '.join(busy) or 'waiting'}", done, len(tasks))
            time.sleep(_POLL_SECONDS)
        self._require_success(dag, {run_id: state})
        return self._airflow.xcom(dag, run_id, result_of)

    def backfill(self, dag: str, days: list[date]) -> None:
        """Backfill days through Airflow's own backfill and wait for the end of its runs."""
        backfill = self._start_backfill(dag, days)
        while True:
            states = self._airflow.backfill_runs(backfill)
            ended = sum(state not in _ACTIVE for state in states.values())
            self._on_progress(f"{dag}: backfilling days", ended, len(days))
            if states and ended == len(states):
                break
            time.sleep(_POLL_SECONDS)
        self._require_success(dag, {f"backfill__{day}T00:00:00+00:00": state for day, state in states.items()})

    def _start_backfill(self, dag: str, days: list[date]) -> int:
        """Start it when the last one is closed.

        A busy Airflow may open a backfill and still answer that it could not; the next try finds it running, waits
        for its end and starts another, for the days that it lacks are unknown.
        """
        for _ in range(_BACKFILL_TRIES - 1):
            try:
                return self._try_backfill(dag, days)
            except ContractError as error:
                if "already a running backfill" not in str(error):
                    raise
        return self._try_backfill(dag, days)

    def _try_backfill(self, dag: str, days: list[date]) -> int:
        self._wait_for_the_last_backfill(dag)
        return self._airflow.backfill(dag, days[0], days[-1], reprocess="completed", max_active_runs=2)

    def _wait_for_the_last_backfill(self, dag: str) -> None:
        """A DAG has one open backfill at most, and Airflow closes one up to 30 s after its last run."""
        while self._airflow.open_backfills(dag):
            self._on_progress(f"{dag}: waiting until Airflow closes the last backfill", 0, 0)
            time.sleep(_POLL_SECONDS)

    def _require_success(self, dag: str, runs: Mapping[str, str]) -> None:
        for run_id, state in runs.items():
            if state != "success":
                tasks = self._airflow.task_states(dag, run_id)
                failed = next((task for task, now in tasks.items() if now == "failed"), None)
                log = self._log(dag, run_id, failed) if failed else ""
                raise ContractError(
                    f"{dag} ended as {state} in task {failed}; see {self._url}/dags/{dag}/runs/{run_id}\n{log[-3000:]}"
                )

    def _log(self, dag: str, run_id: str, task: str) -> str:
        """Return a task's log; a mapped one is named `task[0]`."""
        name, _, index = task.partition("[")
        return self._airflow.task_log(dag, run_id, name, int(index.rstrip("]")) if index else -1)
