"""Which trials have lost their worker, and what is done about them: they are failed, and the study goes on.

Processes of this machine are looked at; those of other machines are judged by Optuna's heartbeats.
"""

from __future__ import annotations

import socket
import warnings
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import optuna
import psutil
from optuna.trial import TrialState

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from sentiment.stores.registry.studies import StudyRuns

DIED = "its worker died"
# A worker says who it is right after it began a trial; one that has not yet done so after this time died before.
NAMELESS = timedelta(minutes=1)


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
            runs.end(trial.user_attrs["run_id"], "failed", DIED)


def killed(trial: FrozenTrial) -> bool:
    """Tell whether a trial ended with its process; one that failed by itself has said why."""
    return trial.state == TrialState.FAIL and "error" not in trial.user_attrs


def _abandoned(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:
        return trial.datetime_start is not None and datetime.now() - trial.datetime_start > NAMELESS
    return worker["host"] == socket.gethostname() and not _lives(worker)


def _lives(worker: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(worker["pid"])
        # Process ids are used again; and a killed one stays as a zombie until its parent has looked at it.
        same = bool(abs(process.create_time() - worker["started"]) < 1)
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
