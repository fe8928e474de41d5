"""The DAG files as Airflow parses them: whole, and scheduled as people expect. Their runs: test_dag_runs.py."""

import inspect
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.serialization.serialized_objects import DagSerialization
from jinja2 import Template

from backfill_days import days_of_a_backfill
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import PROJECT
from sentiment.views.days import absent_files, absent_reviews, missing_files, missing_reviews
from sentiment_airflow import timetables
from sentiment_airflow.operators import SparkVerbOperator
from sentiment_airflow.run_inputs import NO_DAY
from sentiment_airflow.sensors import DaySensor
from sentiment_airflow.timetables import DayTimetable
from sentiment_local.platform import POOLS

DAGS = (
    *("benchmark_scoring", "benchmark_training", "distil_models", "import_history", "ingest_reviews", "rescore_range"),
    *("score_reviews", "train_models", "tune_models"),
)


@pytest.fixture(scope="module")
def bag() -> DagBag:
    found = DagBag(str(PROJECT / "dags"))
    assert found.import_errors == {}
    return found


def test_every_file_gives_its_dag_with_its_manual(bag):
    assert sorted(bag.dags) == sorted(DAGS) == sorted(file.stem for file in (PROJECT / "dags").glob("*.py"))
    for dag in bag.dags.values():
        assert dag.doc_md.startswith("### ")
        assert dag.tags


def test_a_form_is_its_dags_and_no_task_stores_a_copy(bag):
    for dag in bag.dags.values():
        assert dag.params
        assert [task.task_id for task in dag.tasks if task.params] == []


@pytest.mark.parametrize("name", ["ingest_reviews", "score_reviews"])
def test_the_daily_dags_own_the_day_before_midnight_utc_and_do_not_catch_up(bag, name):
    dag = bag.dags[name]
    assert isinstance(dag.timetable, DayTimetable)
    assert (dag.timetable.summary, str(dag.timetable._timezone.name), dag.catchup) == ("0 0 * * *", "UTC", False)
    # Anybody may backfill any day of which there are reviews.
    assert dag.start_date <= datetime(1999, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["scheduled", "backfill"])
def test_the_id_of_a_daily_run_names_the_day_that_it_is_of_also_when_it_was_stored(bag, kind):
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.encoders import encode_timetable
    from airflow.timetables.base import DataInterval
    from airflow.utils.types import DagRunType

    stored = decode_timetable(encode_timetable(bag.dags["score_reviews"].timetable))
    of_day = DataInterval(pendulum.datetime(2024, 6, 17), pendulum.datetime(2024, 6, 18))
    name = stored.generate_run_id(run_type=DagRunType(kind), run_after=of_day.end, data_interval=of_day)
    assert name == f"{kind}__2024-06-17"
    by_hand = stored.generate_run_id(run_type=DagRunType.MANUAL, run_after=of_day.end, data_interval=of_day)
    assert by_hand.startswith("manual__2024-06-18T00:00:00")


def test_a_run_of_a_backfill_is_due_from_its_day_and_one_of_a_day_that_has_not_ended_is_not_due_before(bag):
    from airflow.timetables.base import TimeRestriction

    daily, today = bag.dags["score_reviews"].timetable, pendulum.today("UTC")
    for day in (pendulum.datetime(2024, 6, 17), today):
        asked = TimeRestriction(earliest=day, latest=day.add(days=1), catchup=True)
        found = daily.next_dagrun_info(last_automated_data_interval=None, restriction=asked)
        assert (found.data_interval.start, found.data_interval.end) == (day, day.add(days=1))
        assert found.run_after == (day if day < today else day.add(days=1))


ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "America/Los_Angeles")
FAR_ZONES = ("Pacific/Honolulu", "Pacific/Auckland")
LAST_MOMENTS = {"midnight": (0, 0, 0, 0), "the form's end of the day": (23, 59, 59, 999_000), "23:59": (23, 59, 0, 0)}


@pytest.mark.parametrize("last_moment", LAST_MOMENTS.values(), ids=LAST_MOMENTS)
@pytest.mark.parametrize("zone", [*ZONES, *FAR_ZONES])
def test_the_days_of_a_backfill_are_those_that_were_chosen_whatever_the_zone_of_the_browser(zone, last_moment):
    hour, minute, second, microsecond = last_moment
    # Among them the days on which zones put their clocks forward or back.
    for first in ((2024, 1, 5), (2024, 3, 9), (2024, 3, 30), (2024, 4, 6), (2024, 7, 5), (2024, 9, 28), (2024, 11, 2)):
        chosen = [pendulum.datetime(*first, tz=zone).add(days=n) for n in range(3)]
        end = chosen[-1].set(hour=hour, minute=minute, second=second, microsecond=microsecond)
        assert days_of_a_backfill(chosen[0], end) == [str(day.date()) for day in chosen]


MONDAY, EARLIER = pendulum.datetime(2024, 6, 17), pendulum.datetime(2024, 5, 20)


@pytest.mark.parametrize(
    ("last", "now", "following"),
    [
        (None, MONDAY.add(days=2), MONDAY.add(weeks=1)),
        # Paused for some weeks after it ran.
        (EARLIER, MONDAY.add(days=2), MONDAY.add(weeks=1)),
        (EARLIER, MONDAY.add(hours=25), MONDAY.add(weeks=1)),
        # The machine slept at night.
        (EARLIER, MONDAY.add(hours=23), MONDAY),
        (EARLIER, MONDAY, MONDAY),
        (MONDAY, MONDAY.add(minutes=1), MONDAY.add(weeks=1)),
    ],
)
def test_a_week_that_nobody_asked_for_does_not_begin_when_training_is_unpaused(bag, monkeypatch, last, now, following):
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.encoders import encode_timetable
    from airflow.timetables import trigger
    from airflow.timetables.base import DataInterval, TimeRestriction

    for module in (trigger, timetables):
        monkeypatch.setattr(module, "utcnow", lambda: now)
    weekly = decode_timetable(encode_timetable(bag.dags["train_models"].timetable))
    assert bag.dags["train_models"].start_date is None
    found = weekly.next_dagrun_info(
        last_automated_data_interval=last and DataInterval.exact(last),
        restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
    )
    assert found.run_after == following


@pytest.mark.parametrize(
    ("kind", "cleared", "late", "goes_on"),
    [
        ("scheduled", 0, timedelta(hours=23), True),
        # A scheduler that wakes makes the run that it had noted before it slept.
        ("scheduled", 0, timedelta(hours=25), False),
        ("scheduled", 1, timedelta(days=9), True),
        ("manual", 0, timedelta(days=9), True),
    ],
)
def test_a_weekly_run_that_begins_more_than_a_day_late_is_skipped_and_all_its_tasks_with_it(
    bag, kind, cleared, late, goes_on
):
    weekly = bag.dags["train_models"]
    assert [task.task_id for task in weekly.tasks if not task.upstream_task_ids] == ["due"]
    # A task that is skipped has these skip too, also those that take what others left.
    rules = {task.trigger_rule for task in weekly.tasks}
    assert rules == {"all_success", "all_done_min_one_success"}
    run = RunOf(kind, cleared)
    run.run_after = datetime.now(UTC) - late
    with nullcontext() if goes_on else pytest.raises(AirflowSkipException, match="more than a day ago"):
        inspect.unwrap(weekly.get_task("due").python_callable)(run)


@pytest.mark.parametrize(
    ("asked", "look_back"),
    [
        ({}, "90"),
        ({"model": "2"}, "0"),
        ({"model": "champion_at_date"}, "0"),
        ({"model": "2", "catch_up": True}, "90"),
        ({"run_type": "backfill"}, "0"),
        ({"run_type": "backfill", "catch_up": True}, "90"),
        ({"clear_number": 1}, "0"),
    ],
)
def test_what_does_not_speak_for_other_days_scores_the_asked_day_alone(bag, asked, look_back):
    form = {"model": "champion", "catch_up": False, "look_back": 90, "run_type": "scheduled", "clear_number": 0} | asked
    given = bag.dags["score_reviews"].get_task("score").values["look_back"]
    assert Template(given).render(params=form, dag_run=form) == look_back


def test_training_runs_weekly_and_the_others_by_hand_alone(bag):
    weekly = bag.dags["train_models"]
    assert (weekly.timetable.summary, weekly.catchup, weekly.max_active_runs) == ("0 0 * * 1", False, 2)
    by_hand = {name for name, dag in bag.dags.items() if dag.schedule is None}
    assert by_hand == {*DAGS} - {"ingest_reviews", "score_reviews", "train_models"}


def test_every_task_of_a_verb_waits_where_the_verb_says_and_announces_what_it_writes(bag):
    for task in (task for dag in bag.dags.values() for task in dag.tasks):
        verb = (task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)).get("verb")
        if verb is None:
            assert task.pool == "default_pool"
            continue
        assert task.pool == ("gpu" if verb.heavy else "spark" if verb.on_spark else "default_pool")
        kind = task.operator_class if isinstance(task, MappedOperator) else type(task)
        assert (kind is SparkVerbOperator) == verb.on_spark
        assert [asset.name for asset in task.outlets] == ([verb.writes] if verb.writes else [])


def test_a_late_day_whose_file_is_broken_does_not_fail_the_runs_of_other_days(bag):
    # Airflow calls a run failed when one of its last tasks failed.
    dag = bag.dags["ingest_reviews"]
    last = {task.task_id: task for task in dag.tasks if not task.downstream_task_ids}
    assert set(last) == {"ingest", "late_days_tried"}
    assert last["ingest"].upstream_task_ids == {"wait_for_files"}
    assert (last["late_days_tried"].upstream_task_ids, last["late_days_tried"].trigger_rule) == (
        {"ingest_late"},
        "all_done",
    )


def test_every_pool_in_which_a_task_waits_is_made_when_the_platform_starts(bag):
    assert {task.pool for dag in bag.dags.values() for task in dag.tasks} == {"default_pool", *POOLS}


def test_every_task_but_a_question_is_tried_again_and_none_when_a_contract_is_broken(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            given = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
            rules = [(rule.exception, rule.action.value) for rule in given["retry_policy"].rules]
            assert rules == [("sentiment.core.errors.ContractError", "fail")]
            assert given["retries"] == (0 if task.task_id == "approve" else 4)


def test_the_sensors_give_their_slot_back_between_two_looks(bag):
    sensors = [task for dag in bag.dags.values() for task in dag.tasks if isinstance(task, DaySensor)]
    assert sorted(sensor.task_id for sensor in sensors) == ["wait_for_files", "wait_for_reviews"]
    assert {sensor.mode for sensor in sensors} == {"reschedule"}
    by_name = {sensor.task_id: sensor for sensor in sensors}
    # What came after the one has given up is taken by the next day's run, which the other waits for.
    assert by_name["wait_for_files"].timeout < timedelta(days=1).total_seconds()
    assert by_name["wait_for_reviews"].timeout > timedelta(days=1).total_seconds()


def test_every_task_ends_at_some_time(bag):
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert len(tasks) > 20
    assert [task.task_id for task in tasks if task.execution_timeout is None] == []


def test_the_ui_offers_links_into_mlflow_for_plain_and_for_mapped_tasks(bag):
    read = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags["train_models"]))
    for task in ("train", "export", "promote"):
        assert set(read.get_task(task).extra_links) >= {"Report", "MLflow run", "Model version"}


class FakeTaskInstance:
    """A sensor's task instance that first looked a day ago."""

    def get_first_reschedule_date(self, context: Any) -> datetime:
        return datetime.now(UTC) - timedelta(days=1)


def context(**params: Any) -> dict[str, Any]:
    return {"params": params, "ti": FakeTaskInstance()}


@pytest.fixture
def sensor() -> DaySensor:
    return DaySensor(task_id="wait", lacking=missing_files, timeout=5)


def test_a_sensor_that_gives_up_says_what_is_missing(home, sensor):
    with pytest.raises(AirflowSensorTimeout, match=r"looked for 2024-06-29\.jsonl, .*correct SENTIMENT_LANDING"):
        sensor.execute(context(day="2024-06-29"))
    reviews = DaySensor(task_id="wait", lacking=missing_reviews, timeout=5)
    with pytest.raises(AirflowSensorTimeout, match=r"2024-06-29 is not in the table reviews of .*; run ingest_reviews"):
        reviews.execute(context(day="2024-06-29"))


def test_a_sensor_waits_while_something_is_missing_and_ends_when_it_has_come(home, land):
    patient = DaySensor(task_id="wait", lacking=missing_files, timeout=timedelta(days=2).total_seconds())
    with pytest.raises(AirflowRescheduleException):
        patient.execute(context(day="2024-06-29"))
    land("2024-06-29.jsonl", [])
    assert patient.execute(context(day="2024-06-29")) is None


class RunOf:
    def __init__(self, run_type: str, clear_number: int = 0) -> None:
        self.run_type, self.clear_number, self.conf = run_type, clear_number, None


@pytest.mark.parametrize(("kind", "cleared"), [("manual", 0), ("backfill", 0), ("scheduled", 1), ("scheduled", 2)])
def test_a_sensor_does_not_wait_for_files_of_a_day_long_past_that_somebody_asked_for(home, land, kind, cleared):
    def look(day: str, kind: str, cleared: int) -> None:
        by_itself = kind in ("scheduled", "backfill")
        asked = {"ds": day, "params": {"day": None if by_itself else day}, "dag_run": RunOf(kind, cleared)}
        sensor = DaySensor(task_id="wait", lacking=missing_files, absent=absent_files)
        sensor.execute(context() | {"ti": NewTaskInstance()} | asked)

    with pytest.raises(AirflowFailException, match=r"no file for 2024-06-29.*deliver the day's file"):
        look("2024-06-29", kind, cleared)
    # A scheduled one that slept, and a day whose file may come any moment, are waited for.
    with pytest.raises(AirflowRescheduleException):
        look("2024-06-29", "scheduled", 0)
    with pytest.raises(AirflowRescheduleException):
        look(str(datetime.now(UTC).date() - timedelta(days=1)), kind, cleared)
    land("2024-06-29.jsonl", [])
    look("2024-06-29", kind, cleared)


def test_what_airflow_tells_a_task_of_its_run_says_whether_it_was_cleared():
    from airflow.sdk.api.datamodels._generated import DagRun

    assert DagRun.model_fields["clear_number"].default == 0


def test_a_sensor_waits_for_reviews_of_a_day_long_past_only_where_they_may_still_come(home, land):
    day = {"ds": "2024-06-29", "params": {"day": "2024-06-29"}, "dag_run": RunOf("manual")}
    sensor = DaySensor(task_id="wait", lacking=missing_reviews, absent=absent_reviews)
    with pytest.raises(AirflowFailException, match=r"run ingest_reviews .* first; the landing has no file for"):
        sensor.execute(context() | {"ti": NewTaskInstance()} | day)
    # Its file is there: an ingest may be under way.
    land("2024-06-29.jsonl", [])
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(context() | {"ti": NewTaskInstance()} | day)


class NewTaskInstance:
    """A sensor's task instance that has not looked yet."""

    def get_first_reschedule_date(self, context: Any) -> None:
        return None


def test_a_sensor_outlasts_a_storage_that_does_not_answer_and_says_so_when_it_gives_up(home):
    def broken(day: Any, settings: Any) -> None:
        raise UnavailableError("the storage does not answer")

    def refused(day: Any, settings: Any) -> None:
        raise ContractError("the landing is no folder")

    with pytest.raises(AirflowRescheduleException):
        DaySensor(task_id="wait", lacking=broken, timeout=3e5).execute(context(day="2024-06-29"))
    with pytest.raises(AirflowSensorTimeout, match="looking for 2024-06-29 failed: the storage does not answer"):
        DaySensor(task_id="wait", lacking=broken, timeout=5).execute(context(day="2024-06-29"))
    with pytest.raises(ContractError, match="no folder"):
        DaySensor(task_id="wait", lacking=refused).execute(context(day="2024-06-29"))


def test_a_sensor_without_a_day_or_with_a_wrong_one_fails_at_once(home, sensor):
    with pytest.raises(AirflowFailException) as failure:
        sensor.execute(context(day=None))
    assert str(failure.value) == NO_DAY
    with pytest.raises(AirflowFailException, match=r"day: .*29\.06\.2024.*; write it as YYYY-MM-DD"):
        sensor.execute(context(day="29.06.2024"))
