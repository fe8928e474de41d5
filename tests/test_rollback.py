"""Going back to an earlier champion: what is checked before, what is written down, and how a crash ends."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contexts import a_context
from sentiment import cli
from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.core.settings import Settings
from sentiment.promotion import rollback
from sentiment.promotion.champion import make_champion
from sentiment.promotion.config import RollbackConfig
from sentiment.promotion.rollback import previous_champion, roll_back
from sentiment.stores import ledger
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, PROMOTIONS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import champions_at, changes, history, observe, record
from sentiment.stores.registry.entries import ModelVersion


class FakeRegistry:
    """Versions 1 to 3, an alias, and bundles that may be broken."""

    def __init__(self, champion: int | None, broken: int | None = None) -> None:
        self.named, self.broken, self.crashes = champion, broken, False

    def version(self, number: int) -> ModelVersion:
        if number not in {1, 2, 3}:
            raise ContractError(f"there is no model version {number}; registered are: 3, 2, 1")
        return ModelVersion(number, f"run-{number}", {"family": "linear"})

    def versions(self) -> list[ModelVersion]:
        return [self.version(number) for number in (3, 2, 1)]

    def alias(self, name: str) -> int | None:
        return self.named

    def set_champion(self, number: int, instead_of: int | None) -> None:
        assert self.named == instead_of
        if self.crashes:
            raise ConnectionError("killed")
        self.named = number

    def fetch_bundle(self, number: int) -> None:
        if number == self.broken:
            raise ContractError(f"bundle {number}: model.int8.onnx is not the file that was exported")


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(Settings().lake_root)


@pytest.fixture
def back(lake):
    """Return a function that rolls back over a fake registry."""

    def run(registry: FakeRegistry, **options: object) -> dict:
        return vars(roll_back(RollbackConfig(**{"reason": "complaints", **options}), registry, a_context()))

    return run


def reigned(lake: Lake, *versions: int) -> FakeRegistry:
    """Promote versions one after another; the last one is champion."""
    for before, version in zip((None, *versions), versions, strict=False):
        record(lake, version, before, "better", a_context())
    return FakeRegistry(versions[-1])


def test_the_champion_before_the_present_one_is_champion_again_in_alias_and_ledger(back, lake):
    registry = reigned(lake, 1, 2)
    result = back(registry, reason="complaints about speakers")
    assert (result["champion"], result["previous"], registry.named) == (1, 2, 1)
    last = history(lake)[-1]
    assert (last.version, last.previous, last.reason, last.decided_by) == (1, 2, "complaints about speakers", "ada")


def test_champion_at_date_follows_promotion_and_roll_back(back, lake):
    moments = {1: datetime(2024, 6, 10, 9, tzinfo=UTC), 2: datetime(2024, 6, 12, 9, tzinfo=UTC)}
    rows = [
        {"version": str(version), "previous_version": None, "decided_by": "x", "reason": "y", "at": at}
        for version, at in moments.items()
    ]
    lake.append(PROMOTIONS, rows, {})
    back(FakeRegistry(2))
    today = datetime.now(UTC).date()
    days = [date(2024, 6, 11), date(2024, 6, 13), today]
    assert list(champions_at(lake, days).values()) == [1, 2, 1]


@pytest.mark.parametrize(
    ("ledger", "champion", "expected"),
    [
        ([1, 2], 2, 1),
        ([1, 2, 3], 3, 2),
        ([1, 2, 3, 2], 2, 1),
        ([1, 2, 1, 3], 3, 1),
        ([1], 1, None),
        ([1, 2, 1], 1, None),
        ([], 4, None),
        ([1, 2], 3, 2),
    ],
)
def test_a_version_that_was_gone_back_from_is_not_gone_back_to(ledger, champion, expected):
    assert previous_champion(ledger, champion) == expected


def test_a_named_version_is_gone_back_to_whatever_the_ledger_says(back, lake):
    registry = reigned(lake, 1, 2)
    assert back(registry, version=3)["champion"] == registry.named == 3


@pytest.mark.parametrize(
    ("champion", "options", "sentence"),
    [
        (2, {"version": 9}, "there is no model version 9; registered are: 3, 2, 1"),
        (2, {"version": 2}, "version 2 is the champion already; name another one"),
        (None, {}, "somebody deleted the alias there. Put one in force with `sentiment rollback --version NUMBER"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused_and_nothing_changes(back, lake, champion, options, sentence):
    reigned(lake, 1, 2)
    registry, before = FakeRegistry(champion), changes(lake)
    with pytest.raises(ContractError, match=sentence):
        back(registry, **options)
    assert (registry.named, changes(lake)) == (champion, before)


def test_before_the_first_promotion_there_is_nothing_to_go_back_to(back, lake):
    with pytest.raises(ContractError, match="there is no champion yet: train and promote a model first"):
        back(FakeRegistry(None))


def test_where_the_champion_is_gone_from_mlflow_a_version_that_is_named_takes_its_place(back, lake):
    reigned(lake, 1, 2)
    registry = FakeRegistry(None)
    result = back(registry, version=2)
    assert (result["champion"], result["previous"], registry.named) == (2, None, 2)
    assert [(one.version, one.previous) for one in history(lake)] == [(1, None), (2, 1), (2, None)]


def test_without_an_earlier_champion_the_sentence_says_how_to_name_one(back, lake):
    with pytest.raises(ContractError, match=r"no champion before version 1; name a version with --version: 3, 2$"):
        back(reigned(lake, 1))


def test_a_bundle_that_is_not_whole_stops_it_before_anything_is_written(back, lake):
    registry, broken = reigned(lake, 1, 2), 1
    registry.broken = broken
    before = changes(lake)
    with pytest.raises(ContractError, match="not the file that was exported"):
        back(registry)
    assert (registry.named, changes(lake)) == (2, before)


def test_a_crash_between_ledger_and_alias_is_mended_by_calling_it_again(back, lake):
    registry = reigned(lake, 1, 2)
    registry.crashes = True
    with pytest.raises(ConnectionError):
        back(registry)
    assert ([version for _, version in changes(lake)], registry.named) == ([1, 2, 1], 2)
    registry.crashes = False
    back(registry)
    assert ([version for _, version in changes(lake)], registry.named) == ([1, 2, 1], 1)


def test_a_roll_back_that_cannot_say_which_days_to_rescore_has_not_gone_back(back, lake, monkeypatch):
    registry = reigned(lake, 1, 2, 3)

    def down(*_given):
        raise ConnectionError("S3 is down")

    with monkeypatch.context() as outage:
        outage.setattr(rollback, "_scored_by", down)
        with pytest.raises(ConnectionError):
            back(registry)
    back(registry)
    assert registry.named == 2


def test_an_alias_that_was_moved_by_hand_is_written_down_with_the_next_change(back, lake):
    reigned(lake, 1, 2)
    back(FakeRegistry(3))
    assert [(one.version, one.previous) for one in history(lake)] == [(1, None), (2, 1), (3, 2), (2, 3)]
    assert "MLflow's alias names this version" in history(lake)[2].reason


def test_a_champion_that_somebody_made_in_mlflow_can_be_written_down(back, lake):
    reigned(lake, 1, 2)
    result = back(FakeRegistry(1), version=1)
    today = datetime.now(UTC).date()
    assert (result["champion"], champions_at(lake, [today])) == (1, {today: 1})


def test_of_two_who_decide_at_once_the_second_is_told_to_decide_again(lake):
    registry = reigned(lake, 1, 2)
    with pytest.raises(ConcurrentWriteError, match=r"made version 2 champion .* against version 1; nothing"):
        make_champion(registry, lake, 3, 1, "better", a_context())
    assert [version for _, version in changes(lake)] == [1, 2]


def test_of_two_that_write_at_once_one_writes_nothing(lake, monkeypatch):
    reigned(lake, 1, 2)
    read = ledger.history

    def late(lake: Lake, table_version: int | None = None) -> list:
        rows = read(lake, table_version)
        monkeypatch.undo()
        record(lake, 3, 2, "faster", a_context())
        return rows

    monkeypatch.setattr(ledger, "history", late)
    with pytest.raises(ConcurrentWriteError, match="added to the table promotions while this one was working"):
        record(lake, 1, 2, "complaints", a_context())
    assert [version for _, version in changes(lake)] == [1, 2, 3]


def test_who_finds_another_row_after_its_own_leaves_the_alias_as_it_is(lake, monkeypatch):
    registry = reigned(lake, 1, 2)

    def overtaken(*given: object) -> object:
        written = record(*given)
        record(lake, 3, 2, "faster", a_context())
        return written

    monkeypatch.setattr("sentiment.promotion.champion.record", overtaken)
    with pytest.raises(ConcurrentWriteError, match="wrote that version 3 is champion while this one was about to make"):
        make_champion(registry, lake, 1, 2, "complaints", a_context())
    assert registry.named == 2


def test_a_row_comes_after_the_last_one_though_the_clock_that_wrote_that_was_ahead(lake):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    lake.append(PROMOTIONS, [{"version": "1", "decided_by": "x", "reason": "y", "at": ahead}], {})
    record(lake, 2, 1, "better", a_context())
    observe(lake, lambda: 3, a_context())
    assert [version for _, version in changes(lake)] == [1, 2, 3]


def test_the_same_change_by_another_or_later_is_a_change_of_its_own(lake):
    first = a_context()
    for context in (first, first, replace(first, actor="bob"), replace(first, now=first.now + timedelta(days=1))):
        record(lake, 1, 2, "bad", context)
    rows = history(lake)
    assert [(row.version, row.decided_by) for row in rows if not row.reason.startswith("observed")] == [
        (1, "ada"),
        (1, "bob"),
        (1, "ada"),
    ]
    assert [row.version for row in rows] == [2, 1, 2, 1, 2, 1]


def test_what_is_observed_is_what_the_alias_names_when_the_row_is_written(lake):
    registry = reigned(lake, 2)
    names = iter([3, 2])  # it was moved for a moment, or read before a row of another run

    assert observe(lake, lambda: next(names), a_context()) == registry.named
    assert [version for _, version in changes(lake)] == [2]


def test_an_alias_that_agrees_with_the_ledger_needs_no_row_and_one_that_names_nothing_has_none(lake):
    reigned(lake, 1, 2)
    observe(lake, lambda: 2, a_context())
    observe(lake, lambda: None, a_context())
    assert [version for _, version in changes(lake)] == [1, 2]


def scored_by(lake, *days_and_versions):
    rows = [
        {"level": "product", "model_version": version, "review_date": date(2024, 6, day)}
        for day, version in days_and_versions
    ]
    lake.grown(DAILY_SENTIMENT)
    write_deltalake(lake.uri(DAILY_SENTIMENT), pa.Table.from_pylist(rows, schema=DAILY_SENTIMENT.schema), mode="append")


def test_the_result_says_how_to_score_the_days_of_the_version_that_was_left(back, lake):
    registry = reigned(lake, 1, 2)
    scored_by(lake, (1, "1"), (2, "2"), (2, "2"), (4, "2"))
    result = back(registry)
    assert result["days_to_rescore"] == 2
    assert result["rescore"] == (
        "sentiment rescore --from-day 2024-06-02 --to-day 2024-06-04 (or the DAG rescore_range with these days)"
    )


def test_the_days_of_other_versions_are_in_no_command(back, lake):
    registry = reigned(lake, 1, 2)
    scored_by(lake, (9, "2"), (1, "2"), (2, "1"), (3, "7"), (5, "2"), (7, "1"), (7, "2"), (11, "1"))
    result = back(registry)
    assert result["days_to_rescore"] == 4
    assert result["rescore"].startswith(
        "sentiment rescore --from-day 2024-06-01 --to-day 2024-06-01; "
        "sentiment rescore --from-day 2024-06-05 --to-day 2024-06-09 (or"
    )


def test_the_command_line_asks_for_a_reason(capsys, home):
    with pytest.raises(SystemExit):
        cli.main(["rollback", "--version", "1"])
    assert "--reason" in capsys.readouterr().err
