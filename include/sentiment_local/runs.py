"""Runs of DAGs, started once and watched to their end through Airflow's API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Protocol

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.progress import OnProgress
from sentiment_local.airflow_api import AirflowApi, Reprocess

_POLL_SECONDS = 2.0
_ACTIVE = {"queued", "running"}

# Told what is seen of the work, at each look; raises ContractError when waiting is of no use.
OnLook = Callable[[Mapping[str, object]], None]


class Job(Protocol):
    """Work of Airflow that is waited for."""

    dag: str

    def look(self) -> tuple[str, int, int]:
        """Return what is being done, how much of it is done, and how much there is."""

    def ended(self) -> bool:
        """Tell whether it had ended at the last look."""

    def runs(self) -> dict[str, str]:
        """Return the state of each run at the last look, by its id."""


class DagRun:
    """One run of a DAG."""

    def __init__(self, airflow: AirflowApi, dag: str, run_id: str) -> None:
        self.dag, self.run_id = dag, run_id
        self._airflow = airflow
        self._state = "queued"
        self.tasks: dict[str, str | None] = {}

    def look(self) -> tuple[str, int, int]:
        """See what its tasks do."""
        self._state = self._airflow.run_state(self.dag, self.run_id) or "deleted"
        self.tasks = self._airflow.task_states(self.dag, self.run_id)
        busy = [name for name, now in self.tasks.items() if now == "running"]
        # A mapped task counts once, however many come of it: its number is known when it begins, and what is done
        # would seem less.
        done: dict[str, bool] = {}
        for name, now in self.tasks.items():
            task = name.partition("[")[0]
            done[task] = done.get(task, True) and now in {"success", "skipped"}
        return f"{self.dag}: {', '.join(busy) or 'waiting'}", sum(done.values()), len(done)

    def ended(self) -> bool:
        """Tell whether it had ended at the last look."""
        return self._state not in _ACTIVE

    def runs(self) -> dict[str, str]:
        """Return its state."""
        return {self.run_id: self._state}


class DagDays:
    """The runs of a DAG for some days, one a day."""

    def __init__(self, airflow: AirflowApi, dag: str, days: Sequence[date]) -> None:
        self.dag, self._airflow, self._days = dag, airflow, days
        self._found: dict[date, tuple[str, str]] = {}

    def look(self) -> tuple[str, int, int]:
        """See how many days are done."""
        found = self._airflow.day_runs(self.dag, self._days[0], self._days[-1])
        self._found = {day: found[day] for day in self._days if day in found}
        ended = sum(state not in _ACTIVE for _, state in self._found.values())
        return f"{self.dag}: days", ended, len(self._days)

    def ended(self) -> bool:
        """Tell whether every day had a run, and all had ended, at the last look."""
        return len(self._found) == len(self._days) and all(state not in _ACTIVE for _, state in self._found.values())

    def lacking(self) -> list[date]:
        """Return the days that had no run at the last look, or one that failed."""
        return [day for day in self._days if self._found.get(day, ("", "failed"))[1] == "failed"]

    def stale(self, end: datetime | None, written: Mapping[date, datetime]) -> list[date]:
        """Return the days whose run was done at the last look and had begun before `end`, or before its file came."""
        done = [(day, run_id) for day, (run_id, state) in self._found.items() if state == "success"]
        began = {day: self._airflow.span(self.dag, run_id)[0] for day, run_id in done}
        rests_on = {day: [moment for moment in (end, written.get(day)) if moment] for day in began}
        return [day for day, start in began.items() if start and any(start < moment for moment in rests_on[day])]

    def runs(self) -> dict[str, str]:
        """Return the state of each day's run."""
        return dict(self._found.values())


class Runs:
    """Starts runs once and waits for them; a failure ends the wait with the failed task's log."""

    def __init__(self, airflow: AirflowApi, url: str, on_progress: OnProgress, on_look: OnLook) -> None:
        self._airflow, self._url, self._on_progress, self._on_look = airflow, url, on_progress, on_look

    def run(self, dag: str, conf: Mapping[str, Any], result_of: str, run_id: str | None = None) -> Any:
        """Start a run, wait for its end, and return the result of one of its tasks."""
        job = self.start(dag, conf, run_id)
        self.wait(job)
        return self.result(job, result_of)

    def start(self, dag: str, conf: Mapping[str, Any], run_id: str | None = None) -> DagRun:
        """Start a run, or go on with the one of that id: its failed tasks run again, its done ones do not."""
        state = self._airflow.run_state(dag, run_id) if run_id else None
        if run_id and state == "failed":
            self._airflow.clear_failed(dag, run_id)
        if state is None:
            run_id = self._trigger(dag, conf, run_id)
        return DagRun(self._airflow, dag, str(run_id))

    def backfill(self, dag: str, days: Sequence[date]) -> DagDays:
        """Run all the days through Airflow's own backfill, those that were done again."""
        self._wait_for_the_last_backfill(dag)
        self._airflow.backfill(dag, days[0], days[-1], reprocess="completed", max_active_runs=2)
        return DagDays(self._airflow, dag, days)

    def complete(
        self,
        dag: str,
        days: Sequence[date],
        after: DagRun | None = None,
        written: Mapping[date, datetime] = MappingProxyType({}),
    ) -> DagDays:
        """Run the days that were not done yet through Airflow's own backfill; what is queued or done stays as it is.

        A day that was done before `after` had ended, a run on whose outcome it rests, or before its file was `written`,
        is done again. When it was stands in Airflow alone, so that it holds after an interruption too.
        """
        job = DagDays(self._airflow, dag, days)
        lacking, stale = self._due(job, after, written)
        if not lacking and not stale:
            return job
        self._wait_for_the_last_backfill(dag)
        lacking, stale = self._due(job, after, written)
        if due := sorted({*lacking, *stale}):
            self._post_backfill(dag, due, "completed" if stale else "failed")
        return job

    def wait(self, *jobs: Job) -> None:
        """Wait until all have ended, well; raises ContractError for the first that did not."""
        while True:
            seen = self._see(jobs)
            if all(job.ended() for job in jobs):
                break
            self._on_look(seen)
            time.sleep(_POLL_SECONDS)
        for job in jobs:
            self._require_success(job.dag, job.runs())

    def wait_for_task(self, job: DagRun, task: str) -> None:
        """Wait until a task of the run is done, or the run has ended without it."""
        while True:
            seen = self._see([job])
            if job.tasks.get(task) == "success" or job.ended():
                return
            self._on_look(seen)
            time.sleep(_POLL_SECONDS)

    def result(self, job: DagRun, task: str) -> Any:
        """Return what a task of the run returned."""
        return self._airflow.xcom(job.dag, job.run_id, task)

    def _see(self, jobs: Sequence[Job]) -> dict[str, object]:
        looks = [job.look() for job in jobs]
        self._on_progress(
            " + ".join(step for step, _, _ in looks), sum(done for _, done, _ in looks), sum(all_ for *_, all_ in looks)
        )
        return {job.dag: job.runs() | dict(getattr(job, "tasks", {})) for job in jobs}

    def _trigger(self, dag: str, conf: Mapping[str, Any], run_id: str | None) -> str:
        try:
            return self._airflow.trigger(dag, conf, run_id=run_id)
        except (ContractError, UnavailableError):
            # The server may have ended after it had made the run and before it could say so.
            if run_id and self._airflow.run_state(dag, run_id):
                return run_id
            raise

    def _due(
        self, job: DagDays, after: DagRun | None, written: Mapping[date, datetime]
    ) -> tuple[list[date], list[date]]:
        """Look, and return the days that lack, and those that were done too early."""
        job.look()
        end = self._airflow.span(after.dag, after.run_id)[1] if after else None
        return job.lacking(), job.stale(end, written)

    def _post_backfill(self, dag: str, days: Sequence[date], reprocess: Reprocess) -> None:
        try:
            self._airflow.backfill(dag, days[0], days[-1], reprocess=reprocess, max_active_runs=2)
        except (ContractError, UnavailableError):
            if not self._airflow.open_backfills(dag):
                raise

    def _wait_for_the_last_backfill(self, dag: str) -> None:
        """A DAG has one open backfill at most, and Airflow closes one up to 30 s after its last run."""
        while backfills := self._airflow.open_backfills(dag):
            self._on_progress(f"{dag}: waiting until Airflow closes the last backfill")
            self._on_look({f"open backfills of {dag}": backfills})
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
