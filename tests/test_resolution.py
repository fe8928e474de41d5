"""Which version scores which day: what one task hands to the next, and what it says when that no longer holds."""

from datetime import date

import pytest

from conftest import fill
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine import bundle as bundles
from sentiment.promotion.resolution import days_by_version
from sentiment.scoring.config import RescoreConfig, ScoreConfig
from sentiment.scoring.verbs import RESOLVE_MODEL, RESOLVE_MODELS
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import changes, record
from sentiment.stores.registry.entries import ModelVersion
from verbs_here import done

DAY = date(2024, 5, 5)
A, B = "a" * 16, "b" * 16
CONTENTS = {1: A, 2: B}


class FakeRegistry:
    """Versions 1 and 2, whose bundles are folders named by their content; the alias names `champion`."""

    champion = 1

    def __init__(self, settings: Settings) -> None:
        self._cache = settings.home / "bundles"

    def alias(self, name):
        return self.champion

    def version(self, number):
        return ModelVersion(number, "", {})

    def fetch_bundle(self, number):
        folder = self._cache / CONTENTS[number]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class NoRegistry:
    """MLflow must not be asked."""

    def __init__(self, settings: Settings) -> None:
        raise AssertionError("MLflow was asked")


@pytest.fixture
def platform(home, monkeypatch):
    """A fake MLflow in a home whose ledger says that version 1 is champion since May 4th, 2024."""
    monkeypatch.setattr("sentiment.stores.registry.versions.Registry", FakeRegistry)
    monkeypatch.setattr(bundles, "identity", lambda folder: folder.name)
    monkeypatch.setattr(
        "sentiment.promotion.resolution._version", lambda model, day, *_: 1 + (model != "1" and day > DAY)
    )
    return Settings()


def test_a_task_hands_on_the_version_and_its_content_and_the_next_needs_no_mlflow(platform, monkeypatch):
    found = done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="1"))
    assert found == {"model": "1", "versions": [1], "pinned": f"1@{A}"}
    monkeypatch.setattr("sentiment.stores.registry.versions.Registry", NoRegistry)
    pinned = ScoreConfig(day=DAY, model=found["pinned"]).model
    assert days_by_version([DAY], pinned, platform) == {("1", platform.home / "bundles" / A): [DAY]}


def test_a_machine_that_has_not_the_bundle_yet_fetches_it(platform):
    assert days_by_version([DAY], f"1@{A}", platform) == {("1", platform.home / "bundles" / A): [DAY]}


@pytest.mark.parametrize(
    "ask",
    [
        lambda at: days_by_version([DAY], f"1@{B}", at),
        lambda at: done(RESOLVE_MODEL, ScoreConfig(day=DAY, model=f"1@{B}")),
    ],
)
def test_a_version_that_became_another_model_meanwhile_is_refused(platform, ask):
    with pytest.raises(ContractError, match=f"version 1 holds another model .{A}. than when this run began .{B}."):
        ask(platform)


def test_a_range_that_several_versions_score_hands_on_what_was_asked(platform):
    fill(platform.lake_root, REVIEWS, {DAY: [], date(2024, 5, 6): []})
    config = RescoreConfig(from_day=DAY, to_day=date(2024, 5, 6), model="champion_at_date")
    assert done(RESOLVE_MODELS, config) == {
        "model": "champion_at_date",
        "versions": [1, 2],
        "pinned": "champion_at_date",
    }


def test_a_champion_that_somebody_made_in_mlflow_is_written_down_by_the_next_scoring(platform, monkeypatch):
    lake = Lake(platform.lake_root)
    record(lake, 1, None, "the first")
    monkeypatch.setattr(FakeRegistry, "champion", 2)
    done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="1"))
    assert [version for _, version in changes(lake)] == [1]
    done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="champion"))
    assert [version for _, version in changes(lake)] == [1, 2]


@pytest.mark.parametrize("wrong", ["1@", "1@../../x", f"x@{A}", f"1@{A}0", "latest"])
def test_what_is_no_reference_to_a_model_is_refused(wrong):
    with pytest.raises(ValueError, match="give 'champion', 'champion_at_date' or a version number"):
        ScoreConfig(day=DAY, model=wrong)
