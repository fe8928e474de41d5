"""Runs that are started once, waited for and gone on with; Airflow is a stand-in that keeps runs in a dictionary."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from fake_airflow import DAYS, FakeAirflow
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local import airflow_http, processes, runs
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.airflow_http import AirflowHttp
from sentiment_local.login import Login
from sentiment_local.processes import Started
from sentiment_local.runs import Runs
from sentiment_local.states import ComponentRecord, PlatformRecord, write_record
from sentiment_local.watch import Watch


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(runs, "_POLL_SECONDS", 0)


def waited(airflow: FakeAirflow) -> Runs:
    return Runs(airflow, "http://airflow", lambda *_: None, lambda seen: None)


def test_a_run_is_started_waited_for_and_its_result_returned():
    airflow = FakeAirflow()
    assert waited(airflow).run("import_history", {}, "import_history") == {"of": "manual__1"}
    assert airflow.asked == [("trigger", "import_history", None)]


@pytest.mark.parametrize("state", ["success", "running", "queued"])
def test_a_run_of_that_name_is_not_started_twice(state):
    airflow = FakeAirflow(states={"demo__1": state})
    assert waited(airflow).run("train_models", {}, "promote", "demo__1") == {"of": "demo__1"}
    assert airflow.asked == []


def test_a_run_of_that_name_that_failed_goes_on_with_its_failed_tasks():
    airflow = FakeAirflow(states={"demo__1": "failed"})
    waited(airflow).run("train_models", {}, "promote", "demo__1")
    assert airflow.asked == [("clear", "train_models", "demo__1")]


def test_a_run_whose_start_was_not_confirmed_is_found_by_its_name():
    airflow = FakeAirflow()
    airflow.lost = True
    assert waited(airflow).run("train_models", {}, "promote", "demo__1") == {"of": "demo__1"}
    assert len(airflow.asked) == 1


def test_only_days_that_lack_are_backfilled():
    airflow = FakeAirflow({DAYS[0]: "success", DAYS[1]: "failed", DAYS[3]: "success"})
    work = waited(airflow)
    work.wait(work.complete("ingest_reviews", DAYS))
    assert airflow.asked == [("backfill", "ingest_reviews", DAYS[1], DAYS[2], "failed")]


def test_days_that_are_done_or_queued_are_left_alone():
    airflow = FakeAirflow({DAYS[0]: "success", DAYS[1]: "queued", DAYS[2]: "success", DAYS[3]: "queued"})
    work = waited(airflow)
    work.wait(work.complete("ingest_reviews", DAYS))
    assert airflow.asked == []


def test_days_that_were_done_before_what_they_rest_on_are_done_again_with_those_that_lack():
    airflow = FakeAirflow({DAYS[0]: "success", DAYS[1]: "failed", DAYS[2]: "queued"})
    work = waited(airflow)
    work.wait(training := work.start("train_models", {}, "demo__1"))
    work.wait(work.complete("score_reviews", DAYS, training))
    assert airflow.asked[1:] == [("backfill", "score_reviews", DAYS[0], DAYS[3], "completed")]
    work.wait(work.complete("score_reviews", [DAYS[0], DAYS[1]], training))
    assert len(airflow.asked) == 2


def test_a_backfill_whose_start_was_not_confirmed_is_waited_for():
    airflow = FakeAirflow()
    airflow.lost = True
    work = waited(airflow)
    work.wait(work.complete("score_reviews", DAYS))
    assert len(airflow.asked) == 1


def test_a_backfill_that_is_asked_for_runs_done_days_again():
    airflow = FakeAirflow(dict.fromkeys(DAYS, "success"))
    work = waited(airflow)
    work.wait(work.backfill("score_reviews", DAYS))
    assert airflow.asked == [("backfill", "score_reviews", DAYS[0], DAYS[-1], "completed")]


def test_a_run_that_failed_ends_the_wait_with_its_log():
    airflow = FakeAirflow(states={"r": "failed"})
    work = waited(airflow)
    job = runs.DagRun(airflow, "train_models", "r")
    with pytest.raises(ContractError, match="the log of the failed task"):
        work.wait(job)


def test_a_run_whose_tasks_multiply_is_never_less_done_than_before():
    class Multiplying(FakeAirflow):
        """A task that is mapped is one until its instances are made."""

        looks = (
            {"list": "success", "train": "running", "export": None},
            {"list": "success", "train[0]": "success", "train[1]": "running", "train[2]": None, "export": None},
            {"list": "success", "train[0]": "success", "train[1]": "success", "train[2]": "success", "export": None},
        )

        def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
            return self.looks[seen]

    job, shares = runs.DagRun(Multiplying(states={"r": "running"}), "train_models", "r"), []
    for seen in range(3):  # noqa: B007  read by the stand-in
        _, done, total = job.look()
        shares.append((done, total))
    assert shares == [(1, 3), (1, 3), (2, 3)]


@pytest.fixture
def watched(tmp_path) -> tuple[Settings, Any]:
    settings = Settings(home=tmp_path)
    me = processes.launch("supervisor", ("sleep", "60"), {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "s.log")

    def write(state: str = "healthy", *events: str, supervisor: Started = me) -> None:
        log = tmp_path / "scheduler.log"
        its = Started(name="scheduler", pid=2**22 + 1, created=0, folder=tmp_path, log=log)
        one = ComponentRecord(name="scheduler", state=state, reason="it ended by itself", started=its, log=log)
        write_record(settings, PlatformRecord(supervisor=supervisor, components=(one,), events=events))

    write()
    yield settings, write
    processes.end([me], 1)


def test_what_is_started_again_is_said_once(watched):
    settings, write = watched
    said: list[str] = []
    watch = Watch(settings, lambda step, *_: said.append(step))
    write("waiting", "12:00:00 scheduler: it ended by itself; started again in 1 s (1 of 5)")
    watch.look({"import_history": "running"})
    watch.look({"import_history": "running"})
    assert said == ["12:00:00 scheduler: it ended by itself; started again in 1 s (1 of 5)"]


def test_a_request_to_an_airflow_that_is_started_again_says_so_before_it_is_sent_again(watched, monkeypatch):
    settings, write = watched
    monkeypatch.setattr(airflow_http, "_PAUSE_SECONDS", 0)
    said: list[str] = []
    watch = Watch(settings, lambda step, *_: said.append(step))
    answers = [503, 200]

    def server(request: httpx.Request) -> httpx.Response:
        write("starting", "12:00:00 api-server: it ended by itself; started again in 1 s (1 of 5)")
        token = request.url.path == "/auth/token"
        return httpx.Response(200 if token else answers.pop(0), json={"access_token": "key", "state": "success"})

    http = AirflowHttp("http://airflow", Login("a", "p"), httpx.MockTransport(server), on_retry=watch.check)
    assert AirflowApi(http).run_state("d", "r") == "success"
    assert said == ["12:00:00 api-server: it ended by itself; started again in 1 s (1 of 5)"]


def test_a_component_that_is_given_up_ends_the_wait_with_its_log(watched):
    settings, write = watched
    watch = Watch(settings, lambda *_: None)
    (settings.home / "scheduler.log").write_text("no space left on device")
    write("failed")
    with pytest.raises(ContractError, match=r"scheduler does not stay up(.|\n)*no space left"):
        watch.look({})


def test_a_supervisor_that_ended_ends_the_wait(watched):
    settings, write = watched
    watch = Watch(settings, lambda *_: None)
    dead = Started(name="supervisor", pid=2**22 + 1, created=0, folder=settings.home, log=settings.home / "s.log")
    write("healthy", supervisor=dead)
    with pytest.raises(ContractError, match="the supervisor of the platform ended"):
        watch.look({})


def test_a_standstill_ends_the_wait_with_what_was_seen(watched):
    settings, _ = watched
    watch = Watch(settings, lambda *_: None, standstill=0)
    watch.look({"score_reviews": "queued"})
    with pytest.raises(ContractError, match=r"nothing has moved.*score_reviews: queued.*sentiment status"):
        watch.look({"score_reviews": "queued"})


def test_a_task_that_writes_its_log_is_no_standstill(watched):
    settings, _ = watched
    watch = Watch(settings, lambda *_: None, standstill=0)
    log = settings.home / "airflow" / "logs" / "dag_id=train_models" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    for number in range(3):
        log.write_text(json.dumps(list(range(number))))
        watch.look({"train_models": "running"})
    with pytest.raises(ContractError, match="nothing has moved"):
        watch.look({"train_models": "running"})
