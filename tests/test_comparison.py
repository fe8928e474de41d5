"""Candidates are compared over seeds and on the same test reviews, and each sends its best run of validation on."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.evaluation.predictions import write_predictions
from sentiment.promotion.comparison import compare_runs, group
from sentiment.promotion.config import CompareConfig
from sentiment.promotion.results import CompareResult
from sentiment.stores.registry.entries import TrainedRun

LABELS = (np.random.default_rng(0).random(1_000) < 0.7).astype(np.int64)


def run(run_id: str, validation: float, macro_f1: float, tested: int = 1_000, **params: object) -> TrainedRun:
    given = {"family": "encoder", "snapshot": "s1", "test_reviews": 1_000, "seed": 17, "epochs": 1.0, **params}
    metrics = {"validation_macro_f1": validation, "test_macro_f1": macro_f1, "test_accuracy": macro_f1 + 0.01}
    metrics["test_reviews_used"] = tested
    return TrainedRun(run_id, {name: str(value) for name, value in given.items()}, metrics, {})


class FakeRegistry:
    """Runs in a dict, and predictions that are right on the share of reviews that a run's macro F1 says."""

    def __init__(self, *runs: TrainedRun) -> None:
        self.runs, self.attached = {one.run_id: one for one in runs}, {}
        self.folds: dict[str, list[float]] = {}

    def trained(self, run_id: str) -> TrainedRun:
        return self.runs[run_id]

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        if name == "cross_validation.json":
            return self.cross_validated(run_id, destination / name)
        assert name == "predictions.parquet"
        if run_id == "without":
            return None
        right = np.arange(1_000) < 1_000 * self.runs[run_id].metrics["test_macro_f1"]
        probability = np.where(right == (LABELS == 1), 0.9, 0.1)
        tested = int(self.runs[run_id].metrics["test_reviews_used"])
        keys = [f"{self.runs[run_id].params['snapshot']}-{row}" for row in range(tested)]
        return write_predictions(destination / name, keys, LABELS[:tested], probability[:tested])

    def cross_validated(self, run_id: str, path: Path) -> Path:
        rows = [{"macro_f1": one, "test_reviews": 400, "train_reviews": 1_440} for one in self.folds[run_id]]
        path.write_text(json.dumps({"folds": rows}), encoding="utf-8")
        return path

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

    def verb(*runs: TrainedRun, folds: dict[str, list[float]] | None = None, **options: object) -> tuple[dict, dict]:
        registry = FakeRegistry(*runs)
        registry.folds = folds or {}
        config = CompareConfig(runs=tuple(one.run_id for one in runs), **options)
        return compare_runs(config, registry, a_context()).model_dump(mode="json"), registry.attached

    return verb


def over_seeds(name: str, figures: list[float], **params: object) -> list[TrainedRun]:
    return [run(f"{name}{seed}", 0.5 + value / 2, value, seed=seed, **params) for seed, value in enumerate(figures)]


ENCODER = over_seeds("e", [0.95, 0.96, 0.94])
LINEAR = over_seeds("l", [0.90, 0.91, 0.89], family="linear")


def test_runs_that_differ_in_the_seed_alone_are_one_candidate():
    found = group([*LINEAR, *ENCODER])
    assert [(one.name, len(one.runs)) for one in found] == [("linear", 3), ("encoder", 3)]


@pytest.mark.parametrize("lacking", ["family", "seed", "snapshot", "validation_macro_f1"])
def test_a_run_of_another_program_is_refused_with_what_it_lacks(lacking):
    theirs = run("theirs", 0.9, 0.9)
    for kept in (theirs.params, theirs.metrics):
        kept.pop(lacking, None)
    with pytest.raises(ContractError, match=f"run theirs has no {lacking}: it is no training of this platform"):
        group([*ENCODER, theirs])


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
    assert result["runs"] == ["e1", "l1"]
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
    varied = over_seeds("v", [0.88, 0.92, 0.90], family="linear")
    result, _ = compare(*ENCODER, *varied)
    (row,) = result["comparisons"]
    assert row["winner"] == "encoder"
    assert (row["only_a_right"], row["only_b_right"]) == (40, 0)
    assert row["over_seeds"]["pairs"] == 3
    assert row["over_seeds"]["difference"] == pytest.approx(0.05)
    assert row["over_folds"] is None
    chosen, training = row["verdict"].split(". ")
    assert chosen.startswith("The chosen runs: on these 1,000 test reviews encoder beats linear: macro F1 +0.")
    assert "alone right on 40 reviews against 0" in chosen
    # The differences 7, 4 and 4 hundredths: t = 5 / (1.7321 / sqrt 3) on 2 degrees.
    assert training.startswith("As ways of training, over 3 seeds, encoder beats linear: macro F1 +0.0500")
    assert training.endswith("2.9 standard deviations of the differences; p = 0.0377 by paired t-test")


def test_the_chosen_runs_may_differ_where_the_ways_of_training_do_not(compare):
    result, _ = compare(*over_seeds("e", [0.95, 0.80, 0.81]), *over_seeds("l", [0.90, 0.83, 0.79], family="linear"))
    said = result["comparisons"][0]["verdict"]
    assert "on these 1,000 test reviews encoder beats linear" in said
    assert "over 3 seeds, encoder and linear do not differ beyond chance" in said


def test_a_run_that_is_given_or_trained_twice_counts_once_and_that_is_said(compare):
    again = run("again", 0.975, 0.95, seed=0)
    result, _ = compare(*ENCODER, again, ENCODER[0], *LINEAR)
    encoder = result["candidates"][0]
    assert (encoder["seeds"], encoder["repeated"]) == ([0, 1, 2], 1)
    assert encoder["macro_f1_std"] == pytest.approx(0.01)
    assert result["comparisons"][0]["over_seeds"]["pairs"] == 3
    said = CompareResult.model_validate(result).sentences()
    assert said[-1] == "4 runs of encoder, 1 of which gave the same model as another one and count once."


def test_trainings_without_chance_are_one_observation_and_no_t_test_pretends_otherwise(compare):
    result, _ = compare(*ENCODER, *over_seeds("l", [0.90, 0.90, 0.90], family="linear"))
    linear, (row,) = result["candidates"][1], result["comparisons"]
    assert (linear["seeds"], linear["repeated"], linear["macro_f1_std"]) == ([0], 2, None)
    assert row["over_seeds"] is None
    assert row["verdict"].endswith(
        "All 3 runs of linear gave one model and count once, so nothing is tested over seeds"
    )


def test_folds_of_two_candidates_are_compared_by_the_corrected_test(compare):
    folded = [run("a", 0.9, 0.90, folds=5), run("b", 0.9, 0.90001, family="linear", folds=5)]
    folds = {"a": [0.91, 0.92, 0.93, 0.94, 0.95], "b": [0.9] * 5}
    result, _ = compare(*folded, folds=folds)
    found = result["comparisons"][0]["over_folds"]
    assert (found["pairs"], found["difference"]) == (5, pytest.approx(0.03))
    # t = 3 / sqrt((1/5 + 400/1440) 2.5) = 2.74498 on 4 degrees of freedom.
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(2.74498, 4), abs=1e-5)
    assert "over 5 folds, encoder and linear do not differ beyond chance" in result["comparisons"][0]["verdict"]
    other_seed = [folded[0], run("b", 0.9, 0.9, family="linear", folds=5, seed=18)]
    assert compare(*other_seed, folds=folds)[0]["comparisons"][0]["over_folds"] is None


def test_what_was_tested_on_the_same_reviews_is_compared_whatever_was_asked_for(compare):
    asked_less = run("l", 0.8, 0.9, family="linear", test_reviews=5_000)
    assert compare(ENCODER[0], asked_less)[0]["comparisons"][0]["winner"] == "encoder"
    same = run("same", 0.8, 0.93, seed=9, test_reviews=5_000)
    assert [row["seeds"] for row in compare(ENCODER[0], same)[0]["candidates"]] == [[0, 9]]


def test_p_values_over_seeds_are_corrected_for_the_pairs_that_have_them(compare):
    gru = over_seeds("g", [0.93, 0.95, 0.92], family="gru")
    result, _ = compare(*ENCODER, *LINEAR, *gru, run("single", 0.9, 0.9, family="lstm"))
    tested = [row["over_seeds"] for row in result["comparisons"] if row["over_seeds"]]
    assert len(result["comparisons"]) == 6
    assert len(tested) == 3
    assert all(one["p_corrected"] == pytest.approx(min(1, 3 * one["p_value"])) for one in tested)


def test_the_table_is_kept_by_every_chosen_run_and_is_plain_json(compare):
    result, attached = compare(*ENCODER, *LINEAR)
    assert attached == {("e1", "comparison.json"): result, ("l1", "comparison.json"): result}
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
    assert compare(ENCODER[1], close, significance=5e-5)[0]["comparisons"][0]["winner"] is None  # McNemar's is 6e-5


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            run("other", 0.9, 0.9, snapshot="s2"),
            r"were tested on different reviews \(1000 and 1000\); train both on one",
        ),
        (run("fewer", 0.9, 0.9, tested=50), r"were tested on different reviews \(1000 and 50\)"),
        (run("ended", math.nan, 0.9), "run ended has no validation_macro_f1: it is no training of this platform"),
        (run("without", 0.9, 0.9, epochs=2), r"run without keeps no predictions\.parquet; train it anew"),
    ],
    ids=["snapshot", "test reviews", "validation", "predictions"],
)
def test_runs_that_cannot_be_compared_are_refused_with_what_to_do(compare, broken, sentence):
    with pytest.raises(ContractError, match=sentence):
        compare(ENCODER[0], broken)
