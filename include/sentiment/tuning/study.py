"""The beginning and the end of a study: its run in MLflow, its best settings, its table and its pictures."""

from __future__ import annotations

import csv
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState
from pydantic import JsonValue

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.datasets.manifest import read_manifest
from sentiment.datasets.snapshot import snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.studies import State, StudyRuns
from sentiment.tuning.config import StudyConfig, TuneConfig
from sentiment.tuning.results import GridRow, OpenStudyResult, StudyResult
from sentiment.tuning.search import DIED, fail_abandoned, given_up, killed, queue_grid
from sentiment.tuning.storage import answered, create_study, load_study

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

DOTS_AN_INCH = 150
_DIED_TWICE, _ENDED = "its worker died twice", {"PRUNED": "stopped early", "RUNNING": "under way"}
# As the run of a trial ends in MLflow.
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
# Importance is a matter of differences between completed trials.
FEWEST_TO_COMPARE = 2


@answered()
def open_study(config: TuneConfig, context: Context) -> OpenStudyResult:
    """Open a study on the snapshot that `config` names, or go on with it; returns its name, run and size.

    The same snapshot and settings are the same study. Raises ContractError when there is no such snapshot, or when a
    study of the given name searches from other settings.
    """
    settings, snapshot = context.settings, config.snapshot
    if not snapshot or read_manifest(snapshot_folder(Lake(settings.lake_root), snapshot)) is None:
        raise ContractError(f"there is no snapshot {snapshot!r}; make one with `sentiment snapshot`")
    name = config.study or _name(config)
    study, runs = create_study(name, config, settings), StudyRuns(settings)
    run_id, first = study.user_attrs.get("run_id"), True
    if run_id is None or not runs.reopen(run_id):
        tags = {"family": config.family, "snapshot": snapshot, "study": name}
        begun = runs.begin(name, config.model_dump(mode="json"), tags, context).run_id
        run_id, first = _agreed(study, run_id, begun, runs)
    if first:
        # Before there are workers, which would queue the same beside one another.
        queue_grid(study, config)
    return OpenStudyResult(study=name, snapshot=snapshot, run_id=run_id, trials=config.size, workers=config.workers)


def _agreed(study: optuna.Study, gone: str | None, begun: str, runs: StudyRuns) -> tuple[str, bool]:
    """Give a study the run that was begun for it in place of one that is `gone`; return its run, and if it is that.

    Another machine that opens the study at the same moment may be faster: then its run is the study's, and the one
    that was begun here is deleted.
    """
    if study.user_attrs.get("run_id") == gone:
        study.set_user_attr("run_id", begun)
    kept = str(study.user_attrs["run_id"])
    if kept != begun:
        runs.delete(begun)
    return kept, kept == begun


@answered()
def conclude_study(config: StudyConfig, context: Context) -> StudyResult:
    """Return the best settings as fields of a TrainConfig, and leave table and pictures at the study's run.

    Raises ContractError, with the commonest reason, when no trial was completed.
    """
    study, tuning = load_study(config.study, context.settings)
    runs, run_id = StudyRuns(context.settings), study.user_attrs["run_id"]
    fail_abandoned(study, runs)
    _end_runs(study, runs)
    counts = Counter(trial.state.name.lower() for trial in study.get_trials(deepcopy=False))
    if not counts["complete"]:
        reason = _why_nothing(study)
        runs.end(run_id, "failed", reason)
        raise ContractError(f"no trial of the study {config.study!r} was completed: {reason}")
    best = tuning.candidate(**study.best_params)
    fields = {"family": best.family, **best.model_dump(mode="json", exclude_defaults=True), **study.best_params}
    runs.reopen(run_id)  # where it was interrupted on another machine
    context.progress("drawing the study")
    with TemporaryDirectory() as folder:
        _write(study, fields, Path(folder))
        _draw(study, Path(folder))
        runs.handle(run_id).log_folder(Path(folder), "study")
    figures = {f"trials_{state}": count for state, count in counts.items()}
    runs.handle(run_id).log_metrics({"best_macro_f1": study.best_value, **figures})
    runs.end(run_id, "complete")
    return StudyResult(
        study=config.study,
        run_id=run_id,
        macro_f1=round(study.best_value, 4),
        best_trial=study.best_trial.number,
        best=fields,
        trials=dict(counts),
        **({"grid": _grid(study, tuning)} if tuning.grid else {}),
    )


def _end_runs(study: optuna.Study, runs: StudyRuns) -> None:
    """End the runs of trials that came to an end while MLflow was away."""
    for trial in study.get_trials(deepcopy=False, states=tuple(_STATES)):
        if run_id := trial.user_attrs.get("run_id"):
            runs.end(run_id, _STATES[trial.state], _error(trial))


def _grid(study: optuna.Study, tuning: TuneConfig) -> tuple[GridRow, ...]:
    """Return a row a combination, the best first; one that was stopped early has its last figure.

    One that is under way, as on another machine, is among them.
    """
    varied = {name for name, values in tuning.choices.items() if len(values) > 1}
    begun = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=begun)
    lost = {trial.number for trial in given_up(trials).values()}
    rows = [
        GridRow(
            settings=", ".join(f"{name} {value}" for name, value in trial.params.items() if name in varied),
            macro_f1=None if trial.value is None else round(trial.value, 4),
            ended=_DIED_TWICE if trial.number in lost else _ENDED.get(trial.state.name, trial.state.name.lower()),
            trial=trial.number,
            validations=len(trial.intermediate_values),
        )
        for trial in trials
        if trial.number in lost or not killed(trial)
    ]
    return tuple(sorted(rows, key=lambda row: (row.macro_f1 is None, -(row.macro_f1 or 0.0))))


def _name(config: TuneConfig) -> str:
    asked = hashlib.sha256(json.dumps(config.question, sort_keys=True).encode()).hexdigest()
    return f"{config.family}-{config.snapshot}-{asked[:8]}"


def _why_nothing(study: optuna.Study) -> str:
    trials = study.get_trials(deepcopy=False, states=(TrialState.FAIL, TrialState.PRUNED))
    if not trials:
        return "no trial has ended yet; start a worker with `sentiment search`"
    reasons = Counter(_error(trial) or "it was pruned" for trial in trials)
    reason, count = reasons.most_common(1)[0]
    return f"{count} of {len(trials)} ended so: {reason}"


def _error(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get("stopped", DIED) if killed(trial) else trial.user_attrs.get("error", ""))


def _write(study: optuna.Study, best: dict[str, JsonValue], folder: Path) -> None:
    """Write best.json, and trials.csv with one line a trial."""
    (folder / "best.json").write_text(json.dumps(best, indent=1), encoding="utf-8")
    trials = study.get_trials(deepcopy=False)
    searched = sorted({name for trial in trials for name in trial.params})
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "macro_f1", "validations", "seconds", *searched, "run_id", "error"])
        for trial in trials:
            writer.writerow(
                [
                    trial.number,
                    trial.state.name.lower(),
                    trial.value,
                    len(trial.intermediate_values),
                    round(trial.duration.total_seconds(), 1) if trial.duration else None,
                    *(trial.params.get(name) for name in searched),
                    trial.user_attrs.get("run_id"),
                    _error(trial),
                ]
            )


def _draw(study: optuna.Study, folder: Path) -> None:
    """Draw history, parallel coordinates, slices and, where trials differ, importance, as PNG files."""
    from optuna.visualization import matplotlib as plots

    named: dict[str, Any] = {"target_name": "macro F1"}
    drawn: dict[str, Callable[[], Any]] = {
        "history": partial(plots.plot_optimization_history, study, **named),
        "parallel_coordinates": partial(plots.plot_parallel_coordinate, study, **named),
        "slices": partial(plots.plot_slice, study, **named),
    }
    values = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if len(values) >= FEWEST_TO_COMPARE:
        drawn["importance"] = partial(plots.plot_param_importances, study)
    for name, plot in drawn.items():
        _save(plot, folder / f"{name}.png")


def _save(plot: Callable[[], Any], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    before = plt.get_backend()
    # The plots choose a style and open windows for the whole process; both are undone.
    with mpl.rc_context(), warnings.catch_warnings():
        # All of Optuna's plots are experimental, and a study of one trial has axes of no length.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        plt.switch_backend("agg")
        figure = np.ravel(plot())[0].figure
        # Every axis of a row has its width.
        figure.set_size_inches(max(7.0, 2.6 * len(figure.axes)), 4.2)
        figure.savefig(path, dpi=DOTS_AN_INCH, bbox_inches="tight")
        plt.close(figure)
        plt.switch_backend(before)
