"""Who becomes champion, what the ledger remembers of it, and that figures are compared on the same test reviews."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentiment import promotion, storage
from sentiment.config import PromoteConfig, Settings
from sentiment.datasets.pin import snapshot_folder
from sentiment.errors import ContractError
from sentiment.lake.schemas import PROMOTIONS
from sentiment.lake.tables import Lake
from sentiment.progress import logged
from sentiment.promotion import Measured, champion_at, changes, decide, promote_best, record
from sentiment.registry import ModelVersion


def measured(version: int, macro_f1: float, family: str = "encoder") -> Measured:
    return Measured(version, family, macro_f1, macro_f1)


CANDIDATE = measured(7, 0.900)
WORSE, CLOSE, FAR = 0.880, 0.9019, 0.9021


@pytest.mark.parametrize(
    ("champion", "baseline", "promoted", "reason"),
    [
        (None, None, True, "the first champion"),
        (None, WORSE, True, "the first champion"),
        (None, CLOSE, True, "the first champion"),
        (None, FAR, False, "the linear baseline (version 1) 0.9021: worse by more than 0.002"),
        (WORSE, None, True, "the champion (version 2) 0.8800"),
        (0.900, None, True, "the champion (version 2) 0.9000"),
        (CLOSE, None, True, "the champion (version 2) 0.9019"),
        (FAR, None, False, "the champion (version 2) 0.9021: worse by more than 0.002"),
        (WORSE, FAR, False, "the linear baseline (version 1)"),
        (FAR, WORSE, False, "the champion (version 2)"),
        (FAR, FAR, False, "the linear baseline (version 1)"),
        (CLOSE, CLOSE, True, "the champion (version 2) 0.9019"),
    ],
)
def test_a_candidate_wins_when_it_lacks_at_most_the_tolerance(champion, baseline, promoted, reason):
    decision = decide(
        CANDIDATE,
        measured(2, champion) if champion else None,
        measured(1, baseline, "linear") if baseline else None,
        tolerance=0.002,
    )
    assert decision.version == (7 if promoted else None)
    assert reason in decision.reason
    assert decision.reason.startswith("version 7 has macro F1 0.9000")


def test_the_champion_does_not_follow_itself():
    assert decide(CANDIDATE, CANDIDATE, None, 0.0) == promotion.Decision(None, "version 7 is the champion already")


def test_a_linear_candidate_is_not_measured_against_itself():
    linear = measured(7, 0.9, "linear")
    assert decide(linear, None, linear, 0.0).version == 7


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


class FakeRegistry:
    """Versions in a dict, and the alias."""

    def __init__(self, champion: int | None, *versions: ModelVersion) -> None:
        self.alias, self.known, self.fetched = champion, versions, []

    def versions(self) -> list[ModelVersion]:
        return sorted(self.known, key=lambda one: -one.version)

    def version(self, number: int) -> ModelVersion:
        return next(one for one in self.known if one.version == number)

    def champion(self) -> int | None:
        return self.alias

    def set_champion(self, number: int) -> None:
        self.alias = number

    def fetch_bundle(self, number: int) -> Path:
        self.fetched.append(number)
        return Path(f"bundle-{number}")


def version(number: int, macro_f1: float, family: str = "encoder", snapshot: str = "s1") -> ModelVersion:
    figures = {"macro_f1": f"{macro_f1}", "accuracy": f"{macro_f1}"}
    return ModelVersion(
        number, f"run-{number}", {"family": family, "snapshot": snapshot, "test_reviews": "2"} | figures
    )


@pytest.fixture
def judge(home, lake, monkeypatch):
    """Return a function that runs the verb over a fake registry."""

    def run(registry: FakeRegistry, **options) -> dict:
        monkeypatch.setattr(promotion, "Registry", lambda settings: registry)
        return promote_best(PromoteConfig(**options), Settings(), logged)

    return run


def test_the_best_of_the_candidates_is_promoted_and_recorded_before_the_alias_moves(judge, lake):
    registry = FakeRegistry(1, version(1, 0.90), version(2, 0.91, "linear"), version(3, 0.93))
    seen = []
    registry.set_champion = lambda number: seen.append((number, changes(lake)[-1][1]))
    result = judge(registry, versions=(2, 3))
    assert (result["promoted"], result["champion"], result["previous"]) == (True, 3, 1)
    assert [one["version"] for one in result["candidates"]] == [2, 3]
    assert seen == [(3, 3)]


def test_a_candidate_that_is_worse_leaves_alias_and_ledger_as_they_are(judge, lake):
    registry = FakeRegistry(1, version(1, 0.95), version(2, 0.91))
    result = judge(registry, versions=(2,))
    assert (result["promoted"], result["champion"], registry.alias) == (False, 1, 1)
    assert changes(lake) == []


def test_without_named_candidates_the_newest_version_is_judged_against_the_registered_baseline(judge):
    registry = FakeRegistry(None, version(1, 0.95, "linear"), version(2, 0.91), version(3, 0.99, "linear", "s2"))
    result = judge(registry, versions=(2,))
    assert not result["promoted"]
    assert "the linear baseline (version 1) 0.9500" in result["reason"]
    assert judge(registry)["champion"] == 3


def test_of_two_equal_candidates_the_linear_one_wins(judge):
    assert judge(FakeRegistry(None, version(1, 0.9), version(2, 0.9, "linear")), versions=(1, 2))["champion"] == 2


def test_candidates_that_were_measured_on_different_reviews_are_refused(judge):
    registry = FakeRegistry(None, version(1, 0.9), version(2, 0.8, snapshot="s2"))
    with pytest.raises(ContractError, match=r"version 1 on s1 / 2; version 2 on s2 / 2\. Train and export them on one"):
        judge(registry, versions=(1, 2))


def test_without_any_version_the_reason_names_what_to_run(judge):
    with pytest.raises(ContractError, match="no model version is registered; run train and export first"):
        judge(FakeRegistry(None))


@pytest.mark.parametrize(("anew", "promoted"), [(0.80, True), (0.97, False)])
def test_the_champion_is_measured_anew_when_its_test_reviews_were_others(judge, lake, monkeypatch, anew, promoted):
    write_test_split(snapshot_folder(lake, "s2"), ["first", "second", "third"])
    measured_on = []

    def measure(bundle, test):
        measured_on.append((bundle, test.texts))
        return {"macro_f1": anew, "accuracy": anew}

    monkeypatch.setattr("sentiment.export.register.measure_bundle", measure)
    registry = FakeRegistry(1, version(1, 0.99), version(2, 0.90, snapshot="s2"))
    result = judge(registry, versions=(2,))
    assert result["promoted"] is promoted
    assert f"the champion (version 1) {anew:.4f}" in result["reason"]
    assert measured_on == [(Path("bundle-1"), ["first", "second"])]


def write_test_split(folder: str, texts: list[str]) -> None:
    rows = [
        {"review_key": text, "title": "", "text": text, "label": 1, "sample_order": order}
        for order, text in enumerate(texts)
    ]
    Path(folder).mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), f"{folder}/test.parquet")
    manifest = b'{"files": {"test": ["test.parquet"]}, "splits": {"test": {"reviews": 3}}}'
    storage.write_bytes(storage.join(folder, "manifest.json"), manifest)
