"""Who becomes champion and upon what evidence, what the ledger remembers of it, and that all saw the same reviews."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from sentiment import storage
from sentiment.config import PromoteConfig, Settings
from sentiment.datasets.pin import snapshot_folder
from sentiment.errors import ContractError
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.paired_tests import Difference, Disagreement
from sentiment.evaluation.predictions import write_predictions
from sentiment.lake.schemas import PROMOTIONS
from sentiment.lake.tables import Lake
from sentiment.progress import logged
from sentiment.promotion import champion_at, changes, promote_best, record
from sentiment.promotion.evidence import CapabilityChange, Evidence, Measured, SliceChange, on_behaviour
from sentiment.promotion.gate import choose_challenger, decide
from sentiment.registry import ModelVersion

RULES = PromoteConfig()  # tolerance 0.002, significance 0.05, 1.5 times cheaper, slices of 100 may lose 0.03


def measured(version: int, macro_f1: float, family: str = "encoder", speed: float | None = 100.0) -> Measured:
    return Measured(version, family, macro_f1, macro_f1, speed)


def evidence(difference: float, p: float = 0.001, mcnemar_p: float = 0.001, **more: object) -> Evidence:
    only = (60, 40) if difference > 0 else (40, 60)
    found = Difference(difference, difference - 0.01, difference + 0.01, p)
    return Evidence(found, Disagreement(*only, mcnemar_p), **{"behaviour": (), **more})


@pytest.mark.parametrize(
    ("against", "speed", "promoted", "reason"),
    [
        (evidence(+0.010), 100, True, "better beyond chance (both below 0.05)"),
        (evidence(+0.010), 10, True, "better beyond chance"),
        (evidence(+0.010, p=0.06), 100, False, "not better beyond chance, and of equals only a cheaper one follows"),
        (evidence(+0.010, mcnemar_p=0.06), 100, False, "100 against 100 reviews/s, 1.00 times, not 1.5"),
        (evidence(+0.010, p=0.06), 150, True, "cheaper to run (150 against 100 reviews/s, 1.50 times, asked for 1.5)"),
        (evidence(-0.002), 150, True, "equal within 0.002 and cheaper to run"),
        (evidence(-0.002), 149, False, "149 against 100 reviews/s, 1.49 times, not 1.5"),
        (evidence(-0.002), None, False, "the speed of version 7 is unknown; export it anew"),
        (evidence(-0.0021), 900, False, "worse by more than 0.002"),
        (evidence(-0.0021, p=0.9), 900, False, "worse by more than 0.002"),
    ],
)
def test_a_challenger_must_be_better_beyond_chance_or_as_good_and_cheaper(against, speed, promoted, reason):
    decision = decide(measured(7, 0.9, speed=speed), measured(2, 0.89), None, against, RULES)
    assert decision.version == (7 if promoted else None)
    assert reason in decision.reason
    assert "version 7 has macro F1 0.9000, the champion (version 2) 0.8900" in decision.reason
    assert "by paired bootstrap" in decision.reason


def test_a_better_macro_f1_with_more_mistakes_is_not_better_beyond_chance():
    more_mistakes = replace(evidence(+0.010), mcnemar=Disagreement(40, 60, 0.001))
    assert decide(measured(7, 0.9), measured(2, 0.89), None, more_mistakes, RULES).version is None


@pytest.mark.parametrize(
    ("baseline", "champion", "promoted", "reason"),
    [
        (None, None, True, "version 7 has macro F1 0.9000, the first champion"),
        (0.880, None, True, "the first champion"),
        (0.9019, None, True, "the first champion"),
        (0.9021, None, False, "the linear baseline (version 1) 0.9021: worse by more than 0.002"),
        (0.9019, 0.880, True, "the champion (version 2) 0.8800"),
        (0.9021, 0.880, False, "the linear baseline (version 1)"),
    ],
)
def test_no_challenger_wins_that_lacks_more_than_the_tolerance_to_the_baseline(baseline, champion, promoted, reason):
    decision = decide(
        measured(7, 0.900),
        measured(2, champion) if champion else None,
        measured(1, baseline, "linear") if baseline else None,
        evidence(+0.02) if champion else None,
        RULES,
    )
    assert decision.version == (7 if promoted else None)
    assert reason in decision.reason


def test_a_linear_challenger_is_not_held_against_itself():
    linear = measured(7, 0.9, "linear")
    assert decide(linear, None, linear, None, RULES).version == 7


@pytest.mark.parametrize(("reviews", "loss", "promoted"), [(100, 0.03, True), (100, 0.04, False), (99, 0.04, True)])
def test_a_better_challenger_must_not_lose_a_slice_that_is_large_enough(reviews, loss, promoted):
    slices = (SliceChange("length: short", reviews, 0.9, 0.9 - loss, loss),)
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, evidence(+0.1, slices=slices), RULES)
    assert decision.version == (7 if promoted else None)
    said = "but on the slice length: short (100 reviews) accuracy falls from 0.9000 to 0.8600, by more than 0.03"
    assert (said in decision.reason) is not promoted


def test_a_better_challenger_must_not_fail_more_cases_of_any_capability():
    behaviour = (CapabilityChange("overall", 90, 0.2, 0.1), CapabilityChange("negation", 50, 0.10, 0.12))
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, evidence(+0.1, behaviour=behaviour), RULES)
    assert decision.version is None
    assert decision.reason.endswith("but it fails more cases of the behaviour suite: negation 12.0% instead of 10.0%")


def test_behaviour_that_nobody_measured_is_said_and_stops_nothing():
    unknown = evidence(+0.1, behaviour=None, behaviour_missing="the run of version 2 keeps no behaviour.json")
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, unknown, RULES)
    assert decision.version == 7
    assert decision.reason.endswith("behaviour was not compared: the run of version 2 keeps no behaviour.json")


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([(0.950, 50.0), (0.951, 50.0), (0.940, 900.0)], 2),
        ([(0.950, 80.0), (0.951, 50.0), (0.940, 900.0)], 1),
        ([(0.950, 50.0), (0.950, 50.0)], 1),
        ([(0.950, None), (0.951, 50.0)], 2),
    ],
)
def test_the_challenger_is_the_cheapest_of_those_that_are_as_good_as_the_best(candidates, chosen):
    known = [measured(number, *one[:1], speed=one[1]) for number, one in enumerate(candidates, 1)]
    assert choose_challenger(known, 0.002).version == chosen


def test_of_two_equal_candidates_the_linear_one_challenges():
    equal = [measured(1, 0.9, speed=None), measured(2, 0.9, "linear", speed=None)]
    assert choose_challenger(equal, 0.002).version == 2
    assert choose_challenger([replace(one, reviews_per_second=5.0) for one in equal], 0.002).version == 2


def row(capability: str, cases: int, failures: int, kind: str = "INV") -> dict:
    return {"capability": capability, "kind": kind, "cases": cases, "failures": failures}


def test_behaviour_is_summed_over_kinds_and_compared_where_the_suites_are_the_same():
    after = [row("typos", 10, 1), row("typos", 10, 2, "MFT"), row("names", 20, 0), row("new", 5, 5), row("grown", 8, 8)]
    before = [row("names", 20, 2), row("typos", 20, 4), row("grown", 4, 0)]
    assert on_behaviour(after, before) == (
        CapabilityChange("overall", 40, 0.15, 0.075),
        CapabilityChange("typos", 20, 0.2, 0.15),
        CapabilityChange("names", 20, 0.1, 0.0),
    )
    assert on_behaviour([row("new", 5, 0)], before) == ()


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(Settings().lake_root)


def test_a_retry_does_not_double_a_row_of_the_ledger(lake):
    record(lake, 1, None, "the first")
    record(lake, 1, None, "the first")
    record(lake, 2, 1, "better")
    record(lake, 1, 2, "rolled back")
    rows = sorted(lake.read(PROMOTIONS).to_pylist(), key=lambda row: row["at"])
    assert [(row["version"], row["previous_version"], row["reason"]) for row in rows] == [
        ("1", None, "the first"),
        ("2", "1", "better"),
        ("1", "2", "rolled back"),
    ]


def test_the_ledger_names_the_airflow_run_that_decided(lake, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "train_models")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__1")
    record(lake, 1, None, "the first")
    assert lake.read(PROMOTIONS)["decided_by"].to_pylist() == ["train_models/manual__1"]


def test_the_champion_of_a_date_is_the_one_at_the_end_of_that_day(lake):
    moments = {1: datetime(2024, 6, 10, 9, tzinfo=UTC), 2: datetime(2024, 6, 10, 23, 59, 59, tzinfo=UTC)}
    moments[3] = datetime(2024, 6, 12, tzinfo=UTC)
    rows = [
        {"version": str(version), "previous_version": None, "decided_by": "x", "reason": "y", "at": at}
        for version, at in moments.items()
    ]
    lake.append(PROMOTIONS, rows[::-1], {})
    assert [version for _, version in changes(lake)] == [1, 2, 3]
    assert [champion_at(lake, date(2024, 6, day)) for day in (9, 10, 11, 12, 13)] == [None, 2, 2, 3, 3]


TESTED = 400
LABELS = np.arange(TESTED) % 2
KEYS = [f"key {row:03}" for row in range(TESTED)]


def said(*mistakes: range) -> np.ndarray:
    """Return the probabilities of a model that is wrong on the given reviews and right on the others."""
    wrong = np.isin(np.arange(TESTED), [row for rows in mistakes for row in rows])
    return np.where(wrong == (LABELS == 1), 0.1, 0.9)


def version(
    number: int, probability: np.ndarray, family: str = "encoder", snapshot: str = "s1", speed: float | None = 100
) -> ModelVersion:
    figures = evaluate(LABELS, probability)
    tags = {"family": family, "snapshot": snapshot, "test_reviews": str(TESTED)}
    tags |= {name: f"{figures[name]:.6f}" for name in ("macro_f1", "accuracy")}
    return ModelVersion(number, f"run-{number}", tags | ({"reviews_per_second": f"{speed}"} if speed else {}))


class FakeRegistry:
    """Versions and what their runs keep in dicts, and the alias."""

    def __init__(self, champion: int | None, *versions: ModelVersion) -> None:
        self.alias, self.known, self.kept, self.behaviour = champion, versions, {}, {}

    def keeps(self, number: int, probability: np.ndarray) -> None:
        self.kept[f"run-{number}"] = probability

    def versions(self) -> list[ModelVersion]:
        return sorted(self.known, key=lambda one: -one.version)

    def version(self, number: int) -> ModelVersion:
        return next(one for one in self.known if one.version == number)

    def champion(self) -> int | None:
        return self.alias

    def set_champion(self, number: int) -> None:
        self.alias = number

    def fetch_bundle(self, number: int) -> Path:
        return Path(f"bundle-{number}")

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        if name == "bundle_predictions.parquet" and run_id in self.kept:
            return write_predictions(destination / name, KEYS, LABELS, self.kept[run_id])
        if name == "behaviour.json" and run_id in self.behaviour:
            (destination / name).write_text(json.dumps(self.behaviour[run_id]), encoding="utf-8")
            return destination / name
        return None


@pytest.fixture
def judge(home, lake, monkeypatch):
    """Return a function that runs the verb over a fake registry."""

    def run(registry: FakeRegistry, **options: object) -> dict:
        monkeypatch.setattr("sentiment.promotion.promote.Registry", lambda settings: registry)
        return promote_best(PromoteConfig(**options), Settings(), logged)

    return run


@pytest.fixture
def rivals(lake):
    """Return a function that gives champion 1 and challenger 2 with what both said of the test reviews."""

    def registry(champion: np.ndarray, challenger: np.ndarray, speed: float = 100) -> FakeRegistry:
        write_test_split(snapshot_folder(lake, "s1"))
        known = FakeRegistry(1, version(1, champion), version(2, challenger, speed=speed))
        known.keeps(1, champion)
        known.keeps(2, challenger)
        return known

    return registry


GOOD, POOR = said(range(10)), said(range(10), range(200, 240))


def test_a_better_challenger_is_recorded_before_the_alias_moves(judge, lake, rivals):
    registry, seen = rivals(POOR, GOOD), []
    registry.set_champion = lambda number: seen.append((number, changes(lake)[-1][1]))
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["champion"], result["previous"]) == (True, 2, 1)
    assert [one["version"] for one in result["candidates"]] == [2]
    assert "p = 0.0002 by paired bootstrap, p < 0.0001 by McNemar" in result["reason"]
    assert seen == [(2, 2)]
    assert lake.read(PROMOTIONS)["reason"].to_pylist() == [result["reason"]]


def test_a_challenger_that_is_worse_leaves_alias_and_ledger_as_they_are(judge, lake, rivals):
    registry = rivals(GOOD, POOR)
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["champion"], registry.alias) == (False, 1, 1)
    assert changes(lake) == []


@pytest.mark.parametrize(("speed", "promoted"), [(100, False), (149, False), (151, True)])
def test_an_equal_challenger_follows_only_when_it_is_cheaper(judge, rivals, speed, promoted):
    assert judge(rivals(GOOD, GOOD, speed), versions=(2,))["promoted"] is promoted


def test_a_better_challenger_that_loses_a_category_is_refused(judge, rivals):
    # The last 100 reviews are the category "cables".
    champion, challenger = said(range(100)), said(range(300, 320))
    result = judge(rivals(champion, challenger), versions=(2,))
    assert not result["promoted"]
    assert "cables (100 reviews) accuracy falls from 1.0000 to 0.8000, by more than 0.03" in result["reason"]
    assert result["evidence"]["slices"][0]["loss"] == pytest.approx(0.2)
    assert judge(rivals(champion, challenger), versions=(2,), min_slice_reviews=101)["promoted"]


def test_the_behaviour_of_both_runs_is_compared(judge, rivals):
    registry = rivals(POOR, GOOD)
    registry.behaviour = {"run-1": [row("negation", 40, 4)], "run-2": [row("negation", 40, 5)]}
    result = judge(registry, versions=(2,))
    assert not result["promoted"]
    assert "negation 12.5% instead of 10.0%" in result["reason"]
    assert result["evidence"]["behaviour"][1]["capability"] == "negation"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"run-2": [row("negation", 40, 5)]}, "the run of version 1 keeps no behaviour.json"),
        ({"run-1": [row("old", 3, 0)], "run-2": [row("new", 3, 3)]}, "the two ran different suites"),
    ],
)
def test_behaviour_that_cannot_be_compared_is_named(judge, rivals, behaviour, reason):
    registry = rivals(POOR, GOOD)
    registry.behaviour = behaviour
    result = judge(registry, versions=(2,))
    assert result["promoted"]
    assert reason in result["reason"]
    assert reason in result["evidence"]["behaviour_missing"]


def test_the_result_is_plain_json_whatever_was_found(judge, rivals):
    result = judge(rivals(POOR, GOOD), versions=(2,))
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.fixture
def scored(monkeypatch):
    """Let bundles say what `scored` holds for them, and remember what they were asked about."""
    answers, asked = {}, []

    def probabilities(bundle: Path, reviews: object) -> np.ndarray:
        asked.append((str(bundle), reviews.keys))
        return answers[str(bundle)]

    monkeypatch.setattr("sentiment.export.register.bundle_probabilities", probabilities)
    answers["asked"] = asked
    return answers


@pytest.mark.parametrize(("anew", "promoted"), [(POOR, True), (said(), False)])
def test_the_champion_is_scored_anew_when_its_test_reviews_were_others(judge, lake, scored, anew, promoted):
    write_test_split(snapshot_folder(lake, "s2"))
    registry = FakeRegistry(1, version(1, said(), snapshot="s1"), version(2, GOOD, snapshot="s2"))
    registry.keeps(2, GOOD)
    scored["bundle-1"] = anew
    result = judge(registry, versions=(2,))
    assert result["promoted"] is promoted
    assert f"the champion (version 1) {evaluate(LABELS, anew)['macro_f1']:.4f}" in result["reason"]
    assert scored["asked"] == [("bundle-1", KEYS)]


def test_predictions_of_a_later_export_of_the_same_run_are_not_taken_for_a_versions_own(judge, rivals, scored):
    registry = rivals(POOR, GOOD)
    registry.keeps(1, GOOD)
    scored["bundle-1"] = POOR
    assert judge(registry, versions=(2,))["promoted"]
    assert [bundle for bundle, _ in scored["asked"]] == ["bundle-1"]


def test_a_version_is_judged_at_the_threshold_that_it_was_exported_with(judge, rivals):
    unsure = np.where(GOOD > 0.5, 0.65, 0.6)  # right on as many as GOOD, from 0.62 on
    registry = rivals(POOR, unsure)
    at = {**version(2, GOOD).tags, "threshold": "0.62"}
    registry.known = (registry.known[0], ModelVersion(2, "run-2", at))
    assert judge(registry, versions=(2,))["promoted"]


def test_the_champion_does_not_follow_itself(judge, lake):
    result = judge(FakeRegistry(1, version(1, GOOD)), versions=(1,))
    assert (result["promoted"], result["reason"]) == (False, "version 1 is the champion already")
    assert changes(lake) == []


def test_without_named_candidates_the_newest_version_is_judged_against_the_registered_baseline(judge):
    linear, better = version(1, GOOD, "linear"), version(3, said(), "linear", "s2")
    registry = FakeRegistry(None, linear, version(2, POOR), better)
    result = judge(registry, versions=(2,))
    assert not result["promoted"]
    assert "the linear baseline (version 1) 0.9750" in result["reason"]
    assert result["evidence"] is None
    assert judge(registry)["champion"] == 3


def test_candidates_that_were_measured_on_different_reviews_are_refused(judge):
    registry = FakeRegistry(None, version(1, GOOD), version(2, GOOD, snapshot="s2"))
    sentence = r"version 1 on s1 / 400; version 2 on s2 / 400\. Train and export them on one"
    with pytest.raises(ContractError, match=sentence):
        judge(registry, versions=(1, 2))


def test_without_any_version_the_reason_names_what_to_run(judge):
    with pytest.raises(ContractError, match="no model version is registered; run train and export first"):
        judge(FakeRegistry(None))


def write_test_split(folder: str) -> None:
    rows = [
        {
            "review_key": key,
            "title": "",
            "text": f"Review number {order} of this thing that I have used for weeks.",
            "label": int(LABELS[order]),
            "rating": 5.0 if LABELS[order] else 1.0,
            "category": "cables" if order >= 300 else "phones",
            "review_date": date(2024, 6, 10),
            "sample_order": order,
        }
        for order, key in enumerate(KEYS)
    ]
    Path(folder).mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), f"{folder}/test.parquet")
    manifest = json.dumps({"files": {"test": ["test.parquet"]}, "splits": {"test": {"reviews": TESTED}}})
    storage.write_bytes(storage.join(folder, "manifest.json"), manifest.encode())
