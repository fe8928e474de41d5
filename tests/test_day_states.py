"""Where each day stands, and what the next run does about it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta

import pytest
from deltalake import DeltaTable

import tiny
from conftest import aged, fill, lake_review, raw_review
from scoring_days import DAY, LATER, ONE, furnish
from sentiment.core.config import EARLIEST_DAY
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.ingest.days import OWN
from sentiment.ingest.verbs import INGEST
from sentiment.scoring.config import RescoreConfig, ScoreConfig
from sentiment.scoring.verbs import RESCORE, SCORE
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, QUARANTINE, REVIEWS, SCORES
from sentiment.stores.lake.states import day_states, of_this_run
from sentiment.stores.lake.tables import Lake
from sentiment.verbs import verbs
from sentiment.views.days import FILES_LOOK_BACK, late_days
from sentiment_local import day_report
from sentiment_local.config import StatusConfig
from sentiment_local.day_runs import DayRuns, FailedRun, failed_runs
from verbs_here import done

EMPTY = DAY + timedelta(1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny.write_bundle(tmp_path_factory.mktemp("states"))


@pytest.fixture
def lake(home, bundle):
    return furnish(home, bundle)


def keys(lake, day: date) -> set[str]:
    return set(lake.read(SCORES, (day, day), ["review_key"])["review_key"].to_pylist())


def test_a_day_whose_two_tables_a_kill_left_of_two_runs_is_scored_again(lake):
    contents = {day: content for day, content in lake.content(REVIEWS).items() if day == DAY}
    first, second = (of_this_run(contents)[DAY] for _ in range(2))

    def write(spec, made_of):
        file = write_day_file(lake.root, spec, DAY, (), made_of)
        lake.replace_days(spec, [DAY], [file], lake.grown(spec), {})

    states = []
    for spec, made_of in ((DAILY_SENTIMENT, first), (SCORES, first), (DAILY_SENTIMENT, second), (SCORES, second)):
        write(spec, made_of)
        states.append(day_states(lake, [DAY])[DAY])
    assert states == ["ingested", "scored", "stale", "scored"]
    DeltaTable(lake.uri(DAILY_SENTIMENT)).delete(f"{DAILY_SENTIMENT.day_column} = '{DAY}'")
    assert day_states(lake, [DAY]) == {DAY: "stale"}


@pytest.mark.spark
def test_the_next_run_scores_the_days_again_whose_reviews_changed_and_only_a_scheduled_one_the_unscored(lake, spark):
    assert done(SCORE, ScoreConfig(day=DAY, model=ONE))["also"] == []
    assert day_states(lake, [DAY, EMPTY, LATER]) == {DAY: "scored", EMPTY: "ingested", LATER: "ingested"}
    late = lake_review(DAY, 99, review_key="late")
    fill(lake.root, REVIEWS, {DAY: [*lake.read(REVIEWS, (DAY, DAY)).to_pylist(), late]})
    assert day_states(lake, [DAY]) == {DAY: "stale"}

    result = done(SCORE, ScoreConfig(day=LATER, model=ONE))
    assert (result["also"], result["touched"]) == ([str(DAY)], [str(DAY), str(LATER)])
    assert "late" in keys(lake, DAY)
    assert day_states(lake, [DAY, EMPTY, LATER]) == {DAY: "scored", EMPTY: "ingested", LATER: "scored"}

    assert done(SCORE, ScoreConfig(day=LATER, model=ONE, catch_up=True))["also"] == [str(EMPTY)]
    assert day_states(lake, [DAY, EMPTY, LATER]) == dict.fromkeys((DAY, EMPTY, LATER), "scored")


@pytest.mark.parametrize(
    ("choice", "alone"),
    [
        ({}, False),
        # As `resolve_model` hands the champion on.
        ({"model": ONE}, False),
        ({"model": "2"}, True),
        ({"model": "champion_at_date"}, True),
        ({"cascade": False}, True),
        ({"reuse": False}, True),
        ({"engine": "openvino-int8"}, True),
        ({"model": "2", "catch_up": True}, False),
    ],
)
def test_how_to_score_is_chosen_for_the_asked_day_alone(choice, alone):
    config = ScoreConfig(day=DAY, **choice)
    assert config.days_before == (0 if alone else config.look_back)


@pytest.mark.spark
def test_scores_of_reviews_that_another_program_deleted_go_with_the_next_run(lake, spark):
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    one = sorted(keys(lake, DAY))[0]
    DeltaTable(lake.uri(REVIEWS)).delete(f"review_key = '{one}'")
    assert day_states(lake, [DAY]) == {DAY: "stale"}
    done(SCORE, ScoreConfig(day=LATER, model=ONE))
    assert one not in keys(lake, DAY)
    assert day_states(lake, [DAY]) == {DAY: "scored"}


@pytest.mark.spark
def test_a_rescored_range_takes_the_scores_of_reviews_that_are_gone_out(lake, spark):
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    DeltaTable(lake.uri(REVIEWS)).delete(f"review_date = '{DAY}'")
    assert done(RESCORE, RescoreConfig(from_day=DAY, to_day=DAY, model=ONE))["reviews"] == 0
    assert (keys(lake, DAY), day_states(lake, [DAY])) == (set(), {DAY: "missing"})


@pytest.mark.spark
def test_a_day_whose_reviews_are_gone_is_told_with_what_takes_its_scores_out(lake, spark):
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    DeltaTable(lake.uri(REVIEWS)).delete(f"review_date = '{DAY}'")
    (row,) = (row for row in done(verbs()["status"], StatusConfig(days=3))["attention"] if row["day"] == str(DAY))
    assert (row["state"], row["next"].split(":")[0]) == ("stale", "its reviews are gone from the lake")
    done(SCORE, ScoreConfig(day=LATER, model=ONE))
    assert (keys(lake, DAY), day_states(lake, [DAY])) == (set(), {DAY: "missing"})


def test_the_days_that_need_somebody_are_told_with_what_to_do(home, land):
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY)]})
    land(f"{LATER}.jsonl", [raw_review(LATER)])
    shown = done(verbs()["status"], StatusConfig(days=4))
    assert (shown["from_day"], shown["to_day"]) == (str(DAY - timedelta(1)), str(LATER))
    assert shown["states"] == {"ingested": 1, "missing": 3}
    found = {row["day"]: (row["state"], row["next"].split(":")[0]) for row in shown["attention"]}
    assert found == {
        str(DAY - timedelta(1)): ("missing", "no file has landed"),
        str(DAY): ("ingested", "run score_reviews for it"),
        str(EMPTY): ("missing", "no file has landed"),
        str(LATER): ("missing", "its file is there"),
    }
    assert "failed runs" in shown["note"]
    assert late_days(LATER + timedelta(1), Settings()) == [LATER]


@pytest.mark.parametrize(
    ("ago", "unpaused", "waits"),
    [
        (180, ["score_reviews"], True),
        (181, ["score_reviews"], False),
        (180, ["ingest_reviews"], False),
        # Airflow does not answer.
        (180, [], False),
    ],
)
def test_waiting_is_a_remedy_for_days_that_a_scheduled_run_looks_back_to(home, monkeypatch, ago, unpaused, waits):
    failed(monkeypatch, unpaused=unpaused)
    today = DAY + timedelta(ago)
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY)]})
    shown = day_report.day_report(Settings(), ago + 1, today)
    (row,) = (row for row in shown.attention if row.day == DAY)
    assert row.next == f"run score_reviews for it{', or wait for the next scheduled run' if waits else ''}"


def test_late_reviews_of_a_late_file_are_within_the_look_back_of_scoring():
    late = INGEST.config.model_fields["late_days"].default
    assert ScoreConfig(day=DAY).look_back > late + FILES_LOOK_BACK


def test_a_day_that_holds_late_reviews_alone_still_waits_for_its_own_file(home, land):
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY, source_file=f"{EMPTY}.jsonl")]})
    land(f"{DAY}.jsonl.gz", [raw_review(DAY)])
    assert late_days(EMPTY, Settings()) == [DAY]
    (row,) = done(verbs()["status"], StatusConfig(days=1))["attention"]
    assert (row["state"], row["next"].split(":")[0]) == ("missing", "its file is there")
    # A history that is imported on that day writes its quarantine.
    fill(home / "lake", QUARANTINE, {DAY: []})
    assert late_days(EMPTY, Settings()) == [DAY]
    # Its own rows, or the mark of an ingestion that found no rows in it, say that it was taken.
    lake = Lake(str(home / "lake"))
    rows = lake.read(REVIEWS, (DAY, DAY)).to_batches()
    own = write_day_file(lake.root, REVIEWS, DAY, rows, OWN)
    lake.replace_days(REVIEWS, [DAY], [own], lake.grown(REVIEWS), {})
    assert late_days(EMPTY, Settings()) == []
    fill(home / "lake", REVIEWS, {LATER: [lake_review(LATER, source_file=f"{LATER}.jsonl")]})
    land(f"{LATER}.jsonl.gz", [raw_review(LATER)])
    assert late_days(LATER + timedelta(1), Settings()) == []


def test_a_late_day_whose_parts_still_come_is_left_to_the_next_run(home, land):
    land(f"{DAY}/part-0.jsonl", [raw_review(DAY)])
    land(f"{EMPTY}.jsonl", [])
    newest = land(f"{DAY}/part-1.jsonl", [raw_review(DAY, 1)])
    aged(newest, seconds=15)
    assert late_days(LATER, Settings()) == [EMPTY]
    aged(newest, seconds=45)
    assert late_days(LATER, Settings()) == [DAY, EMPTY]


class RunsAirflow:
    """Has runs of a day, each (id, state, when it began): of its date, and by hand."""

    def __init__(self, of_its_date, by_hand) -> None:
        self.runs = (of_its_date, by_hand)

    def day_runs(self, dag: str, first: date, last: date):
        return {DAY: self.runs[0][:2]}

    def runs_by_hand(self, dag: str, first: date, last: date):
        return {DAY: self.runs[1][:2]}

    def span(self, dag: str, run_id: str):
        (began,) = (began for one, _, began in self.runs if one == run_id)
        return began, began and began + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("of_its_date", "by_hand", "told"),
    [
        (("scheduled", "failed", 1), ("manual", "failed", 2), "manual"),
        (("scheduled", "failed", 2), ("manual", "failed", 1), "scheduled"),
        (("scheduled", "failed", 1), ("manual", "success", 2), None),
        (("scheduled", "success", 1), ("manual", "failed", 2), "manual"),
        (("scheduled", "queued", None), ("manual", "failed", 2), None),
    ],
)
def test_of_the_runs_of_a_day_the_one_that_began_last_says_whether_it_failed(of_its_date, by_hand, told):
    began = datetime(2026, 3, 1, tzinfo=UTC)
    airflow = RunsAirflow(*((*run[:2], run[2] and began + timedelta(hours=run[2])) for run in (of_its_date, by_hand)))
    found = failed_runs(airflow, "ingest_reviews", DAY, DAY)
    assert [one.run_id for one in found.values()] == ([told] if told else [])


# When the runs ended that failed.
ENDED = datetime.now(UTC) - timedelta(minutes=10)


def failed(monkeypatch, ingest=None, score=None, unpaused=()) -> None:
    """Have these runs of days be those that failed, and these DAGs run by themselves."""
    named = {"ingest_reviews": ingest or {}, "score_reviews": score or {}}
    runs = {dag: {day: FailedRun(run, ENDED) for day, run in of.items()} for dag, of in named.items()}
    monkeypatch.setattr(day_report, "runs_of_days", lambda *_: DayRuns(runs, unpaused))


def test_a_failed_run_is_told_for_the_day_that_still_lacks_what_it_should_have_made(home, land, monkeypatch):
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY)]})
    land(f"{EMPTY}.jsonl", [])
    failed(monkeypatch, ingest={DAY: "scheduled__a", EMPTY: "scheduled__b"}, score={DAY: "scheduled__c"})
    rows = done(verbs()["status"], StatusConfig(days=2))["attention"]
    assert [(row["state"], row["next"].split()[2]) for row in rows] == [
        ("failed", "scheduled__c"),
        ("failed", "scheduled__b"),
    ]


def test_a_file_that_came_after_its_run_failed_is_not_explained_by_that_runs_note(home, land, monkeypatch):
    path = land(f"{DAY}.jsonl", [raw_review(DAY)])
    failed(monkeypatch, ingest={DAY: "scheduled__a"})
    told = {-60: "the run scheduled__a failed: read its note", 60: "its file came after the run scheduled__a failed"}
    for came, sentence in told.items():
        os.utime(path, (ENDED.timestamp() + came,) * 2)
        (row,) = done(verbs()["status"], StatusConfig(days=1))["attention"]
        assert (row["state"], row["next"].startswith(sentence)) == ("failed", True)


def test_a_scored_day_of_late_reviews_alone_whose_own_run_failed_needs_somebody(home, monkeypatch):
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY, source_file=f"{LATER}.jsonl")], LATER: [lake_review(LATER)]})
    failed(monkeypatch, ingest={DAY: "scheduled__a"})
    monkeypatch.setattr(day_report, "day_states", lambda lake, days: dict.fromkeys(days, "scored"))
    shown = done(verbs()["status"], StatusConfig(days=(LATER - DAY).days + 1))
    assert [(row["day"], row["state"]) for row in shown["attention"]] == [(str(DAY), "failed")]
    assert "the run scheduled__a failed" in shown["attention"][0]["next"]


@pytest.mark.parametrize("dag", ["ingest", "score"])
def test_a_scored_day_whose_correction_failed_needs_somebody_and_one_that_was_made_after_the_failure_does_not(
    home, monkeypatch, dag
):
    lake = Lake(str(home / "lake"))
    fill(lake.root, REVIEWS, {DAY: [lake_review(DAY, source_file=f"{DAY}.jsonl")]})
    for spec in (DAILY_SENTIMENT, SCORES):
        file = write_day_file(lake.root, spec, DAY, [], lake.content(REVIEWS)[DAY])
        lake.replace_days(spec, [DAY], [file], lake.grown(spec), {})
    assert day_states(lake, [DAY]) == {DAY: "scored"}
    failed(monkeypatch, **{dag: {DAY: "manual__a"}})
    for written, states in ((-60, ["failed"]), (60, [])):
        for file in (home / "lake").rglob("*.parquet"):
            os.utime(file, (ENDED.timestamp() + written,) * 2)
        shown = done(verbs()["status"], StatusConfig(days=1))
        assert [row["state"] for row in shown["attention"]] == states
        assert shown["states"] == {"scored": 1}


def test_days_that_stopped_coming_are_gaps_up_to_yesterday_and_a_file_of_a_day_to_come_is_none(home, land):
    today = DAY + timedelta(15)
    fill(home / "lake", REVIEWS, {DAY: [lake_review(DAY)]})
    land("9999-12-31.jsonl", [])
    shown = day_report.day_report(Settings(), 30, today)
    assert (shown.to_day, shown.states) == (today - timedelta(1), {"ingested": 1, "missing": 29})
    # A history of another time ends where it ends.
    assert day_report.day_report(Settings(), 30, date(2026, 1, 1)).to_day == DAY


def test_without_any_day_it_says_where_it_looked(home):
    with pytest.raises(ContractError, match="neither the landing"):
        done(verbs()["status"], StatusConfig(days=7))


def test_nobody_looks_back_before_the_calendar():
    for verb in verbs().values():
        for name, field in verb.config.model_fields.items():
            of_days = "days" in name and field.annotation in (int, int | None)
            if "(days)" in (field.title or "") or of_days:
                bounds = {type(one).__name__: one for one in field.metadata}
                assert EARLIEST_DAY - timedelta(bounds["Le"].le) > date.min, f"{name} of {verb.name}"
