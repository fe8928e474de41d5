"""One trial: a training with the settings that the study chose, judged by macro F1 on validation, kept in MLflow."""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optuna import TrialPruned
from optuna.exceptions import OptunaError
from safetensors import SafetensorError

from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.provenance import this_process
from sentiment.stores.registry.studies import ERROR_CHARACTERS, State, StudyRuns
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit, trained_on
from sentiment.training.job import Record
from sentiment.training.settings import effective_settings
from sentiment.tuning.config import TuneConfig
from sentiment.tuning.space import suggest

if TYPE_CHECKING:
    from optuna import Trial

log = logging.getLogger(__name__)

SCORE = "eval_macro_f1"
# What tells nothing of the settings that were tried: a server that is away, a disk that is full, a study's database.
_OF_THE_MACHINE = (UnavailableError, OSError, SafetensorError, OptunaError)


class TrialFailedError(Exception):
    """A training failed with the settings of its trial; the study goes on with others."""


@dataclass(frozen=True)
class Objective:
    """What Optuna maximises: called with a trial, it trains and returns the best macro F1 on validation.

    `parent` is the study's run in MLflow, `workdir` a folder for checkpoints, which go when their trial ends.
    """

    config: TuneConfig
    train: LabelledReviews
    validation: LabelledReviews
    runs: StudyRuns
    parent: str
    workdir: Path
    context: Context

    def __call__(self, trial: Trial) -> float:
        """Train; raises TrialPruned where the trial falls behind and TrialFailedError where its training fails.

        Any other error, such as a full disk or a database that is away, is none of the trial's and stops the worker,
        as an interruption does; the trial says so, and its settings are tried anew.
        """
        trial.set_user_attr("worker", this_process())
        candidate = suggest(self.config, trial)
        run_id = self._begun(trial, candidate)
        watch = _Watch(self, trial, run_id, candidate.epochs)
        try:
            self._fit(candidate, trial.number, watch)
            self._end(run_id, "complete")
        except TrialPruned:
            self._end(run_id, "pruned")
            raise
        except (*_OF_THE_MACHINE, KeyboardInterrupt) as error:
            _say_stopped(trial, error)
            self._end(run_id, "failed", reason_of(error))
            raise
        except Exception as error:
            reason = reason_of(error)
            log.warning("trial %d failed: %s", trial.number, reason)
            log.info("where trial %d failed", trial.number, exc_info=error)
            trial.set_user_attr("error", reason)
            self._end(run_id, "failed", reason)
            raise TrialFailedError(reason) from error
        return max(watch.scores)

    def _begun(self, trial: Trial, candidate: TrainConfig) -> str:
        """Begin the trial's run in MLflow and return its id; where that does not go, the trial says why it stopped."""
        tags = {"family": candidate.family, "snapshot": candidate.snapshot, "trial": str(trial.number)}
        try:
            params = effective_settings(candidate, trained_on(candidate, self.train))
            run_id = self.runs.begin(f"trial-{trial.number}", params, tags, self.context, self.parent).run_id
        except BaseException as error:
            _say_stopped(trial, error)
            raise
        trial.set_user_attr("run_id", run_id)
        return run_id

    def _end(self, run_id: str, state: State, error: str = "") -> None:
        """End the trial's run, as far as MLflow lets us: the study holds what came of it, and its conclusion tells."""
        try:
            self.runs.end(run_id, state, error)
        except (ContractError, ConcurrentWriteError, UnavailableError) as why:
            log.warning("run %s has not ended in MLflow yet: %s", run_id, why)

    def _fit(self, candidate: TrainConfig, number: int, watch: _Watch) -> None:
        folder = trial_folder(self.workdir, number)
        try:
            fit(candidate, self.train, self.validation, folder, self.context.settings, watch)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not watch.scores:
            raise ContractError("the training ended without a validation; lower evaluate_every")


def trial_folder(workdir: Path, number: int) -> Path:
    """Return where a trial keeps its checkpoints while it trains."""
    return workdir / f"trial-{number}"


class _Watch:
    """Sees every record of a trial's training: keeps its scores, and stops the trial when it falls behind."""

    def __init__(self, objective: Objective, trial: Trial, run_id: str, epochs: float) -> None:
        self.scores: list[float] = []
        self._objective = objective
        self._trial = trial
        self._run_id = run_id
        self._epochs = epochs

    def __call__(self, record: Record) -> None:
        """Called by the training with each log record."""
        objective, done = self._objective, min(record.get("epoch", self._epochs) / self._epochs, 1)
        figures = {name: value for name, value in record.items() if name != "step"}
        if SCORE in record:
            self.scores.append(record[SCORE])
            # By which the study knows the trial; the last of its scores is another one.
            figures["best_macro_f1"] = max(self.scores)
        objective.runs.handle(self._run_id).log_metrics(figures, int(record.get("step", 0)))
        objective.context.progress(f"trial {self._trial.number + 1} of {objective.config.size}", round(100 * done), 100)
        if SCORE not in record:
            return
        self._trial.report(record[SCORE], len(self.scores))
        # At the end there is nothing left to save.
        if done < 1 and self._trial.should_prune():
            raise TrialPruned(f"macro F1 {record[SCORE]:.4f} at validation {len(self.scores)}")


def _say_stopped(trial: Trial, error: BaseException) -> None:
    """Say of a trial why it did not come to its end, as far as the study lets us, which may be away too."""
    with suppress(OptunaError):
        trial.set_user_attr("stopped", reason_of(error))


def reason_of(error: BaseException) -> str:
    """Return why something did not come to its end, in as many characters as MLflow is told."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    words = str(error) if isinstance(error, ContractError) else f"{type(error).__name__}: {error}"
    return words[:ERROR_CHARACTERS]
