"""What the demo asks of Airflow, in which order, and that it asks nothing twice."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from conftest import fill, lake_review
from contexts import a_context
from fake_airflow import DAYS, FakeAirflow
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import PROJECT, Settings
from sentiment.stores.lake.schemas import REVIEWS
from sentiment_local import demo, runs
from sentiment_local.config import DemoConfig
from sentiment_local.demo_home import days_left_out
from sentiment_local.demo_schedules import what_now
from sentiment_local.runs import Runs

COUNTS = {"read": 90, "kept": 80, "duplicate": 6, "rejected": 4}
NOW = datetime(2024, 7, 1, tzinfo=UTC)
LATER = datetime(2101, 1, 1, tzinfo=UTC).timestamp()
IMPORTED = {**COUNTS, "days": 3, "touched": ["2024-05-01"], "gone": 0, "cut": 0, "reasons": {}, "files": 1}


@pytest.fixture
def landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a history and four landed days."""
    monkeypatch.setattr(runs, "_POLL_SECONDS", 0)
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "history.jsonl.gz").write_bytes(b"all of them")
    (tmp_path / "landing").mkdir()
    for day in DAYS:
        (tmp_path / "landing" / f"{day}.jsonl.gz").touch()
    return Settings(home=tmp_path)


def airflow() -> FakeAirflow:
    made = FakeAirflow()
    made.results["import_history"] = {**IMPORTED, "reviews_version": 1}
    return made


def work(airflow: FakeAirflow, settings: Settings, now: datetime = NOW, **changes: Any) -> tuple[Any, dict[str, float]]:
    """Do the main job, and return what the import came to and the seconds of each stage."""
    started = Runs(airflow, "http://airflow", lambda *_: None, lambda seen: None)
    seconds: dict[str, float] = {}
    context = a_context(settings, now=now)
    return demo.main_job(airflow, started, DemoConfig(days=2, **changes), context, seconds), seconds


def of_kind(airflow: FakeAirflow, kind: str) -> list[tuple[Any, ...]]:
    return [asked for asked in airflow.asked if asked[0] == kind]


def test_it_imports_trains_and_reads_the_last_days_and_scores_them(landed):
    server = airflow()
    imported, seconds = work(server, landed)
    assert imported.model_dump(include=set(COUNTS)) == COUNTS
    assert list(seconds) == ["import history", "train, export, promote; ingest days meanwhile", "score days"]
    assert [asked[1] for asked in of_kind(server, "trigger")] == ["import_history", "train_models"]
    assert of_kind(server, "backfill") == both("failed")


def both(reprocess: str) -> list[tuple[Any, ...]]:
    return [("backfill", dag, DAYS[-2], DAYS[-1], reprocess) for dag in ("ingest_reviews", "score_reviews")]


def test_days_that_were_done_before_an_import_or_a_training_are_done_again(landed):
    server = airflow()
    work(server, landed)
    work(server, landed)
    assert of_kind(server, "backfill") == both("failed")
    work(server, landed, linear_reviews=500)
    assert of_kind(server, "backfill")[2:] == both("completed")[1:]
    (landed.home / "reviews" / "history.jsonl.gz").write_bytes(b"more of them than before")
    work(server, landed)
    assert of_kind(server, "backfill")[3:] == both("completed")


def test_days_that_were_done_before_an_import_are_done_again_after_an_interruption_too(landed):
    server = airflow()
    work(server, landed)
    (landed.home / "reviews" / "history.jsonl.gz").write_bytes(b"more of them than before")
    look = server.open_backfills
    server.open_backfills = interrupt
    with pytest.raises(KeyboardInterrupt):
        work(server, landed)
    server.open_backfills = look
    work(server, landed)
    assert of_kind(server, "backfill")[2:] == both("completed")


def test_a_day_whose_file_came_after_its_run_is_ingested_and_scored_again_and_no_other(landed):
    server = airflow()
    work(server, landed)
    written_later(landed.home / "landing" / f"{DAYS[-1]}.jsonl.gz")
    work(server, landed)
    again = [("backfill", dag, DAYS[-1], DAYS[-1], "completed") for dag in ("ingest_reviews", "score_reviews")]
    assert of_kind(server, "backfill")[2:] == again
    assert [asked[1] for asked in of_kind(server, "trigger")] == ["import_history", "train_models"]


OF_HISTORY = ("reviews/history.jsonl.gz/part-1.jsonl.gz", "products/meta_Books.jsonl.gz")


@pytest.mark.parametrize("changed", OF_HISTORY)
def test_a_part_of_the_history_or_a_product_file_that_changed_is_imported_and_trained_on_anew(landed, changed):
    (landed.home / "reviews" / "history.jsonl.gz").unlink()
    for name in ("reviews/history.jsonl.gz/part-0.jsonl.gz", *OF_HISTORY):
        (landed.home / name).parent.mkdir(exist_ok=True)
        (landed.home / name).write_bytes(b"some")
    server = airflow()
    work(server, landed)
    written_later(landed.home / changed)
    work(server, landed)
    assert [asked[1] for asked in of_kind(server, "trigger")] == ["import_history", "train_models"] * 2
    assert of_kind(server, "backfill")[2:] == both("completed")


def written_later(file: Path) -> None:
    """Have a file written after all runs of the stand-in, of as many bytes as before."""
    os.utime(file, (LATER, LATER))


def failing(dag_id: str) -> list[int]:
    raise UnavailableError("Airflow answers no more")


def interrupt(dag_id: str) -> list[int]:
    raise KeyboardInterrupt


def test_it_asks_for_fields_that_the_forms_have(landed):
    server = airflow()
    work(server, landed)
    for name, form in server.forms.items():
        (dag,) = DagBag(str(PROJECT / "dags" / f"{name}.py")).dags.values()
        for field, value in form.items():
            assert dag.params.get_param(field).resolve(value) == value


def test_called_again_it_starts_no_run_anew_and_another_question_is_another_run(landed):
    server = airflow()
    work(server, landed)
    before = of_kind(server, "trigger")
    work(server, landed)
    assert of_kind(server, "trigger") == before
    work(server, landed, linear_reviews=500)
    assert [asked[1] for asked in of_kind(server, "trigger")[2:]] == ["train_models"]
    (landed.home / "reviews" / "history.jsonl.gz").write_bytes(b"more of them than before")
    work(server, landed)
    assert [asked[1] for asked in of_kind(server, "trigger")[3:]] == ["import_history", "train_models"]


def test_it_leaves_the_dags_paused_and_without_the_runs_that_their_schedules_made_meanwhile(landed):
    server = airflow()
    server.scheduled["score_reviews"] = ["of before"]
    work(server, landed)
    assert [dag for _, dag in of_kind(server, "pause")] == list(demo.DAGS)
    assert [dag for _, dag, _ in of_kind(server, "delete")] == ["ingest_reviews", "train_models", "score_reviews"]
    assert server.scheduled["score_reviews"] == ["of before"]
    assert what_now(server, demo.DAGS).startswith("the four DAGs are paused again")


def test_dags_that_were_not_paused_go_on_with_the_runs_of_their_schedules(landed):
    server = airflow()
    server.unpaused = {"ingest_reviews", "score_reviews"}
    work(server, landed)
    assert server.unpaused == {"ingest_reviews", "score_reviews"}
    assert [dag for _, dag, _ in of_kind(server, "delete")] == ["train_models"]
    assert what_now(server, demo.DAGS) == (
        "paused, as before: import_history, train_models; the other DAGs go on by their schedules"
    )


def test_a_demo_that_fails_leaves_the_dags_as_they_were(landed):
    server = airflow()
    server.unpaused = {"score_reviews"}
    server.open_backfills = failing
    with pytest.raises(UnavailableError, match="answers no more"):
        work(server, landed)
    assert server.unpaused == {"score_reviews"}
    assert list(filter(None, server.scheduled.values())) == [server.scheduled["score_reviews"]]


def test_an_interrupted_demo_goes_on_unpaused_and_the_next_one_leaves_the_dags_as_they_were_before_both(landed):
    server = airflow()
    server.unpaused = {"score_reviews"}
    look = server.open_backfills
    server.open_backfills = interrupt
    with pytest.raises(KeyboardInterrupt):
        work(server, landed)
    assert server.unpaused == set(demo.DAGS)
    assert of_kind(server, "delete") == []
    server.open_backfills = look
    work(server, landed)
    assert server.unpaused == {"score_reviews"}
    assert list(filter(None, server.scheduled.values())) == [server.scheduled["score_reviews"]]
    # Another time it is asked anew.
    server.unpaused = {"ingest_reviews"}
    work(server, landed)
    assert server.unpaused == {"ingest_reviews"}


def reviewed(settings: Settings, products: int) -> int:
    """Put reviews of so many products, on two days, into the lake, and return the version."""
    days = {day: [lake_review(day, number, parent_asin=f"P{number}") for number in range(products)] for day in DAYS[:2]}
    return fill(settings.lake_root, REVIEWS, days)


@pytest.mark.parametrize(
    ("products", "asked"), [(1, {"split": "random"}), (49, {"split": "random"}), (50, {}), (200, {})]
)
def test_few_products_are_split_at_random_which_is_said_and_many_by_product(landed, products, asked):
    told: list[str] = []
    version = reviewed(landed, products)
    assert demo.split_of(landed, version, lambda step, *_: told.append(step)) == asked
    assert [f"of {products} product" in line and "at random" in line for line in told] == [True] * len(asked)


@pytest.mark.parametrize(("products", "split"), [(1, "random"), (200, None)])
def test_the_training_is_asked_for_that_split_again_when_later_days_brought_more_products(landed, products, split):
    server = airflow()
    server.results["import_history"]["reviews_version"] = reviewed(landed, products)
    work(server, landed)
    assert server.forms["train_models"].get("split") == split
    reviewed(landed, 100)
    work(server, landed)
    assert [asked[1] for asked in of_kind(server, "trigger")] == ["import_history", "train_models"]


def test_days_are_the_last_ones_without_a_gap():
    first, (second, third) = date(2024, 6, 1), (date(2024, 6, 3), date(2024, 6, 4))
    assert demo.last_in_a_row([first, second, third], 3) == [second, third]
    assert demo.last_in_a_row([first, second, third], 1) == [third]
    assert demo.last_in_a_row([second - timedelta(1), second], 7) == [second - timedelta(1), second]


def test_only_days_that_have_ended_are_asked_for_and_the_others_are_told(landed):
    (landed.home / "landing" / "2041-05-05.jsonl.gz").touch()
    server, today = airflow(), datetime(*DAYS[-1].timetuple()[:3], 23, 59, tzinfo=UTC)
    work(server, landed, today)
    assert {asked[2:4] for asked in of_kind(server, "backfill")} == {(DAYS[-3], DAYS[-2])}
    told = days_left_out(landed, today.date())
    assert told.startswith(f"2 days, {DAYS[-1]} to 2041-05-05, have not ended (UTC)")
    assert days_left_out(landed, NOW.date()).startswith("2041-05-05 has not ended")


def test_days_of_which_none_has_ended_are_refused_before_anything_is_asked(landed):
    server = airflow()
    with pytest.raises(ContractError, match=r"holds no day that has ended: 4 days, 2024-06-01 to 2024-06-04, have not"):
        work(server, landed, datetime(2024, 6, 1, tzinfo=UTC))
    assert server.asked == []


def test_a_folder_of_two_histories_is_refused_before_anything_is_asked(landed):
    (landed.home / "reviews" / "more.jsonl").touch()
    server = airflow()
    with pytest.raises(ContractError, match="put exactly one"):
        work(server, landed)
    assert server.asked == []
