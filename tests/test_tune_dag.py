"""The DAG tune_models: what follows what, who waits for whom, and what is handed on to train_models."""

import inspect
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.mappedoperator import MappedOperator

from sentiment.core.settings import PROJECT, Settings
from sentiment.datasets.config import SnapshotConfig
from sentiment.training.config.train import TrainConfig
from sentiment.tuning.config import TuneConfig
from sentiment_airflow.training import candidates
from sentiment_airflow.tuning import then, training_form, workers
from taught import SNAPSHOT, write_snapshot


@pytest.fixture(scope="module")
def dag() -> Any:
    found = DagBag(str(PROJECT / "dags" / "tune_models.py"))
    assert found.import_errors == {}
    return found.dags["tune_models"]


def pinned(**fields: Any) -> dict[str, Any]:
    """What the snapshot's task returns."""
    whole = {"dataset": "lake", "reviews_version": None, "from_day": None, "to_day": None, "cutoff": None}
    return {"snapshot": "s", **whole, "bad_rows": 0, "splits": {}, **fields}


def concluded(**best: Any) -> dict[str, Any]:
    """What the search's last task returns."""
    return {"study": "s", "run_id": "r", "macro_f1": 0.8, "best_trial": 1, "best": best, "trials": {"complete": 2}}


def called(task: Any, *given: Any) -> Any:
    """Call the function behind a task."""
    return inspect.unwrap(task.function)(*given)


def test_it_runs_by_hand_alone_and_asks_for_the_snapshot_the_search_and_what_follows(dag):
    assert dag.schedule is None
    fields = {"then", *SnapshotConfig.model_fields, *TuneConfig.model_fields} - {"snapshot"}
    assert set(dag.params) == fields
    assert (dag.params["then"], dag.params["trials"], dag.params["sampler"]) == ("ask", 12, "tpe")


def test_its_steps_follow_one_another(dag):
    above = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert above == {
        "snapshot": set(),
        "open_study": {"snapshot"},
        "workers": {"open_study"},
        "search": {"workers"},
        "conclude": {"open_study", "search"},
        "then": {"conclude"},
        "training_form": {"conclude", "snapshot"},
        "approve": {"then"},
        "train_best": {"approve", "then", "training_form"},
    }


def test_each_worker_is_a_task_and_a_dead_one_does_not_keep_the_study_from_its_conclusion(dag):
    search, conclude = dag.get_task("search"), dag.get_task("conclude")
    assert isinstance(search, MappedOperator)
    assert search.partial_kwargs["pool"] == "gpu"
    # One success is enough, that of the study's opening; where that failed, there is nothing to conclude.
    assert conclude.trigger_rule == "all_done_min_one_success"
    assert (
        called(workers, {"study": "s", "workers": 3, "trials": 12, "snapshot": "of it", "run_id": "r"})
        == [{"study": "s"}] * 3
    )


def test_nobody_trains_who_has_not_been_asked_unless_the_form_says_so(dag):
    assert [called(then, {"then": choice}) for choice in ("ask", "train", "stop")] == ["approve", "train_best", None]
    # After `approve`, or past it; a rejection skips the task that follows whatever its rule is.
    assert dag.get_task("train_best").trigger_rule == "none_failed_min_one_success"


def test_who_is_asked_and_does_not_answer_within_a_week_is_not_asked_again(dag):
    approve = dag.get_task("approve")
    assert (approve.response_timeout, approve.retries) == (timedelta(days=7), 0)


@pytest.mark.parametrize("name", ["folds", "fold_reviews", "test_reviews"])
def test_what_no_trial_makes_use_of_is_handed_on_with_the_best_settings_and_says_so(dag, name):
    assert getattr(TuneConfig(**{name: 150 if name != "folds" else 5}).candidate(), name) in {5, 150}
    for said in (TuneConfig.model_fields[name].description, dag.params.get_param(name).description):
        assert said.startswith("Of the training with the best settings; a trial is judged by validation alone.")


def test_a_search_on_a_data_set_hands_on_its_files():
    asked = {"dataset": "imdb", "source": "/imdb"}
    form = called(training_form, concluded(family="linear"), pinned(dataset="imdb"), asked)
    assert form == {"candidates": [{"family": "linear", "snapshot": "s"}], "dataset": "imdb", "source": "/imdb"}


def test_a_candidate_that_names_its_snapshot_is_trained_on_it(home):
    write_snapshot(Settings())
    for asked, trained_on in (({"snapshot": SNAPSHOT}, SNAPSHOT), ({}, "of this run")):
        params = {"candidates": [{"family": "linear", **asked}], "seeds": 1}
        assert called(candidates, pinned(snapshot="of this run"), params)[0]["snapshot"] == trained_on


def test_the_best_settings_and_the_reviews_of_the_search_become_the_form_of_train_models(dag):
    best = {"family": "encoder", "learning_rate": 3e-5, "snapshot": "s"}
    of_lake = {"reviews_version": 0, "from_day": "2024-01-01", "to_day": "2024-03-01"}
    asked = {"from_day": "2024-01-01", "to_day": None, "min_words": 5, "trials": 12}
    form = called(training_form, concluded(**best), pinned(**of_lake), asked)
    # Approved days later, when reviews came in meanwhile, it is still the snapshot of the search.
    assert form == {"candidates": [best], "min_words": 5, **of_lake}
    assert dag.get_task("train_best").trigger_dag_id == "train_models"
    training = DagBag(str(PROJECT / "dags" / "train_models.py")).dags["train_models"]
    for name, value in form.items():
        # Of a copy: it keeps the value, and all DAG files of this process share the field.
        assert copy(training.params.get_param(name)).resolve(value) == value
    assert TrainConfig(**best).learning_rate == 3e-5
