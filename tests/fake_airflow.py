"""An Airflow that keeps runs in a dictionary, for whoever starts runs and waits for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sentiment.core.errors import UnavailableError

DAYS = [date(2024, 6, 1) + timedelta(number) for number in range(4)]


class FakeAirflow:
    """Runs a day's or a form's run to its end at the second look; remembers what it was asked to do."""

    def __init__(self, days: dict[date, str] | None = None, states: dict[str, str] | None = None) -> None:
        self.days, self.states = dict(days or {}), dict(states or {})
        self.asked: list[tuple[Any, ...]] = []
        self.open: list[int] = []
        self.scheduled: list[str] = []
        self.results: dict[str, Any] = {}
        self.forms: dict[str, Mapping[str, Any]] = {}
        self.lost = False

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = 300.0) -> None:
        self.asked.append(("wait_for_dags", *dag_ids))

    def unpause(self, dag_id: str) -> None:
        self.asked.append(("unpause", dag_id))

    def pause(self, dag_id: str) -> None:
        self.asked.append(("pause", dag_id))

    def active_runs(self, dag_id: str, run_type: str) -> list[str]:
        return list(self.scheduled) if run_type == "scheduled" else []

    def delete_run(self, dag_id: str, run_id: str) -> None:
        self.asked.append(("delete", dag_id, run_id))

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        state = self.states.get(run_id)
        if state in {"queued", "running"}:
            self.states[run_id] = "running" if state == "queued" else "success"
        return state

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        self.asked.append(("trigger", dag_id, run_id))
        self.states[run_id or "manual__1"] = "queued"
        self.forms[dag_id] = conf
        if self.lost:
            raise UnavailableError("Airflow does not answer")
        return run_id or "manual__1"

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        self.asked.append(("clear", dag_id, run_id))
        self.states[run_id] = "queued"

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {"one": self.states.get(run_id) or self.days[date.fromisoformat(run_id)]}

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        return "the log of the failed task"

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        return self.results.get(dag_id, {"of": run_id})

    def day_runs(self, dag_id: str, from_day: date, to_day: date) -> dict[date, tuple[str, str]]:
        found = {day: (str(day), state) for day, state in self.days.items() if from_day <= day <= to_day}
        self.days |= {day: "success" for day, state in self.days.items() if state == "queued"}
        return found

    def runs_by_hand(self, dag_id: str, from_day: date, to_day: date) -> dict[date, tuple[str, str]]:
        return {}

    def backfill(
        self,
        dag_id: str,
        from_day: date,
        to_day: date,
        conf: Mapping[str, Any] | None = None,
        reprocess: str = "none",
        max_active_runs: int = 2,
    ) -> int:
        self.asked.append(("backfill", dag_id, from_day, to_day, reprocess))
        for day in DAYS:
            again = {"failed": {"failed"}, "completed": {"failed", "success"}}[reprocess]
            if from_day <= day <= to_day and self.days.get(day, "failed") in again:
                self.days[day] = "queued"
        if self.lost:
            self.open = [1]
            raise UnavailableError("Airflow does not answer")
        return 1

    def open_backfills(self, dag_id: str) -> list[int]:
        found, self.open = self.open, []
        return found
