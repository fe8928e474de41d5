"""Which version scores which day: what one task hands to the next, and what it says when that no longer holds."""

from datetime import UTC, date, datetime

import pytest

from conftest import fill
from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine.bundle import REQUIRED, Bundle, seal
from sentiment.promotion.resolution import ModelChoice, resolve
from sentiment.scoring.config import RescoreConfig, ScoreConfig
from sentiment.scoring.verbs import RESOLVE_MODEL, RESOLVE_MODELS
from sentiment.stores.lake.schemas import PROMOTIONS, REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import changes, record
from sentiment.stores.registry.bundles import bundle_cache, keep_bundle
from verbs_here import done

DAY, NEXT = date(2024, 5, 5), date(2024, 5, 6)
OTHER = "b" * 16


class FakeRegistry:
    """Versions 1 and 2 with bundles of no model; the alias names `named`. It counts what it is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self.named = settings, 1
        self.fetched: list[int] = []

    def alias(self, name):
        return self.named

    def champion(self):
        return self.named

    def fetch_bundle(self, number):
        self.fetched.append(number)
        aside = bundle_cache(self._settings) / f".{number}-{len(self.fetched)}"
        aside.mkdir()
        for name in REQUIRED:
            (aside / name).write_text(f"{name} of {number}")
        seal(aside, Bundle(family="linear", max_length=8, head_share=0.5))
        return keep_bundle(self._settings, aside, number)


@pytest.fixture
def settings(home):
    return Settings()


@pytest.fixture
def registry(settings):
    return FakeRegistry(settings)


@pytest.fixture
def ask(settings, registry):
    """Return a function that resolves days by a reference."""

    def run(reference, *days):
        return resolve(days or (DAY,), ModelChoice.parsed(reference), settings, lambda _: registry)

    return run


@pytest.fixture
def verbs(registry, monkeypatch):
    """Let the verbs find the fake registry, where they open MLflow."""
    monkeypatch.setattr("sentiment.stores.registry.versions.Registry", lambda _: registry)


def promoted(lake, *changed):
    """Write changes of champion into the ledger: versions with the days on whose mornings they were made."""
    rows = [
        {"version": str(version), "decided_by": "x", "reason": "y", "at": datetime(*day.timetuple()[:3], 9, tzinfo=UTC)}
        for version, day in changed
    ]
    lake.append(PROMOTIONS, rows, {})


def test_a_task_hands_on_the_version_and_its_content_and_the_next_needs_no_mlflow(settings, registry, verbs, ask):
    found = done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="1"))
    content = registry.fetch_bundle(1).content
    assert found == {"model": "1", "versions": [1], "pinned": f"1@{content}"}
    registry.fetched.clear()
    pinned = ScoreConfig(day=DAY, model=found["pinned"]).model
    (resolved,) = ask(pinned)
    assert (resolved.version, resolved.bundle.folder, resolved.days) == (1, bundle_cache(settings) / content, (DAY,))
    assert registry.fetched == []


def test_a_machine_that_has_not_the_bundle_yet_fetches_it(registry, ask, settings):
    content = registry.fetch_bundle(1).content
    (bundle_cache(settings) / content).rename(settings.home / "elsewhere")
    assert [found.version for found in ask(f"1@{content}")] == [1]


def test_a_cached_bundle_that_was_tampered_with_is_fetched_again_before_it_scores(registry, ask):
    bundle = registry.fetch_bundle(1)
    (bundle.folder / REQUIRED[0]).write_text("x")
    (resolved,) = ask(f"1@{bundle.content}")
    assert (resolved.bundle, registry.fetched) == (bundle, [1, 1])
    assert (bundle.folder / REQUIRED[0]).read_text() == f"{REQUIRED[0]} of 1"


def test_a_version_that_became_another_model_meanwhile_is_refused(ask, verbs):
    sentence = f"version 1 holds another model .[0-9a-f]{{16}}. than when this run began .{OTHER}."
    with pytest.raises(ContractError, match=sentence):
        ask(f"1@{OTHER}")
    with pytest.raises(ContractError, match=sentence):
        done(RESOLVE_MODEL, ScoreConfig(day=DAY, model=f"1@{OTHER}"))


@pytest.mark.parametrize("reference", ["2", "champion", "champion_at_date"])
def test_of_a_long_range_each_version_is_fetched_once(ask, registry, settings, reference):
    promoted(Lake(settings.lake_root), (1, date(2000, 1, 1)))
    days = [date.fromordinal(DAY.toordinal() + n) for n in range(2_000)]
    (resolved,) = ask(reference, *days)
    assert resolved.days == tuple(days)
    assert len(registry.fetched) == 1


def test_days_are_scored_by_the_champion_at_their_ends(ask, registry, settings):
    promoted(Lake(settings.lake_root), (2, date(2024, 5, 4)), (1, NEXT), (2, date(2024, 5, 8)))
    days = [date(2024, 5, day) for day in (4, 5, 6, 7, 8)]
    found = {resolved.version: [day.day for day in resolved.days] for resolved in ask("champion_at_date", *days)}
    assert found == {1: [6, 7], 2: [4, 5, 8]}
    assert registry.fetched == [1, 2]
    with pytest.raises(ContractError, match="no model was champion on 2024-05-03 yet"):
        ask("champion_at_date", date(2024, 5, 3))


def test_a_range_that_several_versions_score_hands_on_what_was_asked(settings, verbs):
    fill(settings.lake_root, REVIEWS, {DAY: [], NEXT: []})
    promoted(Lake(settings.lake_root), (1, DAY), (2, NEXT))
    config = RescoreConfig(from_day=DAY, to_day=NEXT, model="champion_at_date")
    assert done(RESOLVE_MODELS, config) == {
        "model": "champion_at_date",
        "versions": [1, 2],
        "pinned": "champion_at_date",
    }


def test_who_was_champion_is_asked_again_when_it_scores_for_other_days_may_be_due_then(settings, verbs):
    promoted(Lake(settings.lake_root), (1, date(2000, 1, 1)))
    found = done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="champion_at_date"))
    assert found == {"model": "1", "versions": [1], "pinned": "champion_at_date"}


def test_a_champion_that_somebody_made_in_mlflow_is_written_down_by_the_next_scoring(settings, registry, verbs):
    lake = Lake(settings.lake_root)
    record(lake, 1, None, "the first", a_context())
    registry.named = 2
    done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="1"))
    assert [version for _, version in changes(lake)] == [1]
    done(RESOLVE_MODEL, ScoreConfig(day=DAY, model="champion"))
    assert [version for _, version in changes(lake)] == [1, 2]


@pytest.mark.parametrize("wrong", ["1@", "1@../../x", f"x@{OTHER}", f"1@{OTHER}0", "latest", "0", "01", "²"])
def test_what_is_no_reference_to_a_model_is_refused(wrong):
    with pytest.raises(ValueError, match="give 'champion', 'champion_at_date' or a version number"):
        ScoreConfig(day=DAY, model=wrong)
