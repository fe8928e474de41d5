"""The client of Airflow's API against a hand-made Airflow: a function from request to response."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from sentiment.core.errors import ContractError, UnavailableError
from sentiment_local import airflow_http
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.airflow_http import AirflowHttp
from sentiment_local.login import Login
from sentiment_local.supervision import START_SECONDS

LOGIN = Login("admin", "p")


class FakeAirflow:
    """Answers each path with the next of its responses, the last one again and again; remembers the requests."""

    def __init__(self, **answers: list[tuple[int, object]]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "p"}
            return httpx.Response(201, json={"access_token": "key"})
        self.requests.append(request)
        left = self.answers[request.url.path.removeprefix("/api/v2/").split("/")[0]]
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, json=body)

    def api(self) -> AirflowApi:
        return AirflowApi(AirflowHttp("http://airflow", LOGIN, httpx.MockTransport(self)))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(airflow_http, "_PAUSE_SECONDS", 0)


def test_a_trigger_carries_the_token_the_conf_and_no_date():
    airflow = FakeAirflow(dags=[(200, {"dag_run_id": "manual__1"})])
    assert airflow.api().trigger("train_models", {"family": "linear"}) == "manual__1"
    (request,) = airflow.requests
    assert request.headers["Authorization"] == "Bearer key"
    assert json.loads(request.content) == {"conf": {"family": "linear"}, "logical_date": None}


def test_the_days_of_a_backfill_are_midnights_in_utc_both_inclusive():
    airflow = FakeAirflow(backfills=[(200, {"id": 7})])
    assert airflow.api().backfill("score_reviews", date(2014, 3, 1), date(2014, 3, 3), {"model": "2"}) == 7
    body = json.loads(airflow.requests[0].content)
    assert (body["from_date"], body["to_date"]) == ("2014-03-01T00:00:00+00:00", "2014-03-03T00:00:00+00:00")
    assert (body["dag_run_conf"], body["reprocess_behavior"]) == ({"model": "2"}, "none")


def test_the_runs_of_a_range_are_told_by_their_day():
    runs = [
        {"logical_date": f"2014-03-0{moment}Z", "dag_run_id": f"r{moment[0]}", "state": state, **of_type}
        for moment, state, of_type in [
            ("1T00:00:00", "success", {"run_type": "scheduled", "conf": {}}),
            ("2T00:00:00", "queued", {"run_type": "manual", "conf": None}),
            # By hand on the first, of other days.
            ("1T10:00:00", "failed", {"run_type": "manual", "conf": {"day": "2014-02-01"}}),
            ("1T00:00:00", "failed", {"run_type": "manual", "conf": {"day": "2014-02-01"}}),
        ]
    ]
    airflow = FakeAirflow(dags=[(200, {"dag_runs": runs, "total_entries": 4})])
    found = airflow.api().day_runs("d", date(2014, 3, 1), date(2014, 3, 2))
    assert found == {date(2014, 3, 1): ("r1", "success"), date(2014, 3, 2): ("r2", "queued")}
    assert airflow.requests[0].url.params["logical_date_gte"] == "2014-03-01T00:00:00+00:00"


def test_the_last_run_by_hand_of_a_day_is_found_by_what_its_form_says():
    runs = [
        {"dag_run_id": f"r{number}", "state": state, "conf": conf}
        for number, (state, conf) in enumerate(
            [
                ("failed", {"day": "2014-03-01"}),
                ("success", {"day": "2014-03-01"}),
                ("failed", {"day": "2014-03-02"}),
                ("failed", {"day": "2014-02-01"}),
                ("failed", None),
                ("failed", {"day": "no day"}),
            ]
        )
    ]
    airflow = FakeAirflow(dags=[(200, {"dag_runs": runs, "total_entries": len(runs)})])
    found = airflow.api().runs_by_hand("d", date(2014, 3, 1), date(2014, 3, 2))
    assert found == {date(2014, 3, 1): ("r1", "success"), date(2014, 3, 2): ("r2", "failed")}
    asked = airflow.requests[0].url.params
    assert (asked["run_type"], asked["order_by"]) == ("manual", "run_after")


def test_a_listing_is_read_to_its_last_page():
    pages = [
        (200, {"task_instances": [{"task_id": "t", "map_index": n, "state": None}], "total_entries": 2}) for n in (0, 1)
    ]
    assert FakeAirflow(dags=pages).api().task_states("d", "r") == {"t[0]": None, "t[1]": None}


def test_a_pool_that_is_there_keeps_its_slots_and_another_is_made():
    listing = (200, {"pools": [{"name": "spark"}], "total_entries": 1})
    airflow = FakeAirflow(pools=[listing, listing, (201, {})])
    api = airflow.api()
    api.make_pool("spark", 1, "one")
    api.make_pool("gpu", 1, "one")
    assert [request.method for request in airflow.requests] == ["GET", "GET", "POST"]


def test_a_busy_airflow_and_an_expired_token_are_asked_again():
    locked = {"detail": {"reason": "Database error", "statement": "hidden"}}
    airflow = FakeAirflow(dags=[(503, {}), (500, locked), (401, {}), (200, {"state": "success"})])
    assert airflow.api().run_state("d", "r") == "success"


def test_an_airflow_that_is_broken_is_not_asked_again():
    airflow = FakeAirflow(dags=[(500, {"detail": "no such thing"}), (200, {"state": "success"})])
    with pytest.raises(ContractError, match="no such thing"):
        airflow.api().run_state("d", "r")


def test_a_refusal_is_an_error_with_airflows_reason():
    airflow = FakeAirflow(dags=[(400, {"detail": "Invalid input for param n"})])
    with pytest.raises(ContractError, match="Invalid input for param n"):
        airflow.api().trigger("d", {"n": "x"})


def unreachable(error: httpx.TransportError, answers: int = 0) -> tuple[AirflowApi, list[str]]:
    """An Airflow that does not answer, but after so many requests; and the methods that it was asked with."""
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "key"})
        asked.append(request.method)
        if answers and len(asked) > answers:
            return httpx.Response(200, json={"state": "success", "dag_run_id": "r"})
        raise error

    return AirflowApi(AirflowHttp("http://airflow", LOGIN, httpx.MockTransport(server))), asked


def test_an_airflow_that_does_not_answer_is_waited_for_as_long_as_its_start_may_take(monkeypatch):
    monkeypatch.undo()
    pauses: list[float] = []
    monkeypatch.setattr(airflow_http.time, "sleep", pauses.append)
    api, _ = unreachable(httpx.ConnectError("refused"))
    with pytest.raises(UnavailableError, match="is it started"):
        api.unpause("d")
    assert START_SECONDS < sum(pauses) < START_SECONDS + 60


def test_a_server_that_is_started_again_meanwhile_is_waited_for():
    api, _ = unreachable(httpx.ReadError("reset"), answers=3)
    assert api.run_state("d", "r") == "success"


def test_a_run_that_may_have_been_started_is_not_started_again():
    api, asked = unreachable(httpx.ReadError("reset"), answers=3)
    with pytest.raises(UnavailableError, match="does not answer"):
        api.trigger("d", {})
    assert asked == ["POST"]


def test_a_dag_says_whether_it_is_paused():
    airflow = FakeAirflow(dags=[(200, {"is_paused": True}), (200, {"is_paused": False})])
    assert [airflow.api().is_paused("d") for _ in range(2)] == [True, False]


def test_a_run_says_when_it_began_and_when_it_ended():
    airflow = FakeAirflow(dags=[(200, {"start_date": "2026-05-01T10:00:00.5Z", "end_date": None})])
    assert airflow.api().span("d", "r") == (datetime(2026, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC), None)


def test_a_run_that_is_not_there_has_no_state():
    assert FakeAirflow(dags=[(404, {"detail": "not found"})]).api().run_state("d", "r") is None


def test_a_wrong_password_is_said():
    http = AirflowHttp("http://airflow", LOGIN, httpx.MockTransport(lambda request: httpx.Response(401)))
    with pytest.raises(ContractError, match="gives no token"):
        AirflowApi(http).run_state("d", "r")


def test_a_dag_that_cannot_be_imported_ends_the_wait_at_once():
    error = {"filename": "broken.py", "stack_trace": "SyntaxError"}
    airflow = FakeAirflow(
        dags=[(200, {"dags": [], "total_entries": 0})],
        importErrors=[(200, {"import_errors": [error], "total_entries": 1})],
    )
    with pytest.raises(ContractError, match=r"broken\.py"):
        airflow.api().wait_for_dags(["d"], timeout=60)
    with pytest.raises(UnavailableError, match="does not know"):
        FakeAirflow(
            dags=airflow.answers["dags"], importErrors=[(200, {"import_errors": [], "total_entries": 0})]
        ).api().wait_for_dags(["d"], timeout=0)


def test_the_log_shows_the_error_of_a_failed_task():
    content = [{"event": "Task failed", "error_detail": [{"exc_type": "ValueError", "exc_value": "too many"}]}, "plain"]
    airflow = FakeAirflow(dags=[(200, {"try_number": 1}), (200, {"content": content})])
    assert airflow.api().task_log("d", "r", "t") == "Task failed\nValueError: too many\nplain"
