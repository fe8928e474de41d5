"""What a worker does with a partition, how many of them a job has, and how far it says it is. No Spark here."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoring_days import DAY, Oracle
from sentiment.core.progress import Pace, logged, told
from sentiment.engine.bundle import Thresholds
from sentiment.scoring import worker
from sentiment.scoring.days import daily_sentiment
from sentiment.scoring.job import in_groups, partitions_of
from sentiment.scoring.scored import KEPT, KNOWN_COLUMNS, READ_COLUMNS, REVIEW_COLUMNS, SCORED, SUMMARISED
from sentiment.scoring.worker import Scoring, in_order, lent, score_batch
from sentiment.stores.lake.files import DataFile
from sentiment.stores.lake.schemas import DAILY_SENTIMENT

NOW = datetime(2014, 5, 6, 3, tzinfo=UTC)
RUN = Scoring(Path("bundle"), 7, "this run", NOW)
BEFORE = {
    "label": "positive",
    "positive_probability": 0.625,
    "confidence": 0.625,
    "needs_review": True,
    "model_version": "7",
    "decided_by": "gate",
    "scored_at": datetime(2014, 1, 1, tzinfo=UTC),
    "run_id": "an earlier run",
    "engine": "openvino-int8",
}


def review(key, text, **known):
    given = {"review_key": key, "asin": "A", "parent_asin": "P", "category": None, "rating": 4.0, "text_hash": 5}
    return {**given, "review_date": DAY, "title": None, "text": text, **known, "reused": bool(known)}


def batch(*reviews):
    schema = pa.schema([*SCORED, pa.field("title", pa.string()), pa.field("text", pa.string())])
    return pa.RecordBatch.from_pylist(list(reviews), schema=schema)


def test_a_review_that_is_known_keeps_its_row_and_its_text_is_not_scored():
    oracle = Oracle()
    given = batch(review("a", "good"), review("b", None, **BEFORE), review("c", "bad"))
    scored = score_batch(oracle, given, RUN)
    rows = scored.to_pylist()

    assert oracle.asked == ["good", "bad"]
    assert scored.schema == SCORED
    assert [row["label"] for row in rows] == ["positive", "positive", "negative"]
    assert {name: rows[1][name] for name in BEFORE} == BEFORE
    assert [row["reused"] for row in rows] == [False, True, False]
    for row in (rows[0], rows[2]):
        assert (row["model_version"], row["decided_by"]) == ("7", "oracle")
        assert (row["scored_at"], row["run_id"], row["engine"]) == (NOW, "this run", "onnxruntime-fp32")
    assert rows[1]["engine"] == "openvino-int8"
    assert [row["positive_probability"] for row in rows] == pytest.approx([0.9, 0.625, 0.2])
    assert [row["needs_review"] for row in rows] == [False, True, False]
    assert {(row["review_key"], row["text_hash"], row["rating"]) for row in rows} == {(key, 5, 4.0) for key in "abc"}


@pytest.mark.parametrize(("limit", "looked_at"), [(0.6, [False, False]), (0.7, [True, False]), (0.9, [True, True])])
def test_what_needs_a_person_is_told_by_the_limit_of_the_run_for_known_scores_too(limit, looked_at):
    oracle = Oracle()
    oracle.thresholds = Thresholds(needs_review=limit)
    surer = {**BEFORE, "positive_probability": 0.25, "confidence": 0.75}
    scored = score_batch(oracle, batch(review("a", None, **BEFORE), review("b", None, **surer)), RUN)
    assert scored["needs_review"].to_pylist() == looked_at
    assert scored["run_id"].to_pylist() == ["an earlier run"] * 2


def test_a_row_of_scores_is_what_comes_of_the_review_and_what_is_kept_of_a_score():
    assert {*REVIEW_COLUMNS, *KEPT, "reused"} == set(SCORED.names)
    assert set(KEPT) == {*BEFORE, "bundle", "language"}
    assert set(READ_COLUMNS) == {*REVIEW_COLUMNS, "title", "text"} - {"text_hash"}
    assert set(KNOWN_COLUMNS) == {*KEPT, "review_key", "review_date", "text_hash"}


@pytest.mark.parametrize("known", [{}, BEFORE], ids=["without rows", "all known"])
def test_a_batch_with_nothing_to_score_passes(known):
    given = batch(*[review(key, None, **known) for key in "ab" if known])

    assert score_batch(Oracle(), given, RUN).num_rows == given.num_rows


def test_a_worker_opens_the_bundle_once_with_one_thread(monkeypatch):
    opened = []
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    monkeypatch.setattr(worker.Scorer, "load", lambda bundle, **options: opened.append((bundle, options)) or Oracle())
    run = Scoring(Path("bundle"), 7, "run", NOW, engine="onnxruntime-fp32", cascade=False, review_below=0.8)
    monkeypatch.setattr(worker, "_free", {})
    for _ in range(2):
        with lent(Path("here"), run, 2):
            pass
    options = {"engine": "onnxruntime-fp32", "cascade": False, "threads": 1, "review_below": 0.8}
    assert opened == [(Path("here"), options)]
    assert worker.os.environ["TOKENIZERS_PARALLELISM"] == "false"


def test_threads_of_one_process_have_a_scorer_each_and_no_more_score_at_once_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(worker, "_free", {})
    monkeypatch.setattr(worker.Scorer, "load", lambda bundle, **options: Oracle())
    using, most, twice = set(), [], []

    def work(_):
        with lent(Path("here"), RUN, 2) as scorer:
            twice.append(id(scorer) in using)
            using.add(id(scorer))
            most.append(len(using))
            time.sleep(0.01)
            using.remove(id(scorer))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(24)))
    assert (max(most), any(twice)) == (2, False)


def test_a_partition_is_scored_in_an_order_of_its_own_however_its_rows_came():
    rows = pa.Table.from_pylist([{"review_date": DAY, "review_key": f"{n:04d}", "n": n} for n in range(5_000)])
    backwards = rows.take(list(range(4_999, -1, -1)))
    for came in (rows.to_batches(700), backwards.to_batches(1_300)):
        batches = list(in_order(iter(came)))
        assert [batch.num_rows for batch in batches] == [4_096, 904]
        assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(5_000))
    assert list(in_order(iter([]))) == []


def test_the_figures_of_a_day_leave_out_what_they_cannot_know():
    rows = [
        {"category": None, "parent_asin": "P", "rating": 5.0, "label": "positive", "needs_review": False},
        {"category": None, "parent_asin": "P", "rating": 3.0, "label": "negative", "needs_review": True},
        {"category": "Phones", "parent_asin": "Q", "rating": None, "label": "negative", "needs_review": False},
        {"category": "Phones", "parent_asin": "R", "rating": 1.0, "label": "positive", "needs_review": False},
    ]
    days = [{**row, "model_version": "7", "review_date": DAY} for row in rows]
    found = daily_sentiment(pa.Table.from_pylist(days).select(SUMMARISED))
    shown = [
        (
            row["level"],
            row["category"],
            row["parent_asin"],
            row["reviews"],
            row["mean_stars"],
            row["disagreement_share"],
        )
        for row in found.to_pylist()
    ]

    assert found.schema == DAILY_SENTIMENT.schema
    assert shown == [
        ("category", None, None, 2, 4.0, 0.0),
        ("category", "Phones", None, 2, 1.0, 1.0),
        ("product", None, "P", 2, 4.0, 0.0),
        ("product", "Phones", "Q", 1, None, None),
        ("product", "Phones", "R", 1, 1.0, 1.0),
    ]
    assert found["positive_share"].to_pylist() == [0.5, 0.5, 0.5, 0.0, 1.0]
    assert found["needs_review_share"].to_pylist() == [0.5, 0.0, 0.5, 0.0, 0.0]


def test_a_product_that_got_another_category_within_a_day_has_one_row():
    row = {"parent_asin": "P", "rating": 5.0, "label": "positive", "needs_review": False, "model_version": "7"}
    rows = [{**row, "review_date": DAY, "category": name} for name in ("Photo", "Cameras", None)]
    found = daily_sentiment(pa.Table.from_pylist(rows).select(SUMMARISED)).to_pylist()
    products = [(row["category"], row["reviews"]) for row in found if row["level"] == "product"]
    assert products == [("Cameras", 3)]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("rows", "size", "cores", "partitions"),
    [
        (5, 2_000, 2, 1),
        (600, 200_000, 2, 2),
        (600, 200_000, 64, 2),
        (7_600, 3_000_000, 2, 2),
        (7_601, 3_000_000, 2, 4),
        (100_000, 40_000_000, 2, 28),
        (100_000, 40_000_000, 16, 32),
        (1_000_000, 400_000_000, 2, 64),
        (5_000_000, 2_000_000_000, 2, 166),
        (1_000_000_000, 400_000_000_000, 1_000, 33_000),
        (100, 100 << 20, 4, 8),
        (100, 100 << 20, 16, 7),
    ],
)
def test_partitions_are_whole_rounds_of_all_cores_but_for_few_reviews(rows, size, cores, partitions):
    files = [DataFile(DAY, "one", size - 1_000, rows - 1), DataFile(DAY, "another", 1_000, 1)]

    assert partitions_of(files, cores) == partitions


def test_days_are_scored_in_groups_of_so_many_reviews_in_their_order():
    days = [DAY + timedelta(n) for n in range(5)]
    reviews = dict(zip(days, (40, 60, 1, 500, 0), strict=True))
    first, second, third, fourth, last = days
    assert in_groups(days, reviews, 100) == [[first, second], [third], [fourth], [last]]
    assert in_groups(days, reviews, 10_000) == [days]
    assert in_groups([], {}, 100) == []


def test_the_pace_says_what_is_done_how_fast_and_how_long_the_rest_takes():
    moments = iter([0.0, 0.0, 32.0, 40.0, 80.0])
    pace = Pace(100_000, clock=lambda: next(moments))

    assert pace.at(0) == ("scored 0 of 100,000 reviews", 0, 100_000)
    assert pace.at(40_000)[0] == "scored 40,000 of 100,000 reviews (1,250/s, 48 s left)"
    assert pace.at(10_000)[0] == "scored 40,000 of 100,000 reviews (1,000/s, 60 s left)"  # a task that is tried again
    assert pace.at(104_000)[0] == "scored 100,000 of 100,000 reviews (1,250/s, 0 s left)"


def test_progress_is_told_in_between_and_at_the_end_and_not_while_nothing_is_known(caplog):
    caplog.set_level(logging.INFO)
    readings = iter([("looking", 0, 0), *[("scored", done, 9) for done in (1, 2, 3, 4, 5, 6, 7, 8, 9)]])
    last = []

    def measure():
        last.append(next(readings, ("scored", 9, 9)))
        return last[-1]

    with told(measure, logged, every=0.01):
        while len(last) < 3:
            time.sleep(0.005)
    assert caplog.messages[0] == "scored: 1 of 9"
    assert len(caplog.messages) == len(last) - 1
    assert caplog.messages[-1] == f"scored: {last[-1][1]} of 9"


def test_work_that_fails_tells_no_end():
    calls = []
    with (
        pytest.raises(ValueError, match="broken"),
        told(lambda: ("scored", 9, 9), lambda *_: calls.append(1), every=60),
    ):
        raise ValueError("broken")
    assert calls == []
