"""A small client of Airflow's REST API v2, for the demonstration and the tests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import quote

from sentiment.core.errors import ContractError, UnavailableError
from sentiment_local.airflow_http import AirflowHttp, RefusedError

Reprocess = Literal["none", "failed", "completed"]

_POLL_SECONDS = 0.5
# A file that cannot be read is told at once; nine that can take a minute on busy cores.
_DAGS_SECONDS = 300.0


class AirflowApi:
    """Airflow, as the user whose login the requests carry.

    Every method raises ContractError when Airflow refuses the request, UnavailableError when it does not answer.
    """

    def __init__(self, http: AirflowHttp) -> None:
        self._http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = _DAGS_SECONDS) -> None:
        """Wait until all the DAGs are known, at most `timeout` seconds; import errors are told at once."""
        missing, deadline = set(dag_ids), time.monotonic() + timeout
        while True:
            missing -= {dag["dag_id"] for dag in self._http.pages("dags", "dags", {"exclude_stale": "true"})}
            if not missing:
                return
            self._fail_on_import_errors()
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Airflow does not know {sorted(missing)} after {timeout:g} s; see its DAG folder"
                )
            time.sleep(_POLL_SECONDS)

    def fields(self, dag_id: str) -> dict[str, dict[str, Any]]:
        """Return the schema of each field of the DAG's form, with its title and its section."""
        params = self._http.call("GET", f"dags/{dag_id}/details")["params"]
        return {name: param["schema"] for name, param in params.items()}

    def form(self, dag_id: str) -> dict[str, Any]:
        """Return what the DAG's form holds when it opens."""
        params = self._http.call("GET", f"dags/{dag_id}/details")["params"]
        return {name: param["value"] for name, param in params.items()}

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether the scheduler starts no runs of the DAG."""
        return bool(self._http.call("GET", f"dags/{dag_id}")["is_paused"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler start runs of the DAG; while it is paused, not even a backfill's runs start."""
        self._pause(dag_id, False)

    def pause(self, dag_id: str) -> None:
        """Let the scheduler start no more runs of the DAG."""
        self._pause(dag_id, True)

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        """Start a run with the form's values, without a logical date, and return its run id."""
        body: dict[str, Any] = {"conf": dict(conf), "logical_date": None}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self._http.call("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return queued, running, success or failed; None when there is no such run."""
        try:
            return str(self._http.call("GET", _run(dag_id, run_id))["state"])
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def span(self, dag_id: str, run_id: str) -> tuple[datetime | None, datetime | None]:
        """Return when a run last began, and when it last ended; None for what it never did."""
        run = self._http.call("GET", _run(dag_id, run_id))
        return _moment(run["start_date"]), _moment(run["end_date"])

    def note(self, dag_id: str, run_id: str) -> str:
        """Return the note of a run: what its tasks said came of it."""
        return str(self._http.call("GET", _run(dag_id, run_id))["note"] or "")

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Let a failed run go on: its failed tasks, and those that waited for them, run again."""
        self._http.call("POST", f"{_run(dag_id, run_id)}/clear", json={"dry_run": False, "only_failed": True})

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run, mapped ones as `task[0]`; None is not scheduled yet."""
        found = self._http.pages(f"{_run(dag_id, run_id)}/taskInstances", "task_instances")
        return {_task_name(task): task["state"] for task in found}

    def active_runs(self, dag_id: str, run_type: str) -> list[str]:
        """Return the ids of the DAG's queued and running runs of a type: scheduled, manual or backfill."""
        wanted = {"run_type": run_type, "state": ["queued", "running"]}
        return [run["dag_run_id"] for run in self._http.pages(f"dags/{dag_id}/dagRuns", "dag_runs", wanted)]

    def run_ids(self, dag_id: str) -> list[str]:
        """Return the ids of the DAG's runs, of whatever type and state."""
        return [run["dag_run_id"] for run in self._http.pages(f"dags/{dag_id}/dagRuns", "dag_runs")]

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete a run with its tasks; one that is at work is ended first, for Airflow deletes no running one."""
        self._http.call("PATCH", _run(dag_id, run_id), json={"state": "failed"}, params={"update_mask": "state"})
        self._http.call("DELETE", _run(dag_id, run_id))

    def backfill(
        self,
        dag_id: str,
        from_day: date,
        to_day: date,
        conf: Mapping[str, Any] | None = None,
        reprocess: Reprocess = "none",
        max_active_runs: int = 2,
    ) -> int:
        """Start a backfill of the days, both inclusive, and return its id; a DAG has one active backfill at most."""
        body = {
            "dag_id": dag_id,
            "from_date": _midnight(from_day),
            "to_date": _midnight(to_day),
            "reprocess_behavior": reprocess,
            "max_active_runs": max_active_runs,
            "dag_run_conf": dict(conf or {}),
        }
        return int(self._http.call("POST", "backfills", json=body)["id"])

    def day_runs(self, dag_id: str, from_day: date, to_day: date) -> dict[date, tuple[str, str]]:
        """Return run id and state of each of the days that has a run of its date; a day has one at most.

        A run by hand bears the moment at which it was triggered, which says nothing of its day.
        """
        window = {"logical_date_gte": _midnight(from_day), "logical_date_lte": _midnight(to_day)}
        runs = self._http.pages(f"dags/{dag_id}/dagRuns", "dag_runs", window)
        return {_day(run["logical_date"]): (run["dag_run_id"], run["state"]) for run in runs if _is_of_its_date(run)}

    def runs_by_hand(self, dag_id: str, from_day: date, to_day: date) -> dict[date, tuple[str, str]]:
        """Return run id and state of the last run by hand of each of the days that was asked for in a form."""
        runs = self._http.pages(f"dags/{dag_id}/dagRuns", "dag_runs", {"run_type": "manual", "order_by": "run_after"})
        asked = {(run.get("conf") or {}).get("day"): (run["dag_run_id"], run["state"]) for run in runs}
        days = {str(from_day + timedelta(n)) for n in range((to_day - from_day).days + 1)}
        return {date.fromisoformat(day): run for day, run in asked.items() if day in days}

    def open_backfills(self, dag_id: str) -> list[int]:
        """Return the ids of the DAG's backfills that Airflow has not closed yet."""
        found = self._http.pages("backfills", "backfills", {"dag_id": dag_id})
        return [backfill["id"] for backfill in found if backfill["completed_at"] is None]

    def make_pool(self, name: str, slots: int, description: str) -> None:
        """Create the pool; one that is there keeps the slots that somebody gave it."""
        if name not in {pool["name"] for pool in self._http.pages("pools", "pools")}:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
            self._http.call("POST", "pools", json=body)

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task has returned."""
        entry = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._http.call("GET", entry)["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        """Return the log of a task's last try, one event a line, with the traceback of an error."""
        task = f"{_run(dag_id, run_id)}/taskInstances/{task_id}"
        instance = self._http.call("GET", task if map_index < 0 else f"{task}/{map_index}")
        log = f"{task}/logs/{instance['try_number']}"
        content = self._http.call("GET", log, params={"full_content": "true", "map_index": map_index})["content"]
        return "\n".join(_log_line(event) for event in content)

    def _pause(self, dag_id: str, paused: bool) -> None:
        self._http.call("PATCH", f"dags/{dag_id}", json={"is_paused": paused}, params={"update_mask": "is_paused"})

    def _fail_on_import_errors(self) -> None:
        for error in self._http.pages("importErrors", "import_errors"):
            raise ContractError(f"Airflow cannot import {error['filename']}: {error['stack_trace']}")


def _run(dag_id: str, run_id: str) -> str:
    return f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00+00:00"


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone(UTC).date()


def _is_of_its_date(run: Mapping[str, Any]) -> bool:
    if run["run_type"] != "manual":
        return True
    moment = run["logical_date"]
    at_midnight = datetime.fromisoformat(moment) == datetime.fromisoformat(_midnight(_day(moment)))
    return at_midnight and not (run.get("conf") or {}).get("day")


def _task_name(task: Mapping[str, Any]) -> str:
    index = task["map_index"]
    return str(task["task_id"]) if index < 0 else f"{task['task_id']}[{index}]"


def _log_line(event: Any) -> str:
    if isinstance(event, str):
        return event
    causes = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in event.get("error_detail") or []]
    return "\n".join([str(event["event"]), *causes])
