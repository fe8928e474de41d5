"""A worker of a study: it trains one trial after another until the study has as many as it shall have.

Workers know nothing of one another; what they share is the study.
"""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from sentiment.core.context import Context
from sentiment.datasets.snapshot import (
    read_split,
    snapshot_folder,
)
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.studies import StudyRuns
from sentiment.tuning.config import StudyConfig, TuneConfig
from sentiment.tuning.liveness import fail_abandoned, killed
from sentiment.tuning.results import SearchResult
from sentiment.tuning.storage import load_study
from sentiment.tuning.trial import Objective, TrialFailedError


def search(config: StudyConfig, context: Context) -> SearchResult:
    """Train trials of the study until it is full, and return how many this worker trained.

    Workers that ask at the same moment may begin one trial more each. Raises ContractError when there is no such study.
    """
    study, tuning = load_study(config.study, context.settings)
    runs, parent = StudyRuns(context.settings), study.user_attrs["run_id"]
    objective, trained = None, 0
    while not full(study, tuning, runs):
        objective = objective or _objective(tuning, runs, parent, context)
        # What the frames of a failed training hold is freed before the next one needs it.
        study.optimize(objective, n_trials=1, catch=(TrialFailedError,), gc_after_trial=True)
        trained += 1
    return SearchResult(study=config.study, run_id=parent, trained=trained)


def full(study: optuna.Study, tuning: TuneConfig, runs: StudyRuns) -> bool:
    """Tell whether enough trials have begun; those that were killed tell nothing of their settings and do not count."""
    fail_abandoned(study, runs)
    return sum(not killed(trial) for trial in study.get_trials(deepcopy=False)) >= tuning.trials


def finished(study: optuna.Study) -> int:
    """Count the trials that came to an end of their own."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return sum(not killed(trial) for trial in study.get_trials(deepcopy=False, states=ended))


def _objective(tuning: TuneConfig, runs: StudyRuns, parent: str, context: Context) -> Objective:
    settings = context.settings
    folder = snapshot_folder(Lake(settings.lake_root), tuning.snapshot)
    context.progress("reading the snapshot")
    train = read_split(folder, "train", tuning.train_reviews)
    validation = read_split(folder, "validation", tuning.evaluation_reviews)
    return Objective(
        config=tuning,
        train=train,
        validation=validation,
        runs=runs,
        parent=parent,
        workdir=settings.home / "tuning" / parent,
        context=context,
    )
