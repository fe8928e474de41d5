"""Searching for better settings: a whole search, and its parts, which Airflow's tasks run one by one."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.environment import end_with
from sentiment.core.verb import Verb
from sentiment.datasets.verbs import on_a_snapshot
from sentiment.tuning.config import SearchConfig, StudyConfig, TuneConfig
from sentiment.tuning.results import OpenStudyResult, SearchResult, StudyResult


def tune(config: TuneConfig, context: Context) -> StudyResult:
    """Search for better settings on this machine, to the end; the same search again goes on where it stopped."""
    from sentiment.training.models.encoders import require_at_hand

    require_at_hand(config.candidate(), context.settings)
    pinned = _pinned(config, context)
    from sentiment.tuning.processes import tune as tune_here

    return tune_here(pinned, context)


def open_study(config: TuneConfig, context: Context) -> OpenStudyResult:
    """Open the study of a search, or go on with it."""
    pinned = _pinned(config, context)
    from sentiment.tuning.study import open_study as open_it

    return open_it(pinned, context)


def search(config: SearchConfig, context: Context) -> SearchResult:
    """Work on an open study as one of its workers, until it has all its trials, or whoever called it is gone."""
    if config.caller:
        end_with(config.caller)
    from sentiment.tuning.search import search as search_study

    return search_study(config, context)


def conclude_study(config: StudyConfig, context: Context) -> StudyResult:
    """Return the best settings of a study, and leave its table and pictures in MLflow."""
    from sentiment.tuning.study import conclude_study as conclude

    return conclude(config, context)


def _pinned(config: TuneConfig, context: Context) -> TuneConfig:
    """Name the snapshot, and files and folders in full; ContractError for what is nowhere, or labels what judges."""
    from sentiment.training.models.encoders import named_in_full
    from sentiment.training.teaching.lessons import require_teachable, with_teacher_at_hand

    pinned = on_a_snapshot(with_teacher_at_hand(named_in_full(config), context), context)
    require_teachable(pinned, context)
    return pinned


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
SEARCH = Verb(name="search", config=SearchConfig, result=SearchResult, run=search, heavy=True)
CONCLUDE_STUDY = Verb(name="conclude-study", config=StudyConfig, result=StudyResult, run=conclude_study)
