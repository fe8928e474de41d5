"""Scoring days of the lake and rows of files: every review gets its score, and twice is the same as once."""

import csv
import dataclasses
import gzip
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import parquet
from pydantic import ValidationError

import tiny
from conftest import fill, lake_review, use_home
from scoring_days import DAY, EMPTY, HOSTILE, LATER, NEVER, ONE, TWO, Oracle, day_of_reviews, furnish, rows
from sentiment.core.errors import ContractError
from sentiment.engine.bundle import GateRule, Thresholds
from sentiment.readers.config import FileOptions
from sentiment.scoring.config import PredictConfig, RescoreConfig, ScoreConfig
from sentiment.scoring.files import predict_file, predict_rows
from sentiment.scoring.job import with_known, with_text_hash
from sentiment.scoring.results import FileCounts
from sentiment.scoring.source import Source
from sentiment.scoring.verbs import PREDICT, RESCORE, SCORE
from sentiment.scoring.worker import BY_NETWORK, Scoring
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.registry.bundles import FetchedBundle
from verbs_here import done


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return tiny.write_bundle(tmp_path_factory.mktemp("scoring"))


@pytest.fixture
def lake(home, bundle):
    return furnish(home, bundle)


@pytest.fixture(scope="module")
def scored(tmp_path_factory, bundle, spark):
    """A lake whose first day was scored once; gives the lake and what the verb returned."""
    home = tmp_path_factory.mktemp("scored")
    with pytest.MonkeyPatch.context() as patch:
        use_home(home, patch)
        lake = furnish(home, bundle)
        yield lake, done(SCORE, ScoreConfig(day=DAY, model=ONE))


@pytest.fixture
def no_spark(monkeypatch):
    def refused(*_):
        raise AssertionError("Spark was opened")

    monkeypatch.setattr("sentiment.stores.spark.session", refused)


def versions(lake):
    return [lake.state(spec).version for spec in (SCORES, DAILY_SENTIMENT)]


@pytest.mark.spark
def test_every_review_of_the_day_gets_a_score_short_three_star_and_hostile_ones_too(scored):
    lake, result = scored
    scores = rows(lake, SCORES, DAY)

    assert [row["review_key"] for row in scores] == sorted(row["review_key"] for row in day_of_reviews(DAY))
    assert all(0 <= row["positive_probability"] <= 1 for row in scores)
    for row in scores:
        assert row["confidence"] == pytest.approx(max(row["positive_probability"], 1 - row["positive_probability"]))
        assert row["needs_review"] == (row["confidence"] < 0.70)
        assert row["label"] == ("positive" if row["positive_probability"] >= 0.5 else "negative")
    assert {(row["model_version"], row["decided_by"]) for row in scores} == {("1", "linear")}
    assert {row["label"] for row in scores} == {"positive", "negative"}
    assert (result["days"], result["reviews"], result["model_versions"]) == (1, len(scores), [1])
    assert result["positive"] == sum(row["label"] == "positive" for row in scores)
    assert result["needs_review"] == sum(row["needs_review"] for row in scores)


@pytest.mark.spark
def test_the_daily_sentiment_says_what_the_scores_say(scored):
    lake, _ = scored
    frame = lake.read(SCORES).to_pandas().merge(lake.read(REVIEWS).to_pandas()[["review_key", "rating"]])
    frame["positive"] = frame["label"] == "positive"
    sided = frame[frame["rating"] != 3]
    frame["disagrees"] = (sided["positive"] != (sided["rating"] >= 4)).astype(float)
    daily = lake.read(DAILY_SENTIMENT).to_pandas()

    for level, by in (("category", ["category"]), ("product", ["category", "parent_asin"])):
        expected = frame.groupby(by).agg(
            reviews=("positive", "size"),
            positive_share=("positive", "mean"),
            needs_review_share=("needs_review", "mean"),
            mean_stars=("rating", "mean"),
            disagreement_share=("disagrees", "mean"),
        )
        found = daily[daily["level"] == level].set_index(by).sort_index()
        assert list(found.index) == list(expected.index)
        np.testing.assert_allclose(found[expected.columns].astype(float), expected.astype(float), atol=1e-9)
    assert daily[daily["level"] == "category"]["parent_asin"].isna().all()
    assert set(daily["model_version"]) == {"1"}


@pytest.mark.spark
def test_the_commit_names_run_model_input_and_counts(scored):
    lake, _ = scored
    for spec in (SCORES, DAILY_SENTIMENT):
        newest = lake.open(spec).history(1)[0]
        assert (newest["model_version"], newest["days"]) == ("1", str(DAY))
        assert newest["reviews_version"] == str(lake.open(REVIEWS).version())
        assert newest["rows"] == str(lake.read(spec, (DAY, DAY)).num_rows)
        assert newest["run_id"] == lake.read(SCORES)["run_id"][0].as_py()


@pytest.mark.spark
def test_scoring_a_day_twice_leaves_the_same_rows(scored, monkeypatch):
    lake, first = scored
    before = rows(lake, SCORES, DAY, "scored_at", "run_id"), rows(lake, DAILY_SENTIMENT, DAY)
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual-2")

    assert done(SCORE, ScoreConfig(day=DAY, model=ONE, reuse=False)) == first
    assert (rows(lake, SCORES, DAY, "scored_at", "run_id"), rows(lake, DAILY_SENTIMENT, DAY)) == before
    assert {row["run_id"] for row in rows(lake, SCORES, DAY)} == {"manual-2"}


@pytest.mark.spark
def test_a_day_without_reviews_is_an_empty_success(lake, spark):
    result = done(SCORE, ScoreConfig(day=EMPTY, model=ONE))

    assert (result["days"], result["reviews"], result["positive"], result["needs_review"]) == (1, 0, 0, 0)
    for spec in (SCORES, DAILY_SENTIMENT):
        assert lake.written_days(spec, [DAY, EMPTY]) == {EMPTY}
        assert lake.read(spec).num_rows == 0


@pytest.mark.spark
def test_a_range_is_scored_in_few_commits_and_the_missing_days_are_named(scored, monkeypatch):
    monkeypatch.setattr("sentiment.scoring.job.DAYS_A_COMMIT", 2)
    lake, _ = scored
    before, scores = versions(lake), rows(lake, SCORES, DAY, "scored_at", "run_id")
    result = done(RESCORE, RescoreConfig(from_day=DAY, to_day=NEVER, model=ONE))

    assert (result["days"], result["missing"], result["reviews"]) == (3, [str(NEVER)], 2 * len(scores))
    assert versions(lake) == [version + 2 for version in before]
    for spec in (SCORES, DAILY_SENTIMENT):
        later, first = lake.open(spec).history(2)
        assert (later["days"], first["days"]) == (str(LATER), f"{DAY}..{EMPTY}")
        assert first["rows"] == str(lake.read(spec, (DAY, EMPTY)).num_rows)
        assert lake.written_days(spec, [DAY, EMPTY, LATER, NEVER]) == {DAY, EMPTY, LATER}
    assert [row["label"] for row in rows(lake, SCORES, DAY)] == [row["label"] for row in scores]
    assert len(rows(lake, SCORES, LATER)) == len(scores)


@pytest.mark.spark
def test_a_range_that_is_scored_some_days_at_a_time_has_the_rows_of_one_job(scored, monkeypatch):
    lake, _ = scored
    config = RescoreConfig(from_day=DAY, to_day=LATER, model=ONE, reuse=False)
    at_once = done(RESCORE, config)
    # What a review is batched with moves the last digits of int8.
    moved = ("scored_at", "run_id", "positive_probability", "confidence")
    tables = [rows(lake, SCORES, day, *moved) for day in (DAY, EMPTY, LATER)]
    before = versions(lake)
    monkeypatch.setattr("sentiment.scoring.job.rows_at_once", lambda spark: 40)
    assert done(RESCORE, config) == at_once
    assert [rows(lake, SCORES, day, *moved) for day in (DAY, EMPTY, LATER)] == tables
    assert versions(lake) == [version + 2 for version in before]


@pytest.mark.spark
@pytest.mark.parametrize("family", ["linear", "encoder"])
def test_a_range_scored_twice_gives_the_same_tables(home, lake, spark, tmp_path_factory, family):
    # The encoder matters: its int8 figures depend on which reviews share a batch.
    shutil.copytree(tiny.write_bundle(tmp_path_factory.mktemp(family), family), home / "bundles" / TWO[2:])
    tables = []
    for _ in range(2):
        done(RESCORE, RescoreConfig(from_day=DAY, to_day=LATER, model=TWO, reuse=False))
        days = (DAY, EMPTY, LATER)
        tables.append([rows(lake, SCORES, day, "scored_at", "run_id") for day in days])
        tables[-1] += [rows(lake, DAILY_SENTIMENT, day) for day in days]

    assert tables[0] == tables[1]


def test_a_day_that_was_not_ingested_is_refused_before_spark(lake, no_spark):
    with pytest.raises(ContractError, match=rf"{NEVER} is not in the table reviews .* run ingest_reviews for that day"):
        done(SCORE, ScoreConfig(day=NEVER, model=ONE))
    with pytest.raises(ContractError, match="run ingest_reviews first"):
        done(RESCORE, RescoreConfig(from_day=NEVER, to_day=NEVER, model=ONE))


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="from_day 2014-05-07 lies after to_day 2014-05-05; swap them"):
        RescoreConfig(from_day=LATER, to_day=DAY)


@pytest.mark.spark
def test_a_damaged_bundle_whose_version_cannot_be_fetched_again_is_refused_and_nothing_is_written(home, lake, spark):
    before = versions(lake)
    model = home / "bundles" / ONE[2:] / "model.int8.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")

    with pytest.raises(ContractError, match="there is no model version 1"):
        done(SCORE, ScoreConfig(day=DAY, model=ONE))
    assert versions(lake) == before


# What is known already.


def again(monkeypatch, **options):
    """Score the first day in another run."""
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual-2")
    return done(SCORE, ScoreConfig(**{"day": DAY, "model": ONE, **options}))


@pytest.mark.spark
def test_reviews_that_did_not_change_keep_their_scores_and_the_others_are_computed(lake, spark, monkeypatch):
    first = done(SCORE, ScoreConfig(day=DAY, model=ONE))
    before, sentiment = rows(lake, SCORES, DAY), rows(lake, DAILY_SENTIMENT, DAY)
    unchanged = again(monkeypatch)

    assert (first["reused"], unchanged) == (0, {**first, "reused": first["reviews"]})
    assert (rows(lake, SCORES, DAY), rows(lake, DAILY_SENTIMENT, DAY)) == (before, sentiment)

    reviews = day_of_reviews(DAY)
    edited, retitled, gone, joined = reviews[0], reviews[1], reviews.pop(), lake_review(DAY, 99, text="A great lens.")
    edited["text"], retitled["title"] = "It is terrible and useless.", "awful"
    fill(lake.root, REVIEWS, {DAY: [*reviews, joined]})
    changed = again(monkeypatch)
    computed = {row["review_key"] for row in rows(lake, SCORES, DAY) if row["run_id"] == "manual-2"}

    assert computed == {row["review_key"] for row in (edited, retitled, joined)}
    assert (changed["reviews"], changed["reused"]) == (first["reviews"], first["reviews"] - 3)
    kept = [row for row in before if row["review_key"] not in computed | {gone["review_key"]}]
    assert [row for row in rows(lake, SCORES, DAY) if row["run_id"] != "manual-2"] == kept


@pytest.mark.spark
@pytest.mark.parametrize("reason", ["it is forced", "another model scores", "version 1 of another MLflow scores"])
def test_all_reviews_are_computed_when(reason, home, lake, spark, monkeypatch):
    shutil.copytree(home / "bundles" / ONE[2:], home / "bundles" / TWO[2:])
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    description = home / "bundles" / TWO[2:] / "bundle.json"
    changed = json.loads(description.read_text()) | {"provenance": {"run_id": "of another MLflow"}}
    description.write_text(json.dumps(changed))
    other = {"it is forced": {"reuse": False}, "another model scores": {"model": TWO}}
    result = again(monkeypatch, **other.get(reason, {"model": f"1@{TWO[2:]}"}))

    assert result["reused"] == 0
    assert {row["run_id"] for row in rows(lake, SCORES, DAY)} == {"manual-2"}


@pytest.mark.spark
def test_a_review_that_another_program_added_again_is_scored_as_often_as_it_stands_there(lake, spark, monkeypatch):
    for table in (REVIEWS, SCORES):
        write_deltalake(lake.uri(table), lake.read(table, (DAY, DAY)), mode="append")
        assert done(SCORE, ScoreConfig(day=DAY, model=ONE))["reviews"] == 2 * len(day_of_reviews(DAY))
    assert again(monkeypatch)["reviews"] == again(monkeypatch)["reused"] == 2 * len(day_of_reviews(DAY))


@pytest.mark.spark
def test_what_gate_and_network_say_together_is_not_what_the_network_says_alone(lake, spark, monkeypatch):
    checked, rule = FetchedBundle.checked, GateRule.model_construct(thresholds=Thresholds())

    def with_gate(folder):
        found = checked(folder)
        return dataclasses.replace(found, description=found.description.model_copy(update={"gate": rule}))

    monkeypatch.setattr(FetchedBundle, "checked", with_gate)
    first = done(SCORE, ScoreConfig(day=DAY, model=ONE))["reviews"]

    assert again(monkeypatch)["reused"] == first
    assert again(monkeypatch, cascade=False)["reused"] == 0
    assert all(row["bundle"].endswith(BY_NETWORK) for row in rows(lake, SCORES, DAY))
    assert again(monkeypatch, cascade=False)["reused"] == first
    assert again(monkeypatch)["reused"] == 0


@pytest.mark.spark
def test_an_engine_that_is_asked_for_keeps_its_own_scores_and_those_of_the_gate_alone(lake, spark, monkeypatch):
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    known = rows(lake, SCORES, DAY)
    for number, row in enumerate(known):
        row["engine"] = (None, "onnxruntime-int8", "onnxruntime-fp32")[number % 3]
        row["decided_by"] = "linear" if number % 2 else "gate"
    fill(lake.root, SCORES, {DAY: known})
    expected = sum(row["decided_by"] == "gate" or row["engine"] == "onnxruntime-fp32" for row in known)

    assert again(monkeypatch)["reused"] == len(known)  # of auto any engine is right that passed the parity check
    assert again(monkeypatch, engine="onnxruntime-fp32")["reused"] == expected
    found = {row["engine"] for row in rows(lake, SCORES, DAY) if row["run_id"] == "manual-2"}
    assert found == {"onnxruntime-fp32"}
    assert again(monkeypatch, engine="onnxruntime-fp32")["reused"] == len(known)


@pytest.mark.spark
@pytest.mark.parametrize("limit", [0.95, 0.55])
def test_another_limit_of_review_is_told_of_known_scores_as_of_new_ones(lake, spark, monkeypatch, limit):
    done(SCORE, ScoreConfig(day=DAY, model=ONE))
    before = {row["review_key"]: row["needs_review"] for row in rows(lake, SCORES, DAY)}
    counted = again(monkeypatch, review_below=limit)
    kept = [rows(lake, SCORES, DAY, "scored_at", "run_id"), rows(lake, DAILY_SENTIMENT, DAY)]
    assert counted["reused"] >= len(before) - len(HOSTILE)
    assert done(SCORE, ScoreConfig(day=DAY, model=ONE, reuse=False, review_below=limit))["reused"] == 0
    assert [rows(lake, SCORES, DAY, "scored_at", "run_id"), rows(lake, DAILY_SENTIMENT, DAY)] == kept
    now = {row["review_key"]: row["needs_review"] for row in kept[0]}
    assert (sum(now.values()) > sum(before.values())) == (limit > 0.7)
    assert all(now[f"{DAY} {name}"] for name in ("right to left", "only emoji", "one long word"))


def old_row(review, lacking):
    """A row of `scores` as lakes had it before it kept the hash of its text, or of the bundle that scored it."""
    now = datetime(2014, 6, 1, tzinfo=UTC)
    new = {"label": "negative", "positive_probability": 0.25, "confidence": 0.75, "needs_review": False}
    new |= {"model_version": "1", "decided_by": "linear", "scored_at": now, "run_id": "old"}
    return {**{name: review.get(name) for name in SCORES.schema.names if name not in lacking}, **new}


@pytest.mark.spark
@pytest.mark.parametrize("lacking", [("text_hash", "bundle", "engine"), ("bundle", "engine")])
def test_a_lake_whose_scores_have_no_hash_yet_is_scored_and_its_other_days_stay(lake, spark, monkeypatch, lacking):
    schema = pa.schema([field for field in SCORES.schema if field.name not in lacking])
    old = {day: [old_row(review, lacking) for review in day_of_reviews(day)] for day in (DAY, LATER)}
    fill(lake.root, dataclasses.replace(SCORES, schema=schema), old)

    assert again(monkeypatch)["reused"] == 0
    assert {row["run_id"] for row in rows(lake, SCORES, DAY)} == {"manual-2"}
    assert all(None not in (row["text_hash"], row["bundle"]) for row in rows(lake, SCORES, DAY))
    untouched = sorted(old[LATER], key=lambda row: row["review_key"])
    assert rows(lake, SCORES, LATER) == [{**row, **dict.fromkeys(lacking)} for row in untouched]
    assert again(monkeypatch)["reused"] == len(old[DAY])


@pytest.mark.spark
def test_equal_reviews_of_a_day_get_equal_scores_and_the_progress_counts_them_all(lake, spark):
    texts = tiny.reviews(3).texts
    crowd = [lake_review(LATER, n, category="Phones", parent_asin="P0", text=texts[n % 3]) for n in range(600)]
    fill(lake.root, REVIEWS, {LATER: crowd})
    told = []
    done(SCORE, ScoreConfig(day=LATER, model=ONE), lambda *reading: told.append(reading))
    scores = {row["review_key"]: row["positive_probability"] for row in rows(lake, SCORES, LATER)}

    assert len(scores) == 600
    for number in range(3):
        assert len({scores[row["review_key"]] for row in crowd[number::3]}) == 1
    assert [row["reviews"] for row in rows(lake, DAILY_SENTIMENT, LATER)] == [600, 600]
    assert told[-1][1:] == (600, 600)
    assert told[-1][0].startswith("scored 600 of 600 reviews (")


@pytest.mark.spark
def test_reviews_that_crowd_on_a_day_and_a_product_are_dealt_out_evenly(spark):
    crowd = [lake_review(DAY, n, parent_asin="P0", asin="A0") for n in range(4_000)]
    columns = ["review_key", "asin", "parent_asin", "category", "rating", "title", "text", "review_date"]
    reviews = spark.createDataFrame(pa.Table.from_pylist(crowd, schema=REVIEWS.schema).select(columns))
    run = Scoring(Path("bundle"), 1, "run", datetime.now(UTC))
    partitions = with_known(with_text_hash(reviews), None, run, 8)

    def counted(batches):
        yield pa.RecordBatch.from_pydict({"rows": [sum(batch.num_rows for batch in batches)]})

    sizes = [row["rows"] for row in partitions.mapInArrow(counted, "rows long").collect()]

    assert len(sizes) == 8
    assert max(sizes) < 1.2 * 500


def test_an_engine_that_the_bundle_has_not_is_refused_before_spark(lake, no_spark):
    with pytest.raises(ContractError, match="the bundle has no tensorrt-fp16"):
        done(SCORE, ScoreConfig(day=DAY, model=ONE, engine="tensorrt-fp16"))


# Files.

DECISIONS = ["label", "positive_probability", "confidence", "needs_review", "decided_by", "model_version", "language"]
ROWS = [
    {"id": 3, "title": "great", "text": "I love this camera, it is perfect.", "note": "keep me"},
    {"id": 1, "title": "", "text": "", "note": "no text"},
    {"id": 2, "title": "broken", "text": 'It was "terrible",\nuseless and awful. ünï 😀', "note": None},
    {"id": 2, "title": None, "text": "It is a thing of some kind.", "note": "an equal id"},
]


def write(path, given):
    if path.name.endswith(".parquet"):
        parquet.write_table(pa.Table.from_pylist(given), path)
    elif path.name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(given[0]))
            writer.writeheader()
            writer.writerows(given)
    else:
        content = "".join(json.dumps(row) + "\n" for row in given).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(path):
    if path.name.endswith(".parquet"):
        return parquet.read_table(path).to_pylist()
    if path.name.endswith(".csv"):
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    content = path.read_bytes()
    return [json.loads(line) for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()]


def plain(row):
    """Return a row as CSV would hold it."""
    return {name: "" if value is None else str(value) for name, value in row.items()}


@pytest.mark.parametrize("target", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet"])
@pytest.mark.parametrize("source", ["in.jsonl", "in.jsonl.gz", "in.csv", "in.parquet"])
def test_a_file_of_any_kind_keeps_rows_order_and_columns_and_gains_the_decision(home, lake, source, target):
    given = write(home / source, ROWS)
    result = done(PREDICT, PredictConfig(input=given, output=home / "deep" / target, model=ONE))
    found = read(home / "deep" / target)

    assert [list(row) for row in found] == [[*ROWS[0], *DECISIONS]] * 4
    assert [plain({name: row[name] for name in ROWS[0]}) for row in found] == [plain(row) for row in ROWS]
    assert [plain(row)["label"] for row in found] == ["positive", "", "negative", plain(found[3])["label"]]
    assert plain(found[1])["needs_review"] == "True"
    assert {row["model_version"] for row in found} == {"1"}
    assert (result["rows"], result["unscored"]) == (4, 1)
    if {source, target} <= {"in.jsonl", "in.parquet", "out.jsonl", "out.parquet"}:
        assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS  # types are kept too
        assert found[0]["positive_probability"] == pytest.approx(found[0]["confidence"])


def predict(source, target):
    return predict_file(Oracle(), Source.of(source, FileOptions()), target, 7, lambda *_: None)


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_thousands_of_rows_keep_their_order_and_columns_that_come_late(tmp_path, target):
    # The first thousands have no text and no note, and the numbers become fractions: one file has one form for all.
    given = [{"id": n, "text": None} for n in range(4_500)]
    given += [{"id": n + 0.5, "text": "good" if n % 2 else "bad", "note": f"n{n}"} for n in range(4_500, 9_000)]
    counts = predict(write(tmp_path / "in.jsonl", given), tmp_path / target)
    found = read(tmp_path / target)

    assert counts == FileCounts(rows=9_000, positive=2_250, needs_review=4_500, unscored=4_500)
    assert [float(row["id"]) for row in found] == [row["id"] for row in given]
    assert [row.get("note") or None for row in found] == [row.get("note") for row in given]
    assert [row["label"] for row in found[-2:]] == ["negative", "positive"]


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_hostile_texts_of_a_file_are_scored(tmp_path, target):
    texts = ["good \ud83d half", "nul\x00 good", "عربي", "😀", "good " * 200_000]
    counts = predict(write(tmp_path / "in.jsonl", [{"text": text} for text in texts]), tmp_path / target)

    assert (counts.rows, counts.positive, counts.unscored) == (5, 3, 0)


def test_texts_are_scored_as_the_lake_would_hold_them_and_stay_in_the_file_as_they_are():
    oracle = Oracle()
    raw = "A go\u00adod one&apos;s <b>lid</b>"
    scored = predict_rows(oracle, [{"text": raw}, {"text": "<br>", "title": "good"}, {"text": None}], 7)
    assert oracle.asked == ["A good one's lid"]
    assert [(row["text"], row["label"]) for row in scored] == [(raw, "positive"), ("<br>", None), (None, None)]


def test_a_column_of_several_kinds_is_refused_for_parquet_alone(tmp_path):
    source = write(tmp_path / "in.jsonl", [{"text": "good", "id": 1}, {"text": "bad", "id": "two"}])

    assert predict(source, tmp_path / "out.csv").rows == 2
    with pytest.raises(ContractError, match=r"in\.jsonl: the column id holds values of several kinds.*write \.jsonl"):
        predict(source, tmp_path / "out.parquet")


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_a_file_without_the_column_text_is_refused_with_the_columns_it_has(tmp_path, name):
    source = write(tmp_path / name, [{"id": 1, "remark": "good"}])

    with pytest.raises(
        ContractError, match=rf"{name}: no column is known to be the text; the columns are id, remark: say"
    ):
        predict(source, tmp_path / "out.jsonl")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'{"text": "good"}\nno JSON\n', "in.jsonl, line 2: the line is not a JSON object; mend or remove the row"),
        (b'{"text": "good"}\n\n["good"]\n', "in.jsonl, line 3: the line begins a JSON array.*name the file .json"),
        (b'{"text": "good"}\n\xff\xfe\n', "in.jsonl, line 2: the byte 0xff is no UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_no_output_appears(tmp_path, content, named):
    (tmp_path / "in.jsonl").write_bytes(content)
    (tmp_path / "out.jsonl").write_text("of an earlier run")

    with pytest.raises(ContractError, match=named):
        predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "of an earlier run"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"text,id\ngood,1\nbad,2,3\n", "in.csv, line 3: the row has 3 values and the first row 2 columns"),
        (b"text,id\ncaf\xe9,1\n", "in.csv, line 2: the byte 0xe9 is no UTF-8"),
    ],
)
def test_a_bad_line_of_a_csv_file_is_named(tmp_path, content, named):
    (tmp_path / "in.csv").write_bytes(content)

    with pytest.raises(ContractError, match=named):
        predict(tmp_path / "in.csv", tmp_path / "out.jsonl")


def test_a_csv_file_from_a_spreadsheet_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbftext,id\ngood,1\n")

    assert predict(tmp_path / "in.csv", tmp_path / "out.csv").positive == 1


@pytest.mark.parametrize("damage", ["truncated", "corrupted"])
def test_a_broken_gzip_is_named_and_no_output_appears(tmp_path, damage):
    source = write(tmp_path / "in.jsonl.gz", [{"text": f"good {n * 7919}"} for n in range(3_000)])
    content = source.read_bytes()
    half = len(content) // 2
    source.write_bytes(content[:half] if damage == "truncated" else content[:half] + b"?" * 40 + content[half + 40 :])

    with pytest.raises(
        ContractError, match=r"in\.jsonl\.gz.*(cannot be read to its end|the line is not a JSON object)"
    ):
        predict(source, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl.gz"]


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "in.parquet").write_bytes(b"text")

    with pytest.raises(ContractError, match=r"in\.parquet cannot be read to its end"):
        predict(tmp_path / "in.parquet", tmp_path / "out.jsonl")


@pytest.mark.parametrize(("source", "target"), [("in.txt", "out.jsonl"), ("in.jsonl", "out.xlsx")])
def test_an_unknown_kind_of_file_is_refused_with_the_known_ones(tmp_path, source, target):
    (tmp_path / source).write_text('{"text": "good"}\n')

    with pytest.raises(ContractError, match=r"is of no kind that is (read|written)[:;] name it \.jsonl"):
        predict(tmp_path / source, tmp_path / target)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ContractError, match=r"there is no file .*in\.jsonl; check the path"):
        predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl")


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_file_without_rows_gives_a_file_without_rows(tmp_path, target):
    (tmp_path / "in.jsonl").write_text("")

    assert predict(tmp_path / "in.jsonl", tmp_path / target).rows == 0
    assert read(tmp_path / target) == []
