"""The benchmarks of models and of remedies: measured once, resumed for nothing, told in tables."""

import csv
import json

import pytest

import tiny
from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.verbs import SNAPSHOT
from sentiment_benchmarks import models as benchmark
from sentiment_benchmarks.config import BenchmarkImbalanceConfig, BenchmarkModelsConfig
from sentiment_benchmarks.tables import markdown
from sentiment_benchmarks.verbs import BENCHMARK_IMBALANCE, BENCHMARK_MODELS
from verbs_here import done

SMALL = {"evaluation_reviews": 60, "test_reviews": 100}


@pytest.fixture
def snapshot(home):
    reviews = tiny.reviews(700, seed=5)
    with (home / "train.csv").open("w", encoding="utf-8", newline="") as file:
        rows = zip(reviews.labels.tolist(), reviews.titles, reviews.texts, strict=True)
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([label + 1, title, text] for label, title, text in rows)
    config = SnapshotConfig(dataset="amazon_polarity", source=str(home / "train.csv"), min_words=1)
    return done(SNAPSHOT, config)["snapshot"]


@pytest.mark.slow
def test_every_candidate_is_measured_once_and_told_beside_the_others(home, snapshot, monkeypatch):
    config = BenchmarkModelsConfig(
        snapshots=(snapshot,), models=("linear", "gru"), train_reviews=400, output=home / "benchmark", **SMALL
    )
    # As a training leaves it that was stopped: only its rest could be timed.
    (home / "benchmark" / snapshot / "gru" / "work").mkdir(parents=True)
    result = done(BENCHMARK_MODELS, config)
    rows = {row["model"]: row for row in result["models"]}
    assert rows["linear"]["training_seconds"] > 0
    assert rows["gru"]["training_seconds"] is None
    assert list(rows) == ["linear", "gru"]
    for row in rows.values():
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
        assert row["trained_on"] == 400
        assert row["reviews_per_second"] > 0
        assert row["bundle_megabytes"] > 0
    (pair,) = result["comparisons"]
    assert {pair["a"], pair["b"]} == {"linear", "gru"}
    tables = home / "benchmark" / "tables"
    assert json.loads((tables / "models.json").read_text()) == result["models"]
    assert (tables / "models.md").read_text().count("\n") == 4
    assert (tables / "amazon_polarity.png").read_bytes().startswith(b"\x89PNG")

    def trained_again(*_):
        raise AssertionError("a finished candidate was trained again")

    monkeypatch.setattr(benchmark, "fit", trained_again)
    assert done(BENCHMARK_MODELS, config)["models"] == result["models"]


@pytest.mark.slow
def test_every_remedy_that_a_family_knows_is_measured_at_both_thresholds(home, snapshot):
    config = BenchmarkImbalanceConfig(
        snapshot=snapshot, families=("linear",), train_reviews=300, output=home / "benchmark", **SMALL
    )
    rows = done(BENCHMARK_IMBALANCE, config)["imbalance"]
    assert [row["technique"] for row in rows[::2]] == ["none", "class_weights", "oversampling", "smote"]
    assert {row["threshold"] for row in rows[::2]} == {0.5}
    assert all(0 <= row["recall_negative"] <= 1 for row in rows)


def test_a_snapshot_that_is_nowhere_is_refused(home):
    with pytest.raises(ContractError, match="there is no snapshot nowhere; make it"):
        done(BENCHMARK_MODELS, BenchmarkModelsConfig(snapshots=("nowhere",), output=home))


def test_a_table_shows_every_column_that_any_row_has_and_no_stray_bar():
    table = markdown([{"model": "a|b", "accuracy": 0.95}, {"model": "c", "reviews": 12345, "speed": 99.25}])
    assert table.splitlines() == [
        "| model | accuracy | reviews | speed |",
        "| --- | --- | --- | --- |",
        "| a\\|b | 0.9500 |  |  |",
        "| c |  | 12,345 | 99.2 |",
    ]
    assert markdown([]) == ""
