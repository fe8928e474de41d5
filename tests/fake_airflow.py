"""An Airflow that keeps runs in a dictionary, for whoever starts runs and waits for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sentiment.core.errors import UnavailableError

DAYS = [date(2024, 6, 1) + timedelta(number) for number in range(4)]
# When runs began that are there from the first: after any file of a test was written.
_BEFORE = datetime(2100, 1, 1, tzinfo=UTC)


class FakeAirflow:
    """Runs a day's or a form's run to its end at the second look; remembers what it was asked to do.

    Each DAG has the days that it is made with; a schedule makes a run where a DAG is unpaused. Its clock goes on by a
    second with each thing that is asked.
    """

    def __init__(self, days: dict[date, str] | None = None, states: dict[str, str] | None = None) -> None:
        self._given, self._days = dict(days or {}), dict[str, dict[date, str]]()
        self.states = dict(states or {})
        self._began: dict[tuple[str, str], datetime] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.open: list[int] = []
        self.unpaused: set[str] = set()
        self.scheduled: dict[str, list[str]] = {}
        self.results: dict[str, Any] = {}
        self.forms: dict[str, Mapping[str, Any]] = {}
        self.lost = False

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = 300.0) -> None:
        self.asked.append(("wait_for_dags", *dag_ids))

    def is_paused(self, dag_id: str) -> bool:
        return dag_id not in self.unpaused

    def unpause(self, dag_id: str) -> None:
        self.asked.append(("unpause", dag_id))
        if dag_id != "import_history":
            self.scheduled.setdefault(dag_id, []).append(f"scheduled__{len(self.asked)}")
        self.unpaused.add(dag_id)

    def pause(self, dag_id: str) -> None:
        self.asked.append(("pause", dag_id))
        self.unpaused.discard(dag_id)

    def active_runs(self, dag_id: str, run_type: str) -> list[str]:
        return list(self.scheduled.get(dag_id, ())) if run_type == "scheduled" else []

    def delete_run(self, dag_id: str, run_id: str) -> None:
        self.asked.append(("delete", dag_id, run_id))
        self.scheduled[dag_id].remove(run_id)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        state = self.states.get(run_id)
        if state in {"queued", "running"}:
            self.states[run_id] = "running" if state == "queued" else "success"
        return state

    def span(self, dag_id: str, run_id: str) -> tuple[datetime | None, datetime | None]:
        began = self._began.get((dag_id, run_id), _BEFORE)
        return began, began

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        self.asked.append(("trigger", dag_id, run_id))
        self.states[run_id or "manual__1"] = "queued"
        self._begins(dag_id, run_id or "manual__1")
        self.forms[dag_id] = conf
        if self.lost:
            raise UnavailableError("Airflow does not answer")
        return run_id or "manual__1"

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        self.asked.append(("clear", dag_id, run_id))
        self.states[run_id] = "queued"
        self._begins(dag_id, run_id)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {"one": self.states.get(run_id) or self._days_of(dag_id)[date.fromisoformat(run_id)]}

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        return "the log of the failed task"

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        return self.results.get(dag_id, {"of": run_id})

    def day_runs(self, dag_id: str, from_day: date, to_day: date) -> dict[date, tuple[str, str]]:
        days = self._days_of(dag_id)
        found = {day: (str(day), state) for day, state in days.items() if from_day <= day <= to_day}
        days |= {day: "success" for day, state in days.items() if state == "queued"}
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
        days = self._days_of(dag_id)
        for day in DAYS:
            again = {"failed": {"failed"}, "completed": {"failed", "success"}}[reprocess]
            if from_day <= day <= to_day and days.get(day, "failed") in again:
                days[day] = "queued"
                self._begins(dag_id, str(day))
        if self.lost:
            self.open = [1]
            raise UnavailableError("Airflow does not answer")
        return 1

    def open_backfills(self, dag_id: str) -> list[int]:
        found, self.open = self.open, []
        return found

    def _days_of(self, dag_id: str) -> dict[date, str]:
        return self._days.setdefault(dag_id, dict(self._given))

    def _begins(self, dag_id: str, run_id: str) -> None:
        self._began[dag_id, run_id] = _BEFORE + timedelta(seconds=len(self.asked))
