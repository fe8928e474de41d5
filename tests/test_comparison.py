"""Candidates are compared over seeds and on the same test reviews, and each sends its best run of validation on."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.evaluation.predictions import write_predictions
from sentiment.promotion.comparison import compare_runs, group
from sentiment.promotion.config import CompareConfig
from sentiment.stores.registry.entries import TrainedRun

LABELS = (np.random.default_rng(0).random(1_000) < 0.7).astype(np.int64)


def run(run_id: str, validation: float, macro_f1: float, **params: object) -> TrainedRun:
    given = {"family": "encoder", "snapshot": "s1", "test_reviews": 1_000, "seed": 17, "epochs": 1.0, **params}
    metrics = {"validation_macro_f1": validation, "test_macro_f1": macro_f1, "test_accuracy": macro_f1 + 0.01}
    return TrainedRun(run_id, {name: str(value) for name, value in given.items()}, metrics, {})


class FakeRegistry:
    """Runs in a dict, and predictions that are right on the share of reviews that a run's macro F1 says."""

    def __init__(self, *runs: TrainedRun) -> None:
        self.runs, self.attached = {one.run_id: one for one in runs}, {}

    def trained(self, run_id: str) -> TrainedRun:
        return self.runs[run_id]

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        assert name == "predictions.parquet"
        if run_id == "without":
            return None
        right = np.arange(1_000) < 1_000 * self.runs[run_id].metrics["test_macro_f1"]
        probability = np.where(right == (LABELS == 1), 0.9, 0.1)
        return write_predictions(destination / name, [str(row) for row in range(1_000)], LABELS, probability)

    def handle(self, run_id: str) -> "FakeHandle":
        return FakeHandle(run_id, self.attached)


@dataclass
class FakeHandle:
    """Keeps what is added to a run."""

    run_id: str
    attached: dict

    def log_json(self, content: object, name: str) -> None:
        self.attached[self.run_id, name] = content


@pytest.fixture
def compare(home):
    """Return a function that runs the verb over runs, and gives its result and what the runs keep of it."""

    def verb(*runs: TrainedRun, **options: object) -> tuple[dict, dict]:
        registry = FakeRegistry(*runs)
        config = CompareConfig(runs=tuple(one.run_id for one in runs), **options)
        return compare_runs(config, registry, a_context()).model_dump(mode="json"), registry.attached

    return verb


def over_seeds(name: str, figures: list[float], **params: object) -> list[TrainedRun]:
    return [run(f"{name}{seed}", 0.5 + value / 2, value, seed=seed, **params) for seed, value in enumerate(figures)]


ENCODER = over_seeds("e", [0.95, 0.96, 0.94])
LINEAR = over_seeds("l", [0.90, 0.90, 0.90], family="linear")


def test_runs_that_differ_in_the_seed_alone_are_one_candidate():
    found = group([*LINEAR, *ENCODER])
    assert [(one.name, len(one.runs)) for one in found] == [("linear", 3), ("encoder", 3)]


def test_candidates_of_one_family_are_told_apart_by_what_differs():
    long = run("x", 0.9, 0.9, epochs=3.0, learning_rate=1e-4)
    found = group([*ENCODER, long, run("y", 0.9, 0.9, learning_rate=2e-5), *LINEAR])
    assert [one.name for one in found] == [
        "encoder, epochs=1.0",
        "encoder, epochs=3.0, learning_rate=0.0001",
        "encoder, epochs=1.0, learning_rate=2e-05",
        "linear",
    ]


def test_each_candidate_sends_on_the_run_that_was_best_on_validation_whatever_the_test_says(compare):
    lucky = run("lucky", 0.90, 0.99, seed=3)
    result, _ = compare(*ENCODER, lucky, *LINEAR)
    assert result["runs"] == ["e1", "l0"]
    assert [row["run_id"] for row in result["candidates"]] == result["runs"]


def test_a_candidate_shows_mean_and_deviation_over_its_seeds(compare):
    result, _ = compare(*ENCODER, run("one", 0.8, 0.9, family="linear"))
    encoder, single = result["candidates"]
    assert encoder["seeds"] == [0, 1, 2]
    assert encoder["macro_f1_mean"] == pytest.approx(0.95)
    assert encoder["macro_f1_std"] == pytest.approx(0.01)
    assert encoder["accuracy_mean"] == pytest.approx(0.96)
    assert (single["macro_f1_mean"], single["macro_f1_std"]) == (0.9, None)
    assert single["log_loss_mean"] is None


def test_pairs_are_tested_on_the_chosen_runs_and_over_the_seeds_that_both_have(compare):
    result, _ = compare(*ENCODER, *LINEAR)
    (row,) = result["comparisons"]
    assert row["winner"] == "encoder"
    assert (row["only_a_right"], row["only_b_right"]) == (60, 0)
    assert row["over_seeds"]["seeds"] == 3
    assert row["over_seeds"]["difference"] == pytest.approx(0.05)
    assert row["over_seeds"]["p_corrected"] < 0.05
    assert row["verdict"].startswith("encoder beats linear: macro F1 +0.")
    assert "Over 3 seeds encoder less linear is +0.0500" in row["verdict"]


def test_p_values_over_seeds_are_corrected_for_the_pairs_that_have_them(compare):
    gru = over_seeds("g", [0.93, 0.95, 0.92], family="gru")
    result, _ = compare(*ENCODER, *LINEAR, *gru, run("single", 0.9, 0.9, family="lstm"))
    tested = [row["over_seeds"] for row in result["comparisons"] if row["over_seeds"]]
    assert len(result["comparisons"]) == 6
    assert len(tested) == 3
    assert all(one["p_corrected"] == pytest.approx(min(1, 3 * one["p"])) for one in tested)


def test_the_table_is_kept_by_every_chosen_run_and_is_plain_json(compare):
    result, attached = compare(*ENCODER, *LINEAR)
    assert attached == {("e1", "comparison.json"): result, ("l0", "comparison.json"): result}
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_single_candidate_is_chosen_without_comparisons(compare):
    result, _ = compare(ENCODER[0])
    assert (result["runs"], result["comparisons"]) == (["e0"], [])


def test_a_threshold_of_a_run_decides_its_predictions(compare):
    strict = run("strict", 0.9, 0.96, family="lstm")
    strict.metrics["threshold"] = 0.95
    row = compare(ENCODER[1], strict)[0]["comparisons"][0]
    assert row["winner"] == "encoder"


def test_the_stricter_the_significance_the_fewer_the_winners(compare):
    close = run("close", 0.9, 0.975, family="lstm")
    assert compare(ENCODER[1], close)[0]["comparisons"][0]["winner"] == "lstm"
    assert compare(ENCODER[1], close, significance=1e-4)[0]["comparisons"][0]["winner"] is None


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (run("other", 0.9, 0.9, snapshot="s2"), r"e0 on s1 / 1000; other on s2 / 1000\. Compare runs of one snapshot"),
        (run("fewer", 0.9, 0.9, test_reviews=50), "tested on different reviews"),
        (run("ended", math.nan, 0.9), "run ended has no validation_macro_f1; leave it out"),
        (run("without", 0.9, 0.9, epochs=2), r"run without keeps no predictions\.parquet; train it anew"),
    ],
    ids=["snapshot", "test reviews", "validation", "predictions"],
)
def test_runs_that_cannot_be_compared_are_refused_with_what_to_do(compare, broken, sentence):
    with pytest.raises(ContractError, match=sentence):
        compare(ENCODER[0], broken)
