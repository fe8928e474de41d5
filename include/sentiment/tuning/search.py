"""A worker of a study: it trains one trial after another until the study has as many as it shall have.

Workers know nothing of one another; what they share is the study. Each fails the trials that have lost their worker,
and the study goes on: processes of this machine are looked at, those of others are judged by Optuna's heartbeats.
"""

from __future__ import annotations

import shutil
import socket
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import psutil
from optuna.trial import TrialState

from sentiment.core.context import Context
from sentiment.core.provenance import ProcessName, boot_id, lives, start_of
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.studies import StudyRuns
from sentiment.training.hardware import training_precision
from sentiment.training.models.encoders import require_at_hand
from sentiment.training.teaching.lessons import lessons
from sentiment.tuning.config import StudyConfig, TuneConfig
from sentiment.tuning.results import SearchResult
from sentiment.tuning.storage import answered, load_study
from sentiment.tuning.trial import Objective, TrialFailedError, trial_folder

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

DIED = "its worker died"
# A combination that takes so many workers with it is not tried again: what a machine has not room for ends them all.
_MOST_DEATHS = 2
Combination = frozenset[tuple[str, Any]]
# A worker says who it is right after it began a trial; one that has not yet done so after this time died before.
NAMELESS = timedelta(minutes=1)


@answered()
def search(config: StudyConfig, context: Context) -> SearchResult:
    """Train trials of the study until it is full, and return how many this worker trained.

    Workers that ask at the same moment may begin one trial more each. Raises ContractError when there is no such study,
    and before the first trial when its encoder or its word vectors are not on this machine, or this cannot train in its
    number format; UnavailableError when the database of the studies goes away.
    """
    study, tuning = load_study(config.study, context.settings)
    runs, parent = StudyRuns(context.settings), study.user_attrs["run_id"]
    objective, trained = None, 0
    while not full(study, tuning, runs):
        queue_grid(study, tuning)
        objective = objective or _objective(tuning, runs, parent, context)
        # What the frames of a failed training hold is freed before the next one needs it.
        study.optimize(objective, n_trials=1, catch=(TrialFailedError,), gc_after_trial=True)
        trained += 1
    _remove_left_overs(study, _workdir(context, parent))
    return SearchResult(study=config.study, run_id=parent, trained=trained)


def full(study: optuna.Study, tuning: TuneConfig, runs: StudyRuns) -> bool:
    """Tell whether enough trials have begun, of a grid each combination but those that were given up.

    Those that were killed tell nothing of their settings and do not count.
    """
    fail_abandoned(study, runs)
    trials = study.get_trials(deepcopy=False)
    begun = [trial for trial in trials if trial.state != TrialState.WAITING and not killed(trial)]
    if tuning.grid:
        settled = {*map(_queued, begun), *given_up(trials)}
        return {frozenset(combination.items()) for combination in tuning.grid} <= settled
    return len(begun) >= tuning.size


def queue_grid(study: optuna.Study, tuning: TuneConfig) -> None:
    """Queue the combinations of a grid that no trial has, those of killed trials once more.

    Optuna's own GridSampler takes a killed trial for a visited one, and gives workers that ask at once the same; a
    queued trial goes to one worker. Of several that queue a killed one again at the same moment each may do so.
    """
    trials = study.get_trials(deepcopy=False)
    held = {*(_queued(trial) for trial in trials if not killed(trial)), *given_up(trials)}
    for combination in tuning.grid:
        if frozenset(combination.items()) not in held:
            study.enqueue_trial(combination)


def given_up(trials: Sequence[FrozenTrial]) -> dict[Combination, FrozenTrial]:
    """Return the combinations whose worker died twice, probably of too little memory, each with its last trial.

    A trial that could say why it stopped, as one that was interrupted, is none of these.
    """
    died = [trial for trial in trials if killed(trial) and "stopped" not in trial.user_attrs]
    deaths = Counter(map(_queued, died))
    return {settings: trial for trial in died if deaths[settings := _queued(trial)] >= _MOST_DEATHS}


def _queued(trial: FrozenTrial) -> Combination:
    """Return the combination of the grid that a trial has, or waits to get."""
    return frozenset(trial.system_attrs.get("fixed_params", trial.params).items())


def finished(study: optuna.Study) -> int:
    """Count the trials that came to an end of their own."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return sum(not killed(trial) for trial in study.get_trials(deepcopy=False, states=ended))


def fail_abandoned(study: optuna.Study, runs: StudyRuns) -> None:
    """Fail the running trials whose workers are gone, in the study and in MLflow; any worker may do it at any time."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _abandoned(trial):
            # Another worker may fail it between our look and this, or between optuna's own look and its write.
            with suppress(optuna.exceptions.UpdateFinishedTrialError):
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
        if killed(trial) and "run_id" in trial.user_attrs:
            runs.end(trial.user_attrs["run_id"], "failed", trial.user_attrs.get("stopped", DIED))


def killed(trial: FrozenTrial) -> bool:
    """Tell whether a trial ended with its process; one that failed by itself has said why."""
    return trial.state == TrialState.FAIL and "error" not in trial.user_attrs


def _objective(tuning: TuneConfig, runs: StudyRuns, parent: str, context: Context) -> Objective:
    settings = context.settings
    require_at_hand(tuning.candidate(), settings)
    if tuning.family != "linear":
        training_precision(tuning.precision, tuning.family)
    folder = snapshot_folder(Lake(settings.lake_root), tuning.snapshot)
    context.progress("reading the snapshot")
    train = read_split(folder, "train", tuning.train_reviews, tuning.seed)
    validation = read_split(folder, "validation", tuning.evaluation_reviews)
    return Objective(
        config=tuning,
        train=lessons(tuning, train, context),
        validation=validation,
        runs=runs,
        parent=parent,
        workdir=_workdir(context, parent),
        context=context,
    )


def _workdir(context: Context, parent: str) -> Path:
    return context.settings.home / "tuning" / parent


def _remove_left_overs(study: optuna.Study, workdir: Path) -> None:
    """Remove the checkpoints of trials that were killed: their settings were tried anew, from the beginning."""
    for trial in filter(killed, study.get_trials(deepcopy=False)):
        shutil.rmtree(trial_folder(workdir, trial.number), ignore_errors=True)


def _abandoned(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:
        return trial.datetime_start is not None and datetime.now() - trial.datetime_start > NAMELESS
    return worker["host"] == socket.gethostname() and not _lives(worker)


def _lives(worker: ProcessName) -> bool:
    if worker.get("boot", boot_id()) != boot_id():  # an earlier version wrote none
        return False
    try:
        process = psutil.Process(worker["pid"])
        # Process ids are used again.
        return bool(abs(start_of(process, worker["started"]) - worker["started"]) < 1) and lives(process)
    except psutil.NoSuchProcess:
        return False
