"""Searching for better settings: a whole search, and its parts, which Airflow's tasks run one by one."""

from __future__ import annotations

from typing import Any

from sentiment.core.context import Context
from sentiment.core.verb import Verb, VerbResult
from sentiment.datasets.verbs import on_a_snapshot
from sentiment.tuning.config import StudyConfig, TuneConfig


class OpenStudyResult(VerbResult):
    """An open study: its name, by which workers find it, its run in MLflow, and how many trials and workers it has."""

    study: str
    snapshot: str
    run_id: str
    trials: int
    workers: int


class SearchResult(VerbResult):
    """How many trials a worker has trained."""

    study: str
    run_id: str
    trained: int


class StudyResult(VerbResult):
    """A study's best settings: `best` are fields of a TrainConfig, `macro_f1` is on validation.

    `trials` counts the trials by how they ended.
    """

    study: str
    run_id: str
    macro_f1: float
    best_trial: int
    best: dict[str, Any]
    trials: dict[str, int]

    def sentences(self) -> list[str]:
        """Say how good the best settings are."""
        return [f"The best settings reach macro F1 {self.macro_f1:.3f} on validation."]


def tune(config: TuneConfig, context: Context) -> StudyResult:
    """Search for better settings on this machine, to the end; the same search again goes on where it stopped."""
    from sentiment.tuning.processes import tune as tune_here

    concluded = tune_here(on_a_snapshot(config, context), context.settings, context.progress)
    return StudyResult.model_validate(concluded)


def open_study(config: TuneConfig, context: Context) -> OpenStudyResult:
    """Open the study of a search, or go on with it."""
    from sentiment.tuning.study import open_study as open_it

    return OpenStudyResult.model_validate(open_it(on_a_snapshot(config, context), context.settings))


def search(config: StudyConfig, context: Context) -> SearchResult:
    """Work on an open study as one of its workers, until it has all its trials."""
    from sentiment.tuning.search import search as search_study

    return SearchResult.model_validate(search_study(config, context.settings, context.progress))


def conclude_study(config: StudyConfig, context: Context) -> StudyResult:
    """Return the best settings of a study, and leave its table and pictures in MLflow."""
    from sentiment.tuning.study import conclude_study as conclude

    return StudyResult.model_validate(conclude(config, context.settings, context.progress))


TUNE = Verb(
    name="tune",
    config=TuneConfig,
    result=StudyResult,
    run=tune,
    group="Models",
    example="--family lora --lora-ranks 4 8 16 --trials 12",
    heavy=True,
)
OPEN_STUDY = Verb(name="open-study", config=TuneConfig, result=OpenStudyResult, run=open_study)
SEARCH = Verb(name="search", config=StudyConfig, result=SearchResult, run=search, heavy=True)
CONCLUDE_STUDY = Verb(name="conclude-study", config=StudyConfig, result=StudyResult, run=conclude_study)
