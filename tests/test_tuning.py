"""Searches: what is tried, who stops early, what fails alone, who goes on after a kill, and what is left to look at."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from optuna.trial import TrialState
from pydantic import ValidationError

import tiny
from conftest import asking_mlflow, without_server
from sentiment.core.context import Context
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.progress import OnProgress, logged
from sentiment.core.provenance import this_process
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import (
    snapshot_folder,
)
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.studies import StudyRuns
from sentiment.training.config.train import TrainConfig
from sentiment.training.teaching.table import as_table, write_table
from sentiment.tuning import processes, trial
from sentiment.tuning.config import StudyConfig, TuneConfig
from sentiment.tuning.processes import tune
from sentiment.tuning.results import OpenStudyResult, StudyResult
from sentiment.tuning.search import fail_abandoned, full, given_up, queue_grid, search
from sentiment.tuning.storage import load_study
from sentiment.tuning.study import conclude_study, open_study
from sentiment.tuning.verbs import TUNE

pytestmark = pytest.mark.slow


def write_split(folder: Path, split: str, reviews: LabelledReviews) -> None:
    count = len(reviews)
    table = pa.table(
        {
            "review_key": reviews.keys,
            "title": reviews.titles,
            "text": reviews.texts,
            "label": pa.array(reviews.labels, pa.int8()),
            "rating": [5.0 if label else 1.0 for label in reviews.labels],
            "category": ["Cameras"] * count,
            "review_date": [date(2024, 6, 1)] * count,
            "sample_order": [row * (2**64 // count) - 2**63 for row in range(count)],
        }
    )
    pq.write_table(table, folder / f"{split}.parquet")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Iterator[Settings]:
    """A home with a snapshot of 320 reviews to train on, an encoder, and one MLflow for all of these tests."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(
        home=home, lake="", mlflow_uri=without_server(home), artifacts="", studies="", experiment="tests"
    )
    folder = Path(snapshot_folder(Lake(settings.lake_root), "tiny"))
    folder.mkdir(parents=True)
    write_split(folder, "train", tiny.reviews(320))
    write_split(folder, "validation", tiny.reviews(80, seed=1))
    write_split(folder, "test", tiny.reviews(20, seed=2))
    sizes = {"train": 320, "validation": 80, "test": 20}
    manifest = {
        "id": "tiny",
        "config": {},
        "files": {split: [f"{split}.parquet"] for split in sizes},
        "splits": {split: {"reviews": size} for split, size in sizes.items()},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    tiny.write_encoder(home / "encoder")
    with asking_mlflow(settings.tracking_uri):
        yield settings


def tuning(settings: Settings, **changes: Any) -> TuneConfig:
    """A search of seconds: linear models unless told otherwise."""
    small = {"buckets": 2**12, "max_length": 48, "precision": "fp32", "train_reviews": 320, "evaluation_reviews": 80}
    chosen = {"family": "linear", "encoder": str(settings.home / "encoder"), "snapshot": "tiny", "workers": 1}
    return TuneConfig(**{**chosen, **small, **changes})


def at(settings: Settings, progress: OnProgress = logged) -> Context:
    """A person who works in the deployment."""
    return Context(settings, "Ada", "shell", datetime(2024, 7, 1, tzinfo=UTC), progress)


def searched_for(config: TuneConfig, settings: Settings) -> OpenStudyResult:
    """Open a study and work on it until it is full; what a conclusion adds takes seconds."""
    opened = open_study(config, at(settings))
    search(StudyConfig(study=opened.study), at(settings))
    return opened


Opened = OpenStudyResult | StudyResult


def states_of(result: Opened, settings: Settings) -> list[str]:
    return [one.state.name.lower() for one in trials_of(result, settings)]


def trials_of(result: Opened, settings: Settings) -> list[optuna.trial.FrozenTrial]:
    return load_study(result.study, settings)[0].get_trials()


def runs_of(result: Opened) -> dict[str, Any]:
    """Return the runs under a study's run, by name."""
    found = mlflow.search_runs(
        experiment_names=["tests"],
        filter_string=f"tags.`mlflow.parentRunId` = '{result.run_id}'",
        output_format="list",
    )
    return {run.info.run_name: run for run in found}


def plant(monkeypatch: pytest.MonkeyPatch, errors: dict[int, Exception]) -> None:
    """Make the trainings of trials fail: number of the trial -> what it raises."""
    real = trial.fit

    def fit(config: TrainConfig, train: Any, validation: Any, workdir: Path, settings: Settings, on_log: Any) -> Any:
        number = int(workdir.name.removeprefix("trial-"))
        if number in errors:
            raise errors[number]
        return real(config, train, validation, workdir, settings, on_log)

    monkeypatch.setattr(trial, "fit", fit)


# --- What is searched -------------------------------------------------------------------------------------------------


def test_a_search_without_words_varies_learning_rate_weight_decay_and_batch_size():
    config = TuneConfig()
    assert config.ranges == {"learning_rate": (1e-5, 1e-3), "weight_decay": (1e-6, 1e-2)}
    assert config.choices == {"batch_size": (16, 32)}


def test_rank_dropout_head_and_loss_are_searched_when_values_are_given():
    lora = TuneConfig(
        family="lora", lora_ranks=(4, 8), dropouts=(0, 0.1), heads=("linear", "mlp"), imbalances=("none", "focal")
    )
    names = {"lora_rank": (4, 8), "lora_dropout": (0, 0.1), "head": ("linear", "mlp"), "imbalance": ("none", "focal")}
    assert lora.choices == {"batch_size": (16, 32), **names}
    assert TuneConfig(family="gru", dropouts=(0.1, 0.5), batch_sizes=()).choices == {"dropout": (0.1, 0.5)}
    linear = TuneConfig(family="linear", imbalances=("smote", "class_weights"))
    assert (list(linear.ranges), list(linear.choices)) == (["inverse_regularisation"], ["imbalance"])


def test_trials_start_from_the_fields_given_and_from_a_preset():
    config = TuneConfig(preset="lora-polarity", epochs=2, snapshot="s")
    start = config.candidate(learning_rate=1e-4)
    assert (start.family, start.lora_rank, start.epochs, start.snapshot) == ("lora", 4, 2, "s")
    assert start.learning_rate == 1e-4


def test_a_presets_single_value_gives_way_to_the_values_to_try():
    config = TuneConfig(preset="lora-polarity", lora_ranks=(8, 16))
    assert config.choices["lora_rank"] == (8, 16)


def test_a_study_of_an_earlier_version_kept_what_a_search_overrules_and_is_gone_on_with(deployment):
    config = tuning(deployment, study="older")
    open_study(config, at(deployment))
    study, _ = load_study("older", deployment)
    study.set_user_attr("config", {**study.user_attrs["config"], "learning_rate": None, "weight_decay": 0.01})
    assert open_study(config, at(deployment)).study == "older"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"learning_rate_low": 0.1}, "learning_rate_low 0.1 lies above learning_rate_high 0.001; swap them"),
        ({"lora_ranks": (4,)}, "lora_ranks says nothing to the family encoder; leave it as it is by default"),
        ({"dropouts": (0.1,)}, "dropouts says nothing to the family encoder"),
        ({"inverse_regularisation_low": 1}, "inverse_regularisation_low says nothing to the family encoder"),
        ({"family": "linear", "batch_sizes": (8,)}, "batch_sizes says nothing to the family linear"),
        ({"family": "linear", "learning_rate_high": 1}, "learning_rate_high says nothing to the family linear"),
        ({"learning_rate": 2e-5}, "a search tries learning_rate itself; give learning_rate_low and learning_rate_high"),
        ({"batch_size": 64}, "a search tries batch_size itself; give batch_sizes, one value to vary nothing"),
        (
            {"family": "lora", "lora_rank": 2, "lora_ranks": (4,)},
            r"lora_rank 2 is none of the values to try",
        ),
        ({"family": "lora", "dropouts": (1.5,)}, "less than or equal to 1"),
        ({"imbalances": ("none", "smote")}, "smote makes reviews of counts"),
        ({"batch_sizes": (0, 16)}, "greater than or equal to 1"),
        ({"processes": 2}, "leave processes and stages at 1 and raise workers"),
        ({"family": "gru", "lora_layers": ("query",)}, "lora_layers says nothing to the family gru"),
        ({"family": "linear", "epoch_counts": (1, 2)}, "epoch_counts says nothing to the family linear"),
        ({"learning_rates": (1e-4,), "learning_rate_low": 1e-5, "learning_rate_high": 1e-4}, "give learning_rates"),
        (
            {"sampler": "grid", "weight_decay_low": 1e-3},
            "weight_decay_low and weight_decay_high are a range; give the two",
        ),
        ({"sampler": "grid", "batch_sizes": (16,)}, "a grid of 1 is none to try"),
        (
            {"sampler": "grid", "family": "linear"},
            "a grid of 0 is none to try; give 2 to 10,000 combinations of values",
        ),
        ({"schedules": ("steep",)}, "Input should be 'cosine', 'linear' or 'constant'"),
        ({"teacher": "t.parquet", "family": "linear"}, "the linear family learns from labels alone"),
        ({"teacher": "t.parquet", "imbalances": ("none", "focal")}, "focal would bend what the teacher says"),
        ({"max_lengths": (4,)}, "greater than or equal to 8"),
        ({"family": "linear", "inverse_regularisation_high": 1e7}, "inverse_regularisation\n.* less than or equal to"),
        ({"weight_decay_high": 200}, "weight_decay\n.* less than or equal to 100"),
    ],
)
def test_a_space_that_no_trial_could_be_drawn_from_is_refused(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TuneConfig(**wrong)


def test_a_grid_is_every_combination_of_the_values_and_leaves_the_rest_as_in_a_training():
    grid = TuneConfig(
        sampler="grid",
        preset="lora-polarity",
        batch_sizes=(),
        lora_ranks=(4, 8, 4),
        lora_alphas=(16, 32),
        lora_layers=("query", "all_linear"),
        schedules=("cosine", "constant"),
        epoch_counts=(1, 3),
        max_lengths=(64, 128),
        learning_rates=(1e-4, 5e-4, 1e-3),
    )
    assert (grid.size, len(grid.grid)) == (192, 192)
    assert grid.ranges == {}
    tried = [grid.candidate(**one) for one in grid.grid]
    assert len({one.model_dump_json() for one in tried}) == 192
    assert {(one.lora_rank, one.lora_alpha, one.lora_targets) for one in tried} == set(
        product((4, 8), (16, 32), ("query", "all_linear"))
    )
    assert {(one.schedule, one.epochs, one.max_length) for one in tried} == set(
        product(("cosine", "constant"), (1, 3), (64, 128))
    )
    # What is not tried is the preset's, and after it the training's own.
    assert {(one.batch_size, one.lora_dropout, one.weight_decay) for one in tried} == {(16, 0.1, 0.01)}
    fixed = TuneConfig(sampler="grid", weight_decay_low=0.02, weight_decay_high=0.02)
    assert fixed.ranges == {"weight_decay": (0.02, 0.02)}


# --- A search ---------------------------------------------------------------------------------------------------------


FIVE = {"trials": 5, "imbalances": ("none", "class_weights"), "inverse_regularisation_low": 1e-3}


@pytest.fixture(scope="module")
def searched(deployment) -> StudyResult:
    """A whole search of five trials in this process, some of them with a C that learns nothing."""
    return tune(tuning(deployment, **FIVE), at(deployment))


def test_a_search_returns_the_settings_of_its_best_trial_as_a_training(searched, deployment):
    trials = trials_of(searched, deployment)
    best = max(trials, key=lambda one: one.value)
    assert [one.state for one in trials] == [TrialState.COMPLETE] * 5
    assert searched.trials == {"complete": 5}
    assert searched.macro_f1 == round(best.value, 4) > 0.8
    candidate = TrainConfig(**searched.best)
    assert candidate.inverse_regularisation == best.params["inverse_regularisation"]
    assert candidate.imbalance == best.params["imbalance"]
    assert (candidate.family, candidate.buckets, candidate.snapshot) == ("linear", 2**12, "tiny")


def test_the_trials_of_a_student_are_taught_and_judged_by_the_labels_of_validation(deployment, tmp_path, monkeypatch):
    taught, fit = [], trial.fit
    monkeypatch.setattr(trial, "fit", lambda *given: taught.append(given[1:3]) or fit(*given))
    keys, odds = tiny.reviews(320).keys, np.where(tiny.reviews(320).labels == 1, 3.0, -3.0)
    table = tmp_path / "soft.parquet"
    write_table(table, as_table(keys, odds, "teacher", 1))
    asked = tuning(deployment, family="gru", buckets=2**18, teacher=str(table), trials=1, seed=61)
    result = TUNE.run(asked, at(deployment))
    ((train, validation),) = taught
    assert isinstance(train, TaughtReviews)
    assert not isinstance(validation, TaughtReviews)
    assert result.best["teacher"] == str(table)
    assert TrainConfig(**result.best).teacher_weight == 0.9
    write_table(table, as_table([*keys, tiny.reviews(80, seed=1).keys[0]], np.append(odds, 3.0), "teacher", 1))
    with pytest.raises(ContractError, match="labels 1 review by which snapshot tiny validates and tests"):
        TUNE.run(asked, at(deployment))


def test_every_trial_is_a_run_under_the_studys_run(searched, deployment):
    runs = runs_of(searched)
    assert sorted(runs) == [f"trial-{number}" for number in range(5)]
    for one in trials_of(searched, deployment):
        run = runs[f"trial-{one.number}"]
        assert (run.info.status, run.data.tags["sentiment.state"]) == ("FINISHED", "complete")
        assert float(run.data.params["inverse_regularisation"]) == one.params["inverse_regularisation"]
        assert run.data.metrics["eval_macro_f1"] == pytest.approx(one.value)
        assert run.data.metrics["best_macro_f1"] == pytest.approx(one.value)


def test_the_studys_run_holds_its_table_its_pictures_and_its_best_settings(searched):
    run = mlflow.get_run(searched.run_id)
    assert (run.info.status, run.data.metrics["trials_complete"]) == ("FINISHED", 5)
    folder = Path(mlflow.artifacts.download_artifacts(f"runs:/{searched.run_id}/study"))
    pictures = ["history.png", "importance.png", "parallel_coordinates.png", "slices.png"]
    assert sorted(file.name for file in folder.glob("*.png")) == pictures
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    lines = (folder / "trials.csv").read_text().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("trial,state,macro_f1,validations,seconds,imbalance,inverse_regularisation")
    assert '"family": "linear"' in (folder / "best.json").read_text()


def test_a_search_that_is_called_again_does_nothing_twice_and_one_of_more_trials_goes_on(searched, deployment):
    again = searched_for(tuning(deployment, **FIVE), deployment)
    assert (again.study, again.run_id) == (searched.study, searched.run_id)
    assert states_of(again, deployment) == ["complete"] * 5
    more = searched_for(tuning(deployment, **{**FIVE, "trials": 6}), deployment)
    assert (more.study, more.run_id) == (searched.study, searched.run_id)
    chosen = [one.params["inverse_regularisation"] for one in trials_of(more, deployment)]
    assert len(set(chosen)) == len(chosen) == 6


GRID = {"sampler": "grid", "family": "linear", "imbalances": ("none", "class_weights", "smote"), "trials": 1}


def test_a_grid_trains_each_combination_once_and_names_what_was_stopped_early(deployment, monkeypatch):
    def fit(config: TrainConfig, train: Any, validation: Any, workdir: Path, settings: Settings, on_log: Any) -> None:
        for at_step in range(1, 5):
            score = 0.5 if config.imbalance == "smote" else 0.94 - at_step / 100 * (at_step > 2)
            on_log({"step": at_step, "epoch": at_step / 4, "eval_macro_f1": score})

    monkeypatch.setattr(trial, "fit", fit)
    found = tune(tuning(deployment, **GRID), at(deployment))
    trials = trials_of(found, deployment)
    assert sorted(one.params["imbalance"] for one in trials) == ["class_weights", "none", "smote"]
    assert [(row.settings, row.ended) for row in found.grid][-1] == ("imbalance smote", "stopped early")
    assert [row.macro_f1 for row in found.grid] == [0.94, 0.94, 0.5]
    # A trial is known by the best of its validations, also in MLflow.
    best = runs_of(found)[f"trial-{found.best_trial}"].data.metrics
    assert (best["best_macro_f1"], best["eval_macro_f1"]) == pytest.approx((0.94, 0.9))
    assert found.sentences()[1] == "3 combinations tried; not to their end: imbalance smote."
    assert found.best["imbalance"] in {"none", "class_weights"}
    assert tune(tuning(deployment, **GRID), at(deployment)).grid == found.grid


def test_the_combination_of_a_killed_trial_is_tried_again_and_no_other(deployment):
    opened = open_study(tuning(deployment, **GRID, seed=77), at(deployment))
    assert opened.trials == 3
    study, config = load_study(opened.study, deployment)
    queue_grid(study, config)
    study.tell(study.ask(), state=TrialState.FAIL)
    runs = StudyRuns(deployment)
    assert not full(study, config, runs)
    queue_grid(study, config)
    queue_grid(study, config)
    begun = [study.ask().number for _ in range(3)]
    queued = [one.system_attrs["fixed_params"]["imbalance"] for one in study.get_trials()]
    assert sorted(queued[number] for number in begun) == ["class_weights", "none", "smote"]
    assert begun == [1, 2, 3]
    assert full(study, config, runs)


def test_a_combination_that_takes_two_workers_with_it_is_given_up_and_named(deployment):
    opened = open_study(tuning(deployment, **GRID, seed=79), at(deployment))
    study, config = load_study(opened.study, deployment)
    runs, deaths = StudyRuns(deployment), 0
    for said in ({"stopped": "it was interrupted"}, {}, {}):
        assert not full(study, config, runs)
        queue_grid(study, config)
        while study.get_trials(states=(TrialState.WAITING,)):
            begun = study.ask()
            if begun.suggest_categorical("imbalance", ["none", "class_weights", "smote"]) != "smote":
                study.tell(begun, 0.9)
                continue
            for name, value in said.items():
                begun.set_user_attr(name, value)
            study.tell(begun, state=TrialState.FAIL)
            deaths += 1
    assert (deaths, full(study, config, runs)) == (3, True)
    queue_grid(study, config)
    assert not study.get_trials(states=(TrialState.WAITING,))
    rows = {row.settings: row.ended for row in conclude_study(StudyConfig(study=opened.study), at(deployment)).grid}
    assert rows["imbalance smote"] == "its worker died twice"
    assert len(rows) == 3


def test_a_combination_that_is_under_way_on_another_machine_is_named_where_a_search_is_concluded(deployment):
    opened = open_study(tuning(deployment, **GRID, seed=80), at(deployment))
    study, _ = load_study(opened.study, deployment)
    for number in range(3):
        begun = study.ask()
        begun.set_user_attr("worker", {**this_process(), "host": "another"})
        imbalance = begun.suggest_categorical("imbalance", ["none", "class_weights", "smote"])
        if number < 2:
            study.tell(begun, 0.9)
    found = conclude_study(StudyConfig(study=opened.study), at(deployment))
    assert {row.settings: row.ended for row in found.grid}[f"imbalance {imbalance}"] == "under way"
    assert found.sentences()[1] == f"3 combinations tried; not to their end: imbalance {imbalance}."


def test_a_grid_is_full_when_each_combination_was_begun_and_not_when_as_many_trials_were(deployment):
    opened = open_study(tuning(deployment, **GRID, seed=78), at(deployment))
    study, config = load_study(opened.study, deployment)
    queued = study.get_trials()
    assert sorted(one.system_attrs["fixed_params"]["imbalance"] for one in queued) == ["class_weights", "none", "smote"]
    queue_grid(study, config)  # as each worker does
    assert len(study.get_trials()) == 3
    study.enqueue_trial(queued[0].system_attrs["fixed_params"])  # twice, as workers did that began at once
    runs = StudyRuns(deployment)
    for begun in (3, 4):
        assert not full(study, config, runs)
        while len([one for one in study.get_trials() if one.state == TrialState.RUNNING]) < begun:
            study.ask()
        if begun == 3:
            study.tell(2, state=TrialState.FAIL)
            queue_grid(study, config)
            study.ask()
    assert full(study, config, runs)


def test_a_name_stands_for_one_question_only(deployment):
    open_study(tuning(deployment, study="mine"), at(deployment))
    open_study(tuning(deployment, study="mine", trials=50, workers=3), at(deployment))
    with pytest.raises(ContractError, match="the study 'mine' searches from other settings"):
        open_study(tuning(deployment, study="mine", seed=4), at(deployment))


def test_an_unknown_study_and_an_unknown_snapshot_are_refused_with_the_remedy(deployment):
    with pytest.raises(ContractError, match=r"no study 'yours'; open are: .*`sentiment tune`"):
        search(StudyConfig(study="yours"), at(deployment))
    with pytest.raises(ContractError, match=r"no snapshot 'none'; make one with `sentiment snapshot`"):
        open_study(tuning(deployment, snapshot="none"), at(deployment))


def test_a_worker_without_the_encoder_of_the_search_says_so_before_it_begins_a_trial(deployment, tmp_path):
    lost = tuning(deployment, family="encoder", encoder=str(tmp_path / "nowhere"), study="nowhere", seed=9)
    opened = open_study(lost, at(deployment))
    with pytest.raises(ContractError, match="nowhere' cannot be loaded: there is no such folder"):
        search(StudyConfig(study=opened.study), at(deployment))
    assert load_study(opened.study, deployment)[0].get_trials() == []


@pytest.mark.parametrize("at_once", [True, False], ids=["before the first trial", "while one begins"])
def test_a_number_format_that_a_machine_cannot_train_in_is_said_and_is_no_dead_worker(deployment, monkeypatch, at_once):
    config = tuning(deployment, family="gru", buckets=2**18, precision="fp16", study=f"fp16-{at_once}", trials=1)
    opened = open_study(config, at(deployment))
    if not at_once:  # as where the format goes with what a trial varies
        monkeypatch.setattr("sentiment.tuning.search.training_precision", lambda *_: "fp16")
    with pytest.raises(ContractError, match="fp16 needs a GPU"):
        search(StudyConfig(study=opened.study), at(deployment))
    stopped = [one.user_attrs["stopped"] for one in load_study(opened.study, deployment)[0].get_trials()]
    assert stopped == ([] if at_once else ["precision fp16 needs a GPU; choose auto, bf16 or fp32"])


def test_random_and_tpe_choose_alike_at_first_and_differently_when_there_is_something_to_learn(deployment, tmp_path):
    def chosen(sampler: str) -> list[float]:
        # The score is the setting itself, so that no training is needed and TPE has something to learn.
        home = deployment.model_copy(update={"studies": str(tmp_path / f"{sampler}.journal")})
        opened = open_study(tuning(home, sampler=sampler, trials=20), at(home))
        study, config = load_study(opened.study, home)
        study.optimize(lambda one: trial.suggest(config, one).inverse_regularisation, n_trials=20)
        return [one.value for one in study.get_trials()]

    random, tpe = chosen("random"), chosen("tpe")
    assert random[:7] == tpe[:7]
    assert sum(tpe[7:]) / 13 > 1.3 * sum(random[7:]) / 13


# --- Trials that end early --------------------------------------------------------------------------------------------


def test_a_trial_that_falls_behind_is_pruned_at_a_validation_and_one_that_leads_is_not(deployment, monkeypatch):
    curves = {0: [0.6, 0.8, 0.9, 0.92], 1: [0.5, 0.5, 0.5, 0.5], 2: [0.7, 0.85, 0.91, 0.93]}

    def fit(config: TrainConfig, train: Any, validation: Any, workdir: Path, settings: Settings, on_log: Any) -> None:
        for number, score in enumerate(curves[int(workdir.name.removeprefix("trial-"))], 1):
            on_log({"step": 10 * number, "epoch": number / 4, "eval_macro_f1": score})

    monkeypatch.setattr(trial, "fit", fit)
    config = tuning(deployment, family="encoder", trials=3)
    result = searched_for(config, deployment)
    assert states_of(result, deployment) == ["complete", "pruned", "complete"]
    assert [one.value for one in trials_of(result, deployment)] == [0.92, 0.5, 0.93]
    behind = runs_of(result)["trial-1"]
    assert (behind.info.status, behind.data.tags["sentiment.state"]) == ("FINISHED", "pruned")
    assert [one.step for one in mlflow.MlflowClient().get_metric_history(behind.info.run_id, "eval_macro_f1")] == [10]
    never = searched_for(config.model_copy(update={"prune": False}), deployment)
    assert states_of(never, deployment) == ["complete"] * 3


def test_a_real_training_stops_in_the_middle_when_it_is_pruned(deployment, monkeypatch):
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda self: self.number == 1)
    result = searched_for(tuning(deployment, family="encoder", trials=2, epochs=0.5), deployment)
    assert states_of(result, deployment) == ["complete", "pruned"]
    first, second = trials_of(result, deployment)
    assert (len(first.intermediate_values), len(second.intermediate_values)) == (3, 1)
    assert not list((deployment.home / "tuning" / result.run_id).glob("trial-*"))


def test_a_loss_that_is_no_number_and_a_full_memory_fail_their_trials_and_the_study_goes_on(deployment, monkeypatch):
    import torch

    nan = ContractError("the loss became nan at step 3 with learning_rate=0.001; lower the learning rate")
    plant(monkeypatch, {0: nan, 1: torch.OutOfMemoryError("CUDA out of memory"), 2: MemoryError("no more")})
    result = searched_for(tuning(deployment, trials=4, seed=1), deployment)
    assert states_of(result, deployment) == ["fail", "fail", "fail", "complete"]
    runs = [run for _, run in sorted(runs_of(result).items())]
    assert [run.info.status for run in runs] == ["FAILED"] * 3 + ["FINISHED"]
    errors = [run.data.tags.get("sentiment.error") for run in runs]
    assert errors == [str(nan), "OutOfMemoryError: CUDA out of memory", "MemoryError: no more", None]


def test_a_study_in_which_nothing_was_completed_fails_with_the_commonest_reason(deployment):
    hopeless = {"learning_rate_low": 1e30, "learning_rate_high": 1e30}
    config = tuning(deployment, family="encoder", trials=1, epochs=0.2, **hopeless)
    told = r"was completed: 1 of 1 ended so: .*(nan|NaN).* step \d+ .*learning_rate=1e\+30"
    with pytest.raises(ContractError, match=told):
        tune(config, at(deployment))
    run = mlflow.get_run(open_study(config, at(deployment)).run_id)
    assert "learning_rate=1e+30" in run.data.tags["sentiment.error"]


@pytest.mark.parametrize(("where", "seed"), [("begin", 3), ("handle", 4)])
def test_an_mlflow_that_is_away_stops_the_worker_and_costs_the_study_no_trial(deployment, monkeypatch, where, seed):
    config = tuning(deployment, trials=2, seed=seed)
    opened = open_study(config, at(deployment))

    def away(*_: Any, **__: Any) -> str:
        raise UnavailableError("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr(f"sentiment.stores.registry.studies.StudyRuns.{where}", away)
        with pytest.raises(UnavailableError):
            search(StudyConfig(study=opened.study), at(deployment))
    assert search(StudyConfig(study=opened.study), at(deployment)).trained == 2


@pytest.mark.parametrize("state", ["complete", "pruned", "failed"])
def test_a_trial_that_ends_while_mlflow_is_away_counts_and_its_run_ends_with_the_search(deployment, monkeypatch, state):
    def fit(config: TrainConfig, train: Any, validation: Any, workdir: Path, settings: Settings, on_log: Any) -> None:
        second = workdir.name == "trial-1"
        monkeypatch.setattr(optuna.Trial, "should_prune", lambda _: second and state == "pruned")
        on_log({"step": 1, "epoch": config.epochs / 2, "eval_macro_f1": 0.9})
        if second and state == "failed":
            raise MemoryError("no more")

    monkeypatch.setattr(trial, "fit", fit)
    opened = open_study(tuning(deployment, trials=2, study=f"away-{state}"), at(deployment))
    real, away = StudyRuns.end, set()

    def end(runs: StudyRuns, run_id: str, *given: str) -> None:
        if run_id not in away:
            away.add(run_id)
            raise UnavailableError("MLflow is away")
        real(runs, run_id, *given)

    monkeypatch.setattr(StudyRuns, "end", end)
    search(StudyConfig(study=opened.study), at(deployment))
    assert states_of(opened, deployment) == ["complete", state.replace("failed", "fail")]
    assert {run.info.status for run in runs_of(opened).values()} == {"RUNNING"}
    monkeypatch.setattr(StudyRuns, "end", real)
    conclude_study(StudyConfig(study=opened.study), at(deployment))
    assert [run.data.tags["sentiment.state"] for _, run in sorted(runs_of(opened).items())] == ["complete", state]
    assert "RUNNING" not in {run.info.status for run in runs_of(opened).values()}


def test_a_combination_is_not_given_up_because_mlflow_was_away_when_its_trials_began(deployment, monkeypatch):
    opened = open_study(tuning(deployment, **GRID, seed=81), at(deployment))

    def away(*_: Any, **__: Any) -> str:
        raise UnavailableError("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr(StudyRuns, "begin", away)
        for _ in range(6):
            with pytest.raises(UnavailableError):
                search(StudyConfig(study=opened.study), at(deployment))
    study, config = load_study(opened.study, deployment)
    assert len(study.get_trials(states=(TrialState.FAIL,))) == 6
    assert given_up(study.get_trials()) == {}
    assert not full(study, config, StudyRuns(deployment))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
def test_what_is_no_fault_of_a_trial_stops_the_worker_and_costs_the_study_no_trial(deployment, monkeypatch, error):
    config = tuning(deployment, trials=2, seed=40 + isinstance(error, OSError))
    opened = open_study(config, at(deployment))
    with monkeypatch.context() as patch:
        plant(patch, {0: error})
        with pytest.raises(type(error)):
            search(StudyConfig(study=opened.study), at(deployment))
    run = runs_of(opened)["trial-0"]
    said = "OSError: [Errno 28] No space left on device" if isinstance(error, OSError) else "it was interrupted"
    assert (run.info.status, run.data.tags["sentiment.error"]) == ("FAILED", said)
    first = load_study(opened.study, deployment)[0].get_trials()[0]
    assert first.user_attrs["stopped"] == said
    if first.state == TrialState.RUNNING:  # of this process, which lives on
        load_study(opened.study, deployment)[0].tell(0, state=TrialState.FAIL)
    assert search(StudyConfig(study=opened.study), at(deployment)).trained == 2


# --- Workers ----------------------------------------------------------------------------------------------------------


def abandon(settings: Settings, study_name: str, worker: dict[str, Any]) -> optuna.Trial:
    """Begin a trial as a worker that will not come back."""
    study, _ = load_study(study_name, settings)
    begun = study.ask()
    begun.set_user_attr("worker", worker)
    return begun


@pytest.mark.parametrize("place", ["", "studies.journal"])
def test_the_trial_of_a_dead_process_fails_at_once_and_that_of_a_living_one_goes_on(deployment, place, tmp_path):
    settings = deployment.model_copy(update={"studies": place and str(tmp_path / place)})
    config = tuning(settings, trials=3, seed=5)
    opened = open_study(config, at(settings))
    parent = psutil.Process(os.getppid())
    alive = {**this_process(), "pid": parent.pid, "started": parent.create_time()}
    abandon(settings, opened.study, {**this_process(), "started": 0.0})
    abandon(settings, opened.study, alive)
    assert search(StudyConfig(study=opened.study), at(settings)).trained == 2
    assert states_of(opened, settings) == ["fail", "running", "complete", "complete"]


@pytest.mark.parametrize("gone", ["deleted", "purged"])
def test_a_dead_trial_whose_run_somebody_deleted_is_left_so_and_the_study_goes_on(deployment, gone):
    opened, runs = open_study(tuning(deployment, study=gone), at(deployment)), StudyRuns(deployment)
    dead = abandon(deployment, opened.study, {**this_process(), "started": 0.0})
    run_id = runs.begin("trial-0", {}, {}, at(deployment), opened.run_id).run_id if gone == "deleted" else 32 * "0"
    dead.set_user_attr("run_id", run_id)
    if gone == "deleted":
        mlflow.MlflowClient().delete_run(run_id)
    study, config = load_study(opened.study, deployment)
    assert not full(study, config, runs)
    assert states_of(opened, deployment) == ["fail"]


@pytest.mark.parametrize("place", ["", "studies.journal"])
def test_two_workers_may_find_the_same_dead_trial(deployment, place, tmp_path, monkeypatch):
    settings = deployment.model_copy(update={"studies": place and str(tmp_path / place)})
    name = open_study(tuning(settings, trials=1, seed=9), at(settings)).study
    number = abandon(settings, name, {**this_process(), "started": 0.0}).number
    tell = optuna.Study.tell

    def behind_the_other(study: optuna.Study, *args: Any, **words: Any) -> Any:
        monkeypatch.setattr(optuna.Study, "tell", tell)
        fail_abandoned(load_study(name, settings)[0], StudyRuns(settings))
        # What optuna looks at before it writes is what it saw then.
        study._storage.set_trial_state_values(study.trials[number]._trial_id, TrialState.FAIL)

    monkeypatch.setattr(optuna.Study, "tell", behind_the_other)
    fail_abandoned(load_study(name, settings)[0], StudyRuns(settings))
    assert [one.state.name for one in load_study(name, settings)[0].get_trials()] == ["FAIL"]


def test_a_worker_that_is_killed_costs_its_trial_and_the_others_finish_the_study(deployment, monkeypatch):
    killed: list[int] = []

    def kill_the_first(step: str, done: int = 0, total: int = 0) -> None:
        if killed or step != "trials":
            return
        for one in load_study(name, deployment)[0].get_trials(states=(TrialState.RUNNING,)):
            # One that has just begun will not end before the signal comes.
            if "run_id" in one.user_attrs and not one.intermediate_values:
                killed.append(one.number)
                os.kill(one.user_attrs["worker"]["pid"], signal.SIGKILL)
                return

    monkeypatch.setattr(processes, "LOOK_EVERY", 0.1)
    config = tuning(deployment, family="encoder", epochs=2, evaluations=2, trials=2, workers=2, prune=False, seed=6)
    name = open_study(config, at(deployment)).study
    result = tune(config, at(deployment, kill_the_first))
    assert len(killed) == 1
    # Workers that ask at the same moment may begin one trial more.
    assert result.trials["complete"] in {2, 3}
    assert result.trials["fail"] == 1
    run = runs_of(result)[f"trial-{killed[0]}"]
    assert (run.info.status, run.data.tags["sentiment.error"]) == ("FAILED", "its worker died")
    # Of a killed trial nothing is gone on with.
    assert [one.name for one in (deployment.home / "tuning" / result.run_id).glob("trial-*")] == []


def test_an_address_that_opens_nothing_is_refused_without_its_password(deployment):
    wrong = deployment.model_copy(update={"studies": "postgres://me:secret@127.0.0.1:1/studies"})
    with pytest.raises(ContractError, match="set SENTIMENT_STUDIES") as error:
        open_study(tuning(wrong), at(wrong))
    assert "secret" not in str(error.value)


def test_a_database_of_studies_that_does_not_answer_is_an_outage(deployment):
    away = deployment.model_copy(update={"studies": "postgresql://me:secret@127.0.0.1:1/studies"})
    with pytest.raises(UnavailableError, match="the database of the studies does not answer") as error:
        open_study(tuning(away), at(away))
    assert "secret" not in str(error.value)


def test_a_database_of_studies_that_goes_away_during_a_search_is_an_outage_that_says_how_to_go_on(
    deployment, monkeypatch
):
    config = tuning(deployment, study="left", trials=2)
    begun = open_study(config, at(deployment))
    opened = StudyConfig(study=begun.study)

    def away(*_: Any, **__: Any) -> Any:
        raise optuna.exceptions.StorageInternalError("secret")

    monkeypatch.setattr(optuna.Study, "get_trials", away)
    monkeypatch.setattr(processes, "open_study", lambda *_: begun)
    gone = "the database of the studies does not answer any more"
    for step in (lambda: search(opened, at(deployment)), lambda: conclude_study(opened, at(deployment))):
        with pytest.raises(UnavailableError, match=gone) as error:
            step()
        assert "secret" not in str(error.value)
    with pytest.raises(UnavailableError, match=f"{gone}.*; the same command with --snapshot tiny goes on with .* left"):
        tune(config, at(deployment))


def test_who_waits_for_workers_looks_again_where_the_database_of_the_studies_was_away(
    deployment, monkeypatch, tmp_path
):
    name = open_study(tuning(deployment, study="waited", trials=2), at(deployment)).study
    looks = [optuna.exceptions.StorageInternalError("away"), 1]

    class Worker:
        returncode = 0

        def poll(self) -> int | None:
            return None if looks else 0

    def finished(_: optuna.Study) -> int:
        if isinstance(look := looks.pop(0), Exception):
            raise look
        return look

    shown: list[int] = []
    monkeypatch.setattr(processes, "finished", finished)
    monkeypatch.setattr(processes, "LOOK_EVERY", 0)
    waiting = at(deployment, lambda step, done=0, total=0: shown.append(done))
    processes._wait([Worker()], StudyConfig(study=name), tmp_path, waiting)
    assert shown == [1]


def test_two_machines_that_open_a_study_at_once_have_one_run_and_queue_the_grid_once(deployment, monkeypatch):
    config, real, begun = tuning(deployment, **GRID, study="both"), StudyRuns.begin, []

    def begin(runs: StudyRuns, *given: Any) -> Any:
        mine = real(runs, *given)
        begun.append(mine.run_id)
        if len(begun) == 1:  # meanwhile on the other machine
            open_study(config, at(deployment))
        return mine

    monkeypatch.setattr(StudyRuns, "begin", begin)
    opened = open_study(config, at(deployment))
    mine, theirs = begun
    assert (opened.run_id, load_study("both", deployment)[0].user_attrs["run_id"]) == (theirs, theirs)
    assert [mlflow.get_run(one).info.lifecycle_stage for one in (mine, theirs)] == ["deleted", "active"]
    assert len(trials_of(opened, deployment)) == 3


def test_of_two_machines_that_name_a_studys_run_the_last_has_named_it(deployment, monkeypatch):
    theirs, real = StudyRuns(deployment).begin("theirs", {}, {}, at(deployment)).run_id, optuna.Study.set_user_attr

    def overwritten(study: optuna.Study, key: str, value: Any) -> None:
        real(study, key, value)
        if key == "run_id":
            real(study, key, theirs)

    monkeypatch.setattr(optuna.Study, "set_user_attr", overwritten)
    assert open_study(tuning(deployment, study="overwritten"), at(deployment)).run_id == theirs


@pytest.mark.parametrize("error", [KeyboardInterrupt("Ctrl-C"), ContractError("no encoder"), MemoryError("no more")])
def test_the_run_of_a_search_that_breaks_off_has_failed_and_is_gone_on_with(deployment, monkeypatch, error):
    config = tuning(deployment, study=type(error).__name__, trials=1)

    def breaks_off(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(processes, "search", breaks_off)
        with pytest.raises(type(error)):
            tune(config, at(deployment))
    study, _ = load_study(config.study, deployment)
    run = mlflow.get_run(study.user_attrs["run_id"])
    said = {"KeyboardInterrupt": "it was interrupted", "MemoryError": "MemoryError: no more"}
    assert run.info.status == "FAILED"
    assert run.data.tags["sentiment.error"] == said.get(config.study, "no encoder")
    assert open_study(config, at(deployment)).run_id == run.info.run_id
    assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
    StudyRuns(deployment).end(run.info.run_id, "complete")
    run = mlflow.get_run(run.info.run_id)
    assert (run.info.status, run.data.tags["sentiment.state"]) == ("FINISHED", "complete")
    assert "sentiment.error" not in run.data.tags


@pytest.mark.parametrize(
    ("seen", "there", "given"),
    [(None, 0, [None] * 3), (None, 2, ["0", "1", "0"]), ("3, GPU-5", 2, ["3", "GPU-5", "3"]), ("", 0, [None] * 3)],
)
def test_the_workers_of_a_search_take_the_gpus_that_it_sees_in_turn(monkeypatch, seen, there, given):
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert [processes._device(number).get("CUDA_VISIBLE_DEVICES") for number in (1, 2, 3)] == given
