"""Runs watched through Airflow's API: a busy Airflow is asked again, a failed task shows its log."""

from datetime import date

import pytest

from sentiment.errors import ContractError
from sentiment.local.runs import Runs

DAYS = [date(2024, 6, 1), date(2024, 6, 2)]
RUNNING = ContractError("Airflow refuses POST backfills (409): There is already a running backfill for dag score")


class FakeAirflow:
    """Answers as Airflow does; `refusals` are raised by the first backfills."""

    def __init__(self, *refusals: Exception, state: str = "success") -> None:
        self.refusals, self.state, self.logs = list(refusals), state, []

    def open_backfills(self, dag):
        return []

    def backfill(self, dag, first, last, **_):
        if self.refusals:
            raise self.refusals.pop(0)
        return 1

    def backfill_runs(self, backfill):
        return dict.fromkeys(DAYS, self.state)

    def task_states(self, dag, run_id):
        return {"resolve": "success", "score[1]": "failed"}

    def task_log(self, dag, run_id, task, map_index=-1):
        self.logs.append((task, map_index))
        return "what went wrong"


def runs(airflow):
    return Runs(airflow, "http://airflow", lambda *_: None)


def test_a_backfill_that_airflow_opened_and_denied_is_waited_for_and_started_again():
    airflow = FakeAirflow(RUNNING, RUNNING)
    runs(airflow).backfill("score", DAYS)
    assert airflow.refusals == []


@pytest.mark.parametrize("refusals", [(RUNNING,) * 5, (ContractError("Airflow refuses: no such dag"),)])
def test_a_backfill_that_is_refused_for_good_or_for_another_reason_is_told(refusals):
    with pytest.raises(ContractError, match="Airflow refuses"):
        runs(FakeAirflow(*refusals)).backfill("score", DAYS)


def test_a_mapped_task_that_failed_shows_its_own_log():
    airflow = FakeAirflow(state="failed")
    with pytest.raises(ContractError, match=r"ended as failed in task score\[1\].*\n?what went wrong"):
        runs(airflow).backfill("score", DAYS)
    assert airflow.logs == [("score", 1)]
