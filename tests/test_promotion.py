"""Who becomes champion and upon what evidence, what the ledger remembers of it, and that all saw the same reviews."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from contexts import a_context, a_try
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import snapshot_folder
from sentiment.engine.bundle import Bundle
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.predictions import write_predictions
from sentiment.evaluation.results import Difference, Disagreement
from sentiment.promotion.candidates import candidacy
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.evidence import Evidence, Speeds, VersionCalls, on_behaviour, on_slices
from sentiment.promotion.promote import promote_best
from sentiment.promotion.results import CapabilityChange, MeasuredVersion, SliceChange
from sentiment.promotion.rules import choose_challenger, close_to_best, decide
from sentiment.promotion.speed import in_turn
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import PROMOTIONS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import champions_at, changes, history, record
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.bundles import FetchedBundle
from sentiment.stores.registry.entries import ModelVersion, TrainedRun

# Tolerance 0.002, margin 0.01, significance 0.05, 1.5 times cheaper, slices of 100 may lose 0.03.
RULES = PromoteConfig()


def measured(
    version: int, macro_f1: float, family: str = "encoder", validation: float | None = None
) -> MeasuredVersion:
    return MeasuredVersion(version, family, macro_f1, macro_f1, validation)


def evidence(
    difference: float, p: float = 0.001, mcnemar_p: float = 0.001, speed: float = 100, **more: object
) -> Evidence:
    only = (60, 40) if difference > 0 else (40, 60)
    found = Difference(difference, difference - 0.01, difference + 0.01, p)
    return Evidence(found, Disagreement(*only, mcnemar_p), Speeds(speed, 100), **{"behaviour": (), **more})


@pytest.mark.parametrize(
    ("against", "speed", "promoted", "reason"),
    [
        (evidence(+0.010), 100, True, "better beyond chance (both below 0.05)"),
        (evidence(+0.010), 10, True, "better beyond chance"),
        (evidence(+0.010, p=0.06), 100, False, "not better beyond chance, and of equals only a cheaper one follows"),
        (evidence(+0.010, mcnemar_p=0.06), 100, False, "100 against 100 reviews/s side by side, 1.00 times, not 1.5"),
        (evidence(+0.010, p=0.06), 150, True, "(150 against 100 reviews/s side by side, 1.50 times, asked for 1.5)"),
        (evidence(0.0, p=0.9), 150, True, "not worse by more than 0.01 and cheaper to run"),
        (evidence(0.0, p=0.9), 149, False, "149 against 100 reviews/s side by side, 1.49 times, not 1.5"),
        (evidence(-0.0015), 900, False, "it may be worse by 0.0115, more than the margin of 0.01"),
        (evidence(-0.0015, p=0.9), 900, False, "more than the margin of 0.01"),
    ],
)
def test_a_challenger_must_be_better_beyond_chance_or_as_good_and_cheaper(against, speed, promoted, reason):
    against = replace(against, speeds=Speeds(speed, 100))
    decision = decide(measured(7, 0.9), measured(2, 0.89), None, against, RULES)
    assert decision.version == (7 if promoted else None)
    assert reason in decision.reason
    assert "version 7 has macro F1 0.9000, the champion (version 2) 0.8900" in decision.reason
    assert "by paired bootstrap" in decision.reason


def test_the_margin_of_what_is_equal_can_be_set():
    as_good, wide = replace(evidence(-0.005), speeds=Speeds(900, 100)), PromoteConfig(margin=0.016)
    assert decide(measured(7, 0.9), measured(2, 0.9), None, as_good, RULES).version is None
    assert decide(measured(7, 0.9), measured(2, 0.9), None, as_good, wide).version == 7


def test_one_that_calls_every_review_alike_is_not_promoted_however_fast():
    same = Evidence(Difference(0.0, 0.0, 0.0, 1.0), Disagreement(0, 0, 1.0), Speeds(900, 100), behaviour=())
    decision = decide(measured(7, 0.89), measured(2, 0.89), None, same, RULES)
    assert decision.version is None
    assert decision.reason.endswith("not one call on the test reviews differs, so there is nothing to change for")


def test_nobody_is_promoted_over_a_champion_without_evidence():
    decision = decide(measured(7, 0.99), measured(2, 0.5), None, None, RULES)
    assert (decision.version, decision.reason) == (None, "nothing holds version 7 against the champion (version 2)")


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


@pytest.mark.parametrize(
    ("reviews", "loss", "p", "promoted"),
    [(100, 0.03, 0.01, True), (100, 0.04, 0.049, False), (100, 0.04, 0.05, True), (99, 0.04, 0.01, True)],
)
def test_a_better_challenger_must_not_lose_a_slice_that_is_large_enough_beyond_chance(reviews, loss, p, promoted):
    slices = (SliceChange("length: short", reviews, 0.9, 0.9 - loss, loss, p),)
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, evidence(+0.1, slices=slices), RULES)
    assert decision.version == (7 if promoted else None)
    said = "but on the slice length: short (100 reviews) accuracy falls from 0.9000 to 0.8600, by more than 0.03"
    assert (said in decision.reason) is not promoted


@pytest.mark.parametrize(("only_champion", "only_challenger", "p"), [(4, 0, 1 / 16), (6, 1, 1 / 16), (0, 4, 15 / 16)])
def test_a_slice_says_how_often_equals_would_part_so_far(only_champion, only_challenger, p):
    row = np.arange(100)
    champion = VersionCalls((row < only_challenger).astype(float))
    challenger = VersionCalls((row >= 100 - only_champion).astype(float))
    (change,) = on_slices(np.zeros(100, int), challenger, champion, {"all": row >= 0})
    assert change.loss == pytest.approx((only_champion - only_challenger) / 100)
    assert change.p_value == pytest.approx(p)


def test_a_better_challenger_must_not_fail_more_cases_of_any_capability():
    behaviour = (CapabilityChange("overall", 90, 0.2, 0.1), CapabilityChange("negation", 50, 0.10, 0.12))
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, evidence(+0.1, behaviour=behaviour), RULES)
    assert decision.version is None
    assert decision.reason.endswith("but it fails more cases of the behaviour suite: negation 12.0% instead of 10.0%")


def test_behaviour_that_nobody_measured_is_said_and_stops_nothing():
    unknown = evidence(+0.1, behaviour=None, behaviour_missing="version 2 keeps no behaviour.json")
    decision = decide(measured(7, 0.9), measured(2, 0.8), None, unknown, RULES)
    assert decision.version == 7
    assert decision.reason.endswith("behaviour was not compared: version 2 keeps no behaviour.json")


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([(0.950, 50.0), (0.951, 50.0), (0.940, 900.0)], 2),
        ([(0.950, 75.0), (0.951, 50.0), (0.940, 900.0)], 1),
        ([(0.950, 74.0), (0.951, 50.0)], 2),
        ([(0.950, 50.0), (0.950, 50.0)], 1),
    ],
)
def test_the_challenger_is_the_best_on_validation_or_as_good_and_much_faster(candidates, chosen):
    # On the test the worst of them would be the best.
    known = [measured(number, 1 - one[0], validation=one[0]) for number, one in enumerate(candidates, 1)]
    speeds = {number: one[1] for number, one in enumerate(candidates, 1)}
    assert choose_challenger(close_to_best(known, 0.002), speeds, 1.5).version == chosen


def test_of_two_equal_candidates_the_linear_one_challenges():
    equal = [measured(1, 0.9, validation=0.9), measured(2, 0.9, "linear", validation=0.9)]
    assert choose_challenger(close_to_best(equal, 0.002), {1: 5.0, 2: 5.0}, 1.5).version == 2


def test_one_candidate_alone_needs_no_figure_and_no_speed():
    assert choose_challenger(close_to_best([measured(1, 0.9)], 0.002), {}, 1.5).version == 1


def test_the_same_model_is_as_fast_as_itself_on_a_machine_that_gets_busier():
    # Every pass takes longer than the one before, and two of them are disturbed.
    now, passes = [0.0], iter([1.0, 1.1, 1.2, 9.0, 1.4, 1.5, 1.6, 1.7, 7.0, 1.9, 2.0, 2.1, 2.2, 2.3])

    def work() -> None:
        now[0] += next(passes)

    seconds = in_turn({1: work, 2: work}, passes=7, clock=lambda: now[0])
    assert 1 / 1.5 < seconds[1] / seconds[2] < 1.5


def test_works_are_done_in_turn_and_every_other_pass_backwards():
    done = []
    in_turn({number: lambda number=number: done.append(number) for number in (1, 2, 3)}, passes=2)
    assert done == [1, 2, 3, 3, 2, 1]


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
    record(lake, 1, None, "the first", a_context())
    record(lake, 1, None, "the first", a_context())
    record(lake, 2, 1, "better", a_context())
    record(lake, 2, 1, "better, as a speed says that was measured anew", a_context())
    record(lake, 1, 2, "rolled back", a_context())
    rows = sorted(lake.read(PROMOTIONS).to_pylist(), key=lambda row: row["at"])
    assert [(row["version"], row["previous_version"], row["reason"]) for row in rows] == [
        ("1", None, "the first"),
        ("2", "1", "better"),
        ("1", "2", "rolled back"),
    ]


def test_the_ledger_names_who_decided_and_its_commit_the_run(lake):
    record(lake, 1, None, "the first", a_try(1, "promote"))
    assert lake.read(PROMOTIONS)["decided_by"].to_pylist() == ["train_models/manual__1"]
    assert lake.open(PROMOTIONS).history(1)[0]["task"] == "promote"


def test_the_champion_of_a_date_is_the_one_at_the_end_of_that_day(lake):
    moments = {1: datetime(2024, 6, 10, 9, tzinfo=UTC), 2: datetime(2024, 6, 10, 23, 59, 59, tzinfo=UTC)}
    moments[3] = datetime(2024, 6, 12, tzinfo=UTC)
    rows = [
        {"version": str(version), "previous_version": None, "decided_by": "x", "reason": "y", "at": at}
        for version, at in moments.items()
    ]
    lake.append(PROMOTIONS, rows[::-1], {})
    assert [version for _, version in changes(lake)] == [1, 2, 3]
    days = [date(2024, 6, day) for day in (9, 10, 11, 12, 13)]
    assert champions_at(lake, days) == dict(zip(days, [None, 2, 2, 3, 3], strict=True))


TESTED = 400
LABELS = np.arange(TESTED) % 2
KEYS = [f"key {row:03}" for row in range(TESTED)]


def said(*mistakes: range) -> np.ndarray:
    """Return the probabilities of a model that is wrong on the given reviews and right on the others."""
    wrong = np.isin(np.arange(TESTED), [row for rows in mistakes for row in rows])
    return np.where(wrong == (LABELS == 1), 0.1, 0.9)


def version(
    number: int, probability: np.ndarray, family: str = "encoder", snapshot: str = "s1", validation: float | None = 0.9
) -> ModelVersion:
    figures = evaluate(LABELS, probability)
    tags = {"family": family, "snapshot": snapshot, "test_reviews": str(TESTED), "threshold": "0.5"}
    # What it measured by itself at its export decides nothing.
    tags |= {"reviews_per_second": str(10**number)}
    tags |= {name: f"{figures[name]:.6f}" for name in ("macro_f1", "accuracy")}
    return ModelVersion(
        number, f"run-{number}", tags | ({"validation_macro_f1": f"{validation}"} if validation else {})
    )


class FakeRegistry:
    """Versions, what they keep of their test reviews and what their runs keep, in dicts; and the alias."""

    def __init__(self, champion: int | None, *versions: ModelVersion) -> None:
        self.named, self.known, self.kept, self.behaviour = champion, versions, {}, {}
        self.at_runs: dict[str, np.ndarray] = {}
        self.runs: dict[str, TrainedRun] = {}
        self.crashes = False

    def keeps(self, number: int, probability: np.ndarray) -> None:
        self.kept[number] = probability

    def versions(self) -> list[ModelVersion]:
        return sorted(self.known, key=lambda one: -one.version)

    def version(self, number: int) -> ModelVersion:
        return next(one for one in self.known if one.version == number)

    def alias(self, name: str) -> int | None:
        return self.named

    def champion(self) -> int | None:
        return self.named

    def set_champion(self, number: int, instead_of: int | None) -> None:
        if self.crashes:
            raise ConnectionError("killed")
        assert self.named == instead_of
        self.named = number

    def fetch_bundle(self, number: int) -> FetchedBundle:
        return FetchedBundle(Path(f"bundle-{number}"), Bundle(family="linear", max_length=1, head_share=1), "")

    def trained(self, run_id: str) -> TrainedRun:
        if run_id in self.runs:
            return self.runs[run_id]
        raise AbsentError(f"MLflow has no run {run_id!r}")

    def find_evidence(self, number: int, destination: Path) -> Path | None:
        if number in self.kept:
            write_predictions(destination / "bundle_predictions.parquet", KEYS, LABELS, self.kept[number])
        if number in self.behaviour:
            (destination / "behaviour.json").write_text(json.dumps(self.behaviour[number]), encoding="utf-8")
        return destination if number in {*self.kept, *self.behaviour} else None

    def find(self, run_id: str, name: str, destination: Path) -> Path | None:
        if name == "bundle_predictions.parquet" and run_id in self.at_runs:
            return write_predictions(destination / name, KEYS, LABELS, self.at_runs[run_id])
        return None


class Scored:
    """What bundles say of any reviews, and what they were asked."""

    def __init__(self) -> None:
        self.answers: dict[str, np.ndarray] = {}
        self.asked: list[tuple[str, list[str]]] = []

    def score(self, bundle: Path, reviews: LabelledReviews) -> np.ndarray:
        self.asked.append((str(bundle), reviews.keys))
        return self.answers[str(bundle)]


@pytest.fixture
def scored() -> Scored:
    return Scored()


@pytest.fixture
def judge(home, lake, scored):
    """Return a function that runs the verb over a fake registry, whose bundles are so many times faster than the first.

    Every version is as fast as the others where no `faster` is given.
    """

    def run(registry: FakeRegistry, faster: float = 1, **options: object) -> dict:
        def race(bundles: dict[int, Path], reviews: object) -> dict[int, float]:
            return {number: 100.0 * (faster if number != min(bundles) else 1) for number in bundles}

        result = promote_best(PromoteConfig(**options), registry, a_context(), race, scored.score)
        return result.model_dump(mode="json", exclude_unset=True)

    return run


@pytest.fixture
def rivals(lake):
    """Return a function that gives champion 1 and challenger 2 with what both said of the test reviews."""

    def registry(champion: np.ndarray, challenger: np.ndarray) -> FakeRegistry:
        write_test_split(snapshot_folder(lake, "s1"))
        record(lake, 1, None, "the first", a_context())
        known = FakeRegistry(1, version(1, champion), version(2, challenger))
        known.keeps(1, champion)
        known.keeps(2, challenger)
        return known

    return registry


GOOD, POOR = said(range(10)), said(range(10), range(200, 240))


def test_a_better_challenger_is_recorded_before_the_alias_moves(judge, lake, rivals):
    registry, seen = rivals(POOR, GOOD), []
    registry.set_champion = lambda number, instead_of: seen.append((number, changes(lake)[-1][1], instead_of))
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["champion"], result["previous"]) == (True, 2, 1)
    assert [one["version"] for one in result["candidates"]] == [2]
    assert "p = 0.0002 by paired bootstrap, p < 0.0001 by McNemar" in result["reason"]
    assert seen == [(2, 2, 1)]
    assert history(lake)[-1].reason == result["reason"]


def test_a_challenger_that_is_worse_leaves_alias_and_ledger_as_they_are(judge, lake, rivals):
    registry = rivals(GOOD, POOR)
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["champion"], registry.named) == (False, 1, 1)
    assert [version for _, version in changes(lake)] == [1]


@pytest.mark.parametrize(("faster", "promoted"), [(1, False), (1.49, False), (1.51, True)])
def test_an_equal_challenger_follows_only_when_it_is_cheaper_side_by_side(judge, rivals, faster, promoted):
    equal = said(range(1, 11))
    result = judge(rivals(GOOD, equal), faster, versions=(2,), margin=0.02)
    assert result["promoted"] is promoted
    assert result["evidence"]["speeds"] == {"challenger": 100 * faster, "champion": 100.0, "ratio": faster}


def test_the_same_model_trained_again_is_not_promoted_though_its_tags_say_that_it_is_faster(judge, rivals):
    result = judge(rivals(GOOD, GOOD), 3, versions=(2,))
    assert not result["promoted"]
    assert "not one call on the test reviews differs" in result["reason"]


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
    registry.behaviour = {1: [row("negation", 40, 4)], 2: [row("negation", 40, 5)]}
    result = judge(registry, versions=(2,))
    assert not result["promoted"]
    assert "negation 12.5% instead of 10.0%" in result["reason"]
    assert result["evidence"]["behaviour"][1]["capability"] == "negation"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({2: [row("negation", 40, 5)]}, "version 1 keeps no behaviour.json"),
        ({1: [row("old", 3, 0)], 2: [row("new", 3, 3)]}, "the two ran different suites"),
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


@pytest.mark.parametrize(("anew", "promoted"), [(POOR, True), (said(), False)])
def test_the_champion_is_scored_anew_when_its_test_reviews_were_others(judge, lake, scored, anew, promoted):
    write_test_split(snapshot_folder(lake, "s2"))
    registry = FakeRegistry(1, version(1, said(), snapshot="s1"), version(2, GOOD, snapshot="s2"))
    registry.keeps(2, GOOD)
    scored.answers["bundle-1"] = anew
    result = judge(registry, versions=(2,))
    assert result["promoted"] is promoted
    assert f"the champion (version 1) {evaluate(LABELS, anew)['macro_f1']:.4f}" in result["reason"]
    assert scored.asked == [("bundle-1", KEYS)]


def of_another_snapshot(registry: FakeRegistry, lake: Lake, learnt: list[str], **params: str) -> FakeRegistry:
    """Have the champion be of the snapshot s0, which trains on the reviews of some keys."""
    registry.known = (version(1, POOR, snapshot="s0"), *registry.known[1:])
    registry.runs["run-1"] = TrainedRun("run-1", {"snapshot": "s0", **params}, {}, {})
    write_split(snapshot_folder(lake, "s0"), "train", learnt)
    return registry


def test_test_reviews_that_the_champion_has_learnt_from_decide_nothing(judge, lake, rivals):
    # It is right on all that it learnt from, and worse than the challenger on the others.
    learnt, knows = [*KEYS[:250], "of nobody"], said(range(250, 280))
    registry = of_another_snapshot(rivals(knows, said(range(30), range(250, 252))), lake, learnt)
    result = judge(registry, versions=(2,))
    assert result["promoted"]
    assert (result["evidence"]["reviews"], result["evidence"]["left_out"]) == (150, 250)
    assert "on the 150 test reviews that the champion has not learnt from, 250 left out" in result["reason"]
    rest = slice(250, None)
    figures = [evaluate(LABELS[rest], calls[rest])["macro_f1"] for calls in (said(range(250, 252)), knows)]
    assert f"version 2 has macro F1 {figures[0]:.4f}, the champion (version 1) {figures[1]:.4f}" in result["reason"]


def test_with_too_few_test_reviews_that_the_champion_does_not_know_nothing_is_decided(judge, lake, rivals):
    registry = of_another_snapshot(rivals(POOR, GOOD), lake, KEYS[:301])
    with pytest.raises(ContractError, match="has learnt from 301 reviews of the 400 by which snapshot s1 tests, and f"):
        judge(registry, versions=(2,))
    assert judge(registry, versions=(2,), min_slice_reviews=99)["evidence"]["reviews"] == 99


def test_what_the_champion_started_from_counts_and_nothing_is_read_of_the_same_snapshot(judge, lake, rivals):
    registry = of_another_snapshot(rivals(POOR, GOOD), lake, KEYS[:5], warm_start="run-0")
    registry.runs["run-0"] = TrainedRun("run-0", {"snapshot": "s9"}, {}, {})
    write_split(snapshot_folder(lake, "s9"), "train", KEYS[3:9])
    assert judge(registry, versions=(2,))["evidence"]["left_out"] == 9
    registry.named = 1
    registry.runs["run-1"].params["mixed_snapshots"] = "['gone']"  # comes before what run-0 has learnt from
    partly = judge(registry, versions=(2,))["evidence"]
    assert (partly["left_out"], "cannot be told" in partly["unseen_missing"]) == (9, True)
    registry.named = 1
    del registry.runs["run-0"]
    assert judge(registry, versions=(2,))["evidence"]["left_out"] == 5
    same = rivals(POOR, GOOD)  # whose snapshot has no training reviews that could be read
    same.runs["run-1"] = TrainedRun("run-1", {"snapshot": "s1"}, {}, {})
    result = judge(same, versions=(2,))
    assert (result["promoted"], result["evidence"]["left_out"], result["evidence"]["unseen_missing"]) == (True, 0, "")


def test_what_cannot_be_told_of_the_champion_is_said_and_stops_nothing(judge, lake, rivals):
    result = judge(rivals(POOR, GOOD), versions=(2,))
    assert result["promoted"]
    said_of_it = "whether version 1 has learnt from test reviews cannot be told: MLflow has no run 'run-1'"
    assert result["evidence"]["unseen_missing"] == said_of_it
    assert said_of_it in result["reason"]


def test_of_a_champion_that_names_no_run_nobody_can_tell_what_it_has_learnt_from(judge, rivals):
    registry = rivals(POOR, GOOD)
    registry.known = tuple(replace(one, run_id="") if one.version == 1 else one for one in registry.known)
    said = judge(registry, versions=(2,))["evidence"]["unseen_missing"]
    assert said == "whether version 1 has learnt from test reviews cannot be told: it names no run"


@pytest.mark.parametrize(("left", "asked"), [(POOR, []), (GOOD, ["bundle-1"])], ids=["its own", "a later export's"])
def test_of_a_version_before_0_5_the_runs_predictions_count_when_they_are_its_own(judge, rivals, scored, left, asked):
    registry = rivals(POOR, GOOD)
    del registry.kept[1]
    registry.at_runs["run-1"] = left
    scored.answers["bundle-1"] = POOR
    assert judge(registry, versions=(2,))["promoted"]
    assert [bundle for bundle, _ in scored.asked] == asked


def test_a_version_is_judged_at_the_threshold_that_it_was_exported_with(judge, rivals):
    unsure = np.where(GOOD > 0.5, 0.65, 0.6)  # right on as many as GOOD, from 0.62 on
    registry = rivals(POOR, unsure)
    at = {**version(2, GOOD).tags, "threshold": "0.62"}
    registry.known = (registry.known[0], ModelVersion(2, "run-2", at))
    assert judge(registry, versions=(2,))["promoted"]


def test_the_champion_does_not_follow_itself(judge, lake):
    record(lake, 1, None, "the first", a_context())
    result = judge(FakeRegistry(1, version(1, GOOD)), versions=(1,))
    assert (result["promoted"], result["reason"]) == (False, "version 1 is the champion already")
    assert [version for _, version in changes(lake)] == [1]


def test_without_named_candidates_the_newest_version_is_judged_against_the_registered_baseline(judge):
    linear, better = version(1, GOOD, "linear"), version(3, said(), "linear", "s2")
    registry = FakeRegistry(None, linear, version(2, POOR), better)
    result = judge(registry, versions=(2,))
    assert not result["promoted"]
    assert "the linear baseline (version 1) 0.9750" in result["reason"]
    assert result["evidence"] is None
    assert judge(registry)["champion"] == 3


def test_candidates_that_asked_for_other_numbers_of_the_same_reviews_are_held_against_one_another():
    registry = FakeRegistry(None, version(1, GOOD), version(2, GOOD))
    registry.known[0].tags["test_reviews"] = "4000"
    with pytest.raises(ContractError, match="measured on different test reviews"):
        candidacy(registry, (1, 2))
    used = {"test_reviews_used": 400.0}
    registry.runs = {f"run-{number}": TrainedRun(f"run-{number}", {}, used, {}) for number in (1, 2)}
    found = candidacy(registry, (1, 2))
    assert ([one.version for one in found.candidates], found.test_reviews) == ([1, 2], 400)


def test_candidates_that_were_measured_on_different_reviews_are_refused(judge):
    registry = FakeRegistry(None, version(1, GOOD), version(2, GOOD, snapshot="s2"))
    sentence = r"version 1 on s1 / 400; version 2 on s2 / 400\. Train and export them on one"
    with pytest.raises(ContractError, match=sentence):
        judge(registry, versions=(1, 2))


def test_without_any_version_the_reason_names_what_to_run(judge):
    with pytest.raises(ContractError, match="no model version is registered; run train and export first"):
        judge(FakeRegistry(None))


@pytest.mark.parametrize("point", ["before the ledger", "before the alias", "after the alias"])
def test_a_crash_at_any_point_of_a_promotion_is_mended_by_the_next_call(judge, lake, rivals, monkeypatch, point):
    registry = rivals(POOR, GOOD)

    def killed(*_: object) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        if point == "before the ledger":
            patch.setattr("sentiment.promotion.champion.record", killed)
        elif point == "before the alias":
            registry.crashes = True
        else:
            moved = registry.set_champion
            registry.set_champion = lambda *given: moved(*given) or killed()
        with pytest.raises(ConnectionError, match="killed"):
            judge(registry, versions=(2,))
    registry.crashes = False
    registry.set_champion = FakeRegistry.set_champion.__get__(registry)
    judge(registry, versions=(2,))
    assert registry.named == 2
    assert [version for _, version in changes(lake)] == [1, 2]


def test_a_crash_before_the_alias_is_written_down_when_another_version_is_judged_next(judge, lake, rivals):
    registry = rivals(GOOD, POOR)
    record(lake, 9, 1, "better, and killed before the alias", a_context())
    assert not judge(registry, versions=(2,))["promoted"]
    assert [(one.version, one.previous) for one in history(lake)] == [(1, None), (9, 1), (1, 9)]


def test_an_alias_that_was_moved_by_hand_is_observed_whatever_is_decided(judge, lake, rivals):
    registry = rivals(GOOD, POOR)
    record(lake, 2, 1, "better", a_context())  # and somebody moved the alias back to 1
    judge(registry, versions=(2,))
    last = history(lake)[-1]
    assert (last.version, last.previous) == (1, 2)
    assert last.reason.startswith("observed: MLflow's alias names this version")
    today = datetime.now(UTC).date()
    assert champions_at(lake, [today]) == {today: 1}


def test_the_loser_of_two_promotions_at_once_is_told_to_judge_again(judge, lake, rivals):
    registry = rivals(POOR, GOOD)
    find = registry.find_evidence

    def meanwhile(*given: object) -> Path | None:
        registry.named = 7
        return find(*given)

    registry.find_evidence = meanwhile
    with pytest.raises(ConcurrentWriteError, match="another run made version 7 champion while this one was deciding"):
        judge(registry, versions=(2,))
    assert [version for _, version in changes(lake)] == [1]


@pytest.mark.parametrize("lost", ["the version", "the alias"])
def test_a_champion_that_is_gone_from_mlflow_is_not_the_same_as_none(judge, lake, rivals, lost):
    registry = rivals(GOOD, POOR)
    record(lake, 3, 1, "better", a_context())
    registry.named = None
    registry.known += (version(3, GOOD),) if lost == "the alias" else ()
    with pytest.raises(ContractError, match=f"version 3 is champion since .*: somebody deleted {lost} there") as raised:
        judge(registry, versions=(2,))
    assert "sentiment rollback --version NUMBER" in str(raised.value)
    assert (registry.named, len(changes(lake))) == (None, 2)


def test_an_outage_stops_a_promotion_before_anything_is_decided(judge, lake, rivals):
    def gone() -> None:
        raise UnavailableError("MLflow does not answer")

    registry = rivals(POOR, GOOD)
    for name in ("versions", "champion", "find_evidence", "alias"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, name, lambda *_: gone())
            with pytest.raises(UnavailableError):
                judge(registry, versions=(2,))
    assert (registry.named, len(changes(lake))) == (1, 1)


def test_a_first_promotion_that_ended_before_the_alias_is_finished_by_its_retry(judge, lake):
    registry = FakeRegistry(None, version(1, GOOD))
    registry.crashes = True
    with pytest.raises(ConnectionError):
        judge(registry)
    registry.crashes = False
    assert judge(registry)["promoted"]
    assert (registry.named, [version for _, version in changes(lake)]) == (1, [1])


def test_a_first_champion_that_did_not_reach_the_alias_is_what_another_candidate_is_held_against(judge, lake, rivals):
    registry = rivals(GOOD, POOR)  # and the ledger says that 1 is the first
    registry.named = None
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["previous"], registry.named) == (False, 1, 1)


def test_of_several_candidates_the_best_on_validation_is_judged_and_not_the_luckiest_on_the_test(judge, rivals):
    registry = rivals(POOR, GOOD)
    registry.known = (version(1, POOR), version(2, GOOD, validation=0.90), version(3, said(), validation=0.85))
    assert judge(registry, versions=(2, 3))["champion"] == 2


def test_without_champion_the_baseline_is_the_first_where_the_best_on_validation_lacks_too_much_to_it(judge, lake):
    write_test_split(snapshot_folder(lake, "s1"))
    registry = FakeRegistry(None, version(1, POOR), version(2, GOOD, "linear", validation=0.85))
    alone = judge(registry, versions=(1,))
    assert (alone["promoted"], registry.named) == (False, None)  # nobody asked for the baseline
    result = judge(registry, versions=(1, 2))
    assert (result["promoted"], registry.named, [number for _, number in changes(lake)]) == (True, 2, [2])
    assert result["reason"].endswith("worse by more than 0.002; so the baseline is the first champion")


def test_candidates_are_compared_by_what_all_of_them_say_of_validation(judge, lake):
    # Of an older version its run alone tells, which speaks of the network in torch: so its rival's run is asked, too.
    write_test_split(snapshot_folder(lake, "s1"))
    registry = FakeRegistry(None, version(1, GOOD, validation=None), version(2, POOR, validation=0.95))
    for number, of_the_network in ((1, 0.92), (2, 0.91)):
        registry.runs[f"run-{number}"] = TrainedRun(f"run-{number}", {}, {"validation_macro_f1": of_the_network}, {})
    assert judge(registry, versions=(1, 2))["champion"] == 1


def test_versions_that_cannot_be_judged_are_left_out_and_named(judge, lake):
    by_hand = ModelVersion(5, "", {})
    broken = ModelVersion(4, "run-4", version(4, GOOD).tags | {"accuracy": "very"})
    registry = FakeRegistry(None, version(1, GOOD), broken, by_hand, ModelVersion(0, "", {}))
    result = judge(registry)
    assert (result["champion"], list(result["left_out"])) == (1, ["5", "4"])
    assert result["left_out"]["5"].startswith("it has no family, no snapshot, no test_reviews, no macro_f1")
    assert result["left_out"]["4"].startswith("it has no accuracy (registered by hand, or its tags were removed)")
    with pytest.raises(ContractError, match=r"no version can be judged: version 5: it has no family.*Export a run of"):
        judge(registry, versions=(5,))
    assert judge(registry, versions=(5, 1))["left_out"].keys() == {"5"}


def test_of_several_candidates_one_without_a_figure_on_validation_is_left_out(judge, lake, rivals):
    registry = rivals(POOR, GOOD)
    registry.known = (version(1, POOR), version(2, GOOD), version(3, said(), validation=None))
    result = judge(registry, versions=(2, 3))
    assert (result["champion"], list(result["left_out"])) == (2, ["3"])
    registry.known = (version(1, POOR), *(version(number, said(), validation=None) for number in (2, 3)))
    with pytest.raises(ContractError, match="promote them one by one"):
        judge(registry, versions=(2, 3))


def write_test_split(folder: str) -> None:
    write_split(folder, "test", KEYS)


def write_split(folder: str, split: str, keys: list[str]) -> None:
    rows = [
        {
            "review_key": key,
            "title": "",
            "text": f"Review number {order} of this thing that I have used for weeks.",
            "label": int(LABELS[order % TESTED]),
            "rating": 5.0 if LABELS[order % TESTED] else 1.0,
            "category": "cables" if order >= 300 else "phones",
            "review_date": date(2024, 6, 10),
            "sample_order": order,
        }
        for order, key in enumerate(keys)
    ]
    Path(folder).mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), f"{folder}/{split}.parquet")
    manifest = json.dumps({"files": {split: [f"{split}.parquet"]}, "splits": {split: {"reviews": len(keys)}}})
    storage.write_bytes(storage.join(folder, "manifest.json"), manifest.encode())
