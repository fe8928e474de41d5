"""What is shown of the last days: their rows, the champion with its rivals, and days that another version scored."""

from datetime import date, timedelta

import pytest

from conftest import fill
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.lake.schemas import SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.entries import ModelVersion, TrainedRun
from sentiment.views.config import ReportConfig
from sentiment.views.days import late_days, missing_files, missing_reviews
from sentiment.views.report import report_days, scored_by_others, version_row
from sentiment.views.results import DayRow

FIRST = date(2014, 6, 1)
# Of the reviews of a day; of one none was told.
LANGUAGES = ("en", "es", None, "en")


def tags(snapshot: str) -> dict[str, str]:
    return {"family": "linear", "snapshot": snapshot, "test_reviews": "400", "accuracy": "0.91", "macro_f1": "0.9"}


class FakeRegistry:
    """Version 1 and 2 measured on the same reviews, 3 on others, 4 registered by hand from a run that is gone.

    For 2 more reviews were asked for than there are.
    """

    def __init__(self, champion: int | None) -> None:
        self.alias = champion
        self.known = [ModelVersion(1, "run-1", tags("s1"))]
        self.known += [ModelVersion(2, "run-2", tags("s1") | {"test_reviews": "20000"})]
        self.known += [ModelVersion(3, "run-3", tags("s2")), ModelVersion(4, "gone", {})]

    def champion(self) -> int | None:
        return self.alias

    def versions(self) -> list[ModelVersion]:
        return self.known[::-1]

    def version(self, number: int) -> ModelVersion:
        return self.known[number - 1]

    def trained(self, run_id: str) -> TrainedRun:
        if run_id == "gone":
            raise AbsentError("MLflow has no run 'gone'")
        return TrainedRun(run_id, {}, {"train_reviews_used": 1000.0, "test_reviews_used": 400.0}, {})


@pytest.fixture
def report(home):
    """Return a function that reports over a fake registry, after four reviews a day were scored by the versions."""

    def run(champion: int | None, *versions: str) -> dict:
        rows = {
            FIRST + timedelta(n): [
                {"review_key": f"k{n}{at}", "label": "positive", "needs_review": False, "model_version": version}
                | {"language": code}
                for at, code in enumerate(LANGUAGES)
            ]
            for n, version in enumerate(versions)
        }
        fill(Settings().lake_root, SCORES, rows)
        result = report_days(ReportConfig(), Lake(Settings().lake_root), FakeRegistry(champion))
        return result.model_dump(mode="json", exclude_unset=True)

    return run


def test_days_that_another_version_scored_are_said_with_the_way_back(report):
    found = report(1, "1", "2", "2")
    assert found["note"] == (
        "version 1 is champion, but 2 of these 3 days bear scores of version 2; to score them by the champion: "
        "sentiment rescore --from-day 2014-06-02 --to-day 2014-06-03 (in Airflow: the DAG rescore_range)"
    )


def test_a_day_counts_its_reviews_by_the_languages_that_were_told(report):
    assert report(2, "2")["days"][0]["languages"] == {"en": 2, "es": 1}


def test_what_another_program_wrote_for_a_version_is_told_behind_the_numbers(report):
    found = report(1, "10", "v2", "", None, "9")
    assert [row["model_version"] for row in found["days"]] == ["10", "v2", "unknown", "unknown", "9"]
    assert "5 of these 5 days bear scores of version 9 and 10 and v2 and unknown;" in found["note"]


def test_days_that_the_champion_scored_need_no_word(report):
    found = report(2, "2", "2")
    assert "note" not in found
    assert [row["model_version"] for row in found["days"]] == ["2", "2"]


def test_a_day_of_two_versions_and_a_day_without_reviews():
    rows = [DayRow("2014-06-01", 5, 0.5, 0.0, "10, 9"), DayRow("2014-06-02", 0, None, None, "")]
    assert "but one of these days bears scores of version 9;" in scored_by_others(rows, 10)
    assert scored_by_others(rows, None) == ""


def test_the_champion_stands_beside_those_that_were_measured_on_the_same_reviews(report):
    found = report(1, "1")
    assert [row["version"] for row in found["compared"]] == [2, 1]
    assert found["compared"][0] == {
        "version": 2,
        "family": "linear",
        "accuracy": 0.91,
        "macro_f1": 0.9,
        "train_reviews": 1000,
        "test_reviews": 400,
        **dict.fromkeys(("gate_share", "gate_reviews", "network_macro_f1")),
    }
    assert [row["version"] for row in found["measured_on_other_reviews"]] == [4, 3]


def test_a_version_that_somebody_registered_by_hand_is_shown_without_figures(report):
    by_hand = report(4, "4")["compared"]
    assert [(row["version"], row["accuracy"], row["train_reviews"]) for row in by_hand] == [(4, None, None)]


def test_a_figure_that_is_no_number_is_none():
    assert ModelVersion(5, "", {"accuracy": "very good", "macro_f1": "0.9"}).figure("accuracy") is None
    assert version_row(FakeRegistry(None), ModelVersion(5, "gone", {"accuracy": "very good"})).accuracy is None


def test_a_version_behind_a_gate_is_shown_with_the_gates_share_and_the_networks_own_figure():
    tags = {"family": "encoder", "accuracy": "0.9", "macro_f1": "0.85", "test_gate_share": "0.79"}
    tags |= {"gate_reviews": "5000.000000", "network_macro_f1": "0.52"}
    row = version_row(FakeRegistry(None), ModelVersion(5, "gone", tags))
    assert (row.macro_f1, row.gate_share, row.gate_reviews, row.network_macro_f1) == (0.85, 0.79, 5000, 0.52)
    alone = version_row(FakeRegistry(None), ModelVersion(6, "gone", {"accuracy": "0.9"}))
    assert (alone.gate_share, alone.gate_reviews, alone.network_macro_f1) == (None, None, None)


def test_without_a_champion_the_days_are_shown_all_the_same(report):
    found = report(None, "1")
    assert (found["champion"], found["compared"], len(found["days"])) == (None, [], 1)
    assert "note" not in found


def test_before_anything_was_scored_the_sentence_says_what_to_run(home):
    with pytest.raises(ContractError, match=r"no day was scored yet in the lake .*; run score_reviews"):
        report_days(ReportConfig(), Lake(Settings().lake_root), FakeRegistry(None))


def test_questions_leave_a_home_without_a_lake_as_it_was(home):
    before, settings = sorted(home.rglob("*")), Settings()
    assert f"not in the table reviews of {home}/lake" in missing_reviews(FIRST, settings)
    assert (missing_files(FIRST, settings) is None, late_days(FIRST, settings)) == (False, [])
    with pytest.raises(ContractError, match=f"no day was scored yet in the lake {home}/lake"):
        report_days(ReportConfig(), Lake(settings.lake_root), FakeRegistry(None))
    assert sorted(home.rglob("*")) == before
