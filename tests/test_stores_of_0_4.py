"""Stores that version 0.4 made are read, compared, followed by others and scored; `stores_of_0_4` holds them."""

import sqlite3
import tarfile
from datetime import date
from pathlib import Path

import pytest

import tiny
from contexts import a_context
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.engine.scorer import Scorer
from sentiment.export.config import ExportConfig
from sentiment.export.register import export_and_register
from sentiment.promotion.comparison import compare_runs
from sentiment.promotion.config import CompareConfig, PromoteConfig, RollbackConfig
from sentiment.promotion.promote import promote_best
from sentiment.promotion.rollback import roll_back
from sentiment.promotion.versions import calls_of
from sentiment.scoring.config import ScoreConfig
from sentiment.scoring.verbs import SCORE
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import champions_at, history
from sentiment.stores.registry.versions import Registry
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig
from sentiment.views.config import ReportConfig
from sentiment.views.report import report_days
from verbs_here import done

DAYS = [date(2014, 5, 5), date(2014, 5, 6)]
TODAY = date(2200, 1, 1)


@pytest.fixture
def kept(home) -> Settings:
    """A home with the stores, as whoever updates finds his own."""
    with tarfile.open(Path(__file__).parent / "stores_of_0_4" / "stores.tar.gz") as packed:
        packed.extractall(home, filter="data")
    said = (home / "mlflow.sql").read_text(encoding="utf-8").replace("HOME", str(home))
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as database:
        database.executescript(said)
    return Settings()


@pytest.fixture
def lake(kept) -> Lake:
    return Lake(kept.lake_root)


@pytest.fixture
def registry(kept) -> Registry:
    return Registry(kept)


def test_its_reviews_scores_and_promotions_are_read(lake):
    reviews, scores = lake.read(REVIEWS), lake.read(SCORES)
    assert sorted(scores["review_key"].to_pylist()) == sorted(reviews["review_key"].to_pylist())
    assert scores["model_version"].unique().to_pylist() == ["1"]
    assert [scores[name].unique().to_pylist() for name in ("engine", "language")] == [[None], [None]]
    assert lake.read(DAILY_SENTIMENT).num_rows > 0
    assert [(change.version, change.previous) for change in history(lake)] == [(1, None)]
    assert champions_at(lake, [TODAY]) == {TODAY: 1}


def test_its_bundle_is_the_one_that_scored(lake, registry):
    fetched = registry.fetch_bundle(registry.champion())
    assert lake.read(SCORES)["bundle"].unique().to_pylist() == [fetched.content]
    known = {row["review_key"]: row["positive_probability"] for row in lake.read(SCORES).to_pylist()}
    rows = lake.read(REVIEWS).to_pylist()
    now = Scorer.load(fetched.folder).probabilities([row["title"] for row in rows], [row["text"] for row in rows])
    assert now.tolist() == pytest.approx([known[row["review_key"]] for row in rows], abs=0.02)


def test_what_its_version_said_of_the_test_reviews_is_read_from_its_run(lake, registry):
    version = registry.version(1)
    test = read_split(snapshot_folder(lake, version.tags["snapshot"]), "test", int(version.tags["test_reviews"]))
    assert registry.find_evidence(1, Path("nowhere")) is None
    calls = calls_of(registry, version, test, score=pytest.fail)
    assert calls.figures(test.labels)["macro_f1"] == pytest.approx(version.figure("macro_f1"), abs=1e-5)


def test_its_days_and_its_champion_are_reported(lake, registry):
    report = report_days(ReportConfig(), lake, registry)
    assert (report.champion, [row.day for row in report.days]) == (1, [str(day) for day in DAYS])
    assert [version.family for version in report.compared] == ["linear"]


def test_its_model_is_compared_with_a_new_one_judged_against_it_and_followed_by_it(kept, lake, registry):
    old = registry.trained(registry.version(1).run_id)
    config = TrainConfig(
        family="linear",
        buckets=2**9,
        snapshot=old.params["snapshot"],
        train_reviews=400,
        test_reviews=100,
        encoder=str(tiny.write_encoder(kept.home / "encoder")),
    )
    new = train_candidate(config, a_context(kept)).run_id
    compared = compare_runs(CompareConfig(runs=(old.run_id, new)), registry, a_context())
    assert compared.runs == (old.run_id, new)
    assert len(compared.comparisons) == 1

    export = ExportConfig(run_id=new, parity_reviews=50, max_accuracy_loss=0.5)
    assert export_and_register(export, registry, a_context()).version == 2
    rules = PromoteConfig(tolerance=0.5, margin=0.05, max_slice_loss=1.0)
    judged = promote_best(rules, registry, a_context(), race=lambda bundles, _: {1: 100.0, 2: 900.0})
    # Both suites were compared, the old one as its run keeps it.
    assert "cheaper to run" in judged.reason
    assert judged.evidence.behaviour[0].capability == "overall"
    assert (judged.promoted, judged.champion) == (False, 1)
    changed = roll_back(RollbackConfig(version=2, reason="a person wants it"), registry, a_context())
    assert (changed.champion, changed.previous, changed.days_to_rescore) == (2, 1, len(DAYS))
    assert (registry.champion(), [change.version for change in history(lake)]) == (2, [1, 2])


@pytest.mark.spark
def test_its_scores_are_kept_until_an_engine_is_asked_for(lake, spark):
    kept = done(SCORE, ScoreConfig(day=DAYS[0]))
    assert (kept["model_versions"], kept["reused"]) == ([1], kept["reviews"])
    assert lake.read(SCORES)["engine"].unique().to_pylist() == [None]
    anew = done(SCORE, ScoreConfig(day=DAYS[0], engine="onnxruntime-fp32"))
    assert anew["reused"] == 0
    scores = lake.read(SCORES, (DAYS[0], DAYS[0]))
    assert set(scores["engine"].to_pylist()) == {"onnxruntime-fp32"}
    assert "en" in scores["language"].to_pylist()
