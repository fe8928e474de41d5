"""The DAG distil_models: what follows what, and what teacher and student are asked for."""

import inspect
from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from jinja2 import Environment, StrictUndefined

from sentiment.core.settings import PROJECT, Settings
from sentiment.stores.registry import versions
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.entries import TrainedRun
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment_airflow.distillation import LABELLED, LESSON, start, students, teachers
from sentiment_airflow.forms import belongs
from sentiment_airflow.training import with_family

TEACHER_RUN = "8" * 32
# As the form opens; a run of the DAG in this process leaves what it was asked for in the fields.
OPENED = {name: param.value for name, param in LESSON.items()}
PINNED = {
    **{"snapshot": "s", "dataset": "lake", "bad_rows": 0, "splits": {}},
    **dict.fromkeys(("reviews_version", "from_day", "to_day", "cutoff")),
}
LABELS = {
    **{"run_id": "soft", "teacher": "t", "family": "encoder", "snapshot": "of the teacher", "table": "x", "folds": 3},
    **{"train_reviews": 12_000, "unlabelled_reviews": 900, "accuracy": 0.96, "macro_f1": 0.9, "seconds": 60.0},
}


class FakeRegistry:
    """Has one run, of seed 18."""

    def __init__(self, settings: Settings) -> None:
        pass

    def trained(self, run_id: str) -> TrainedRun:
        if run_id != TEACHER_RUN:
            raise AbsentError(f"MLflow has no run {run_id!r}")
        return TrainedRun(run_id, {"seed": "18"}, {}, {})


@pytest.fixture(autouse=True)
def mlflow(monkeypatch) -> None:
    monkeypatch.setattr(versions, "Registry", FakeRegistry)


@pytest.fixture(scope="module")
def dag() -> Any:
    found = DagBag(str(PROJECT / "dags" / "distil_models.py"))
    assert found.import_errors == {}
    return found.dags["distil_models"]


def called(task: Any, *given: Any) -> Any:
    """Call the function behind a task."""
    return inspect.unwrap(task.function)(*given)


def test_its_steps_follow_one_another_and_a_run_that_is_named_leaves_the_teachers_training_out(dag):
    above = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert above == {
        "start": set(),
        "snapshot": {"start"},
        "teachers": {"snapshot"},
        "train_teacher": {"teachers"},
        "soft_labels": {"start", "train_teacher"},
        "students": {"soft_labels"},
        "train_student": {"students"},
        "compare": {"train_student"},
        "chosen": {"compare"},
        "export": {"chosen"},
        "promote": {"export"},
    }
    assert [called(start, {**OPENED, "teacher_run": run}) for run in (None, TEACHER_RUN)] == ["snapshot", "soft_labels"]
    assert dag.get_task("soft_labels").trigger_rule == "none_failed_min_one_success"


def test_the_form_opens_with_at_most_eight_fields_and_asks_for_the_folds_in_a_closed_section(dag):
    fields = {name: dag.params.get_param(name) for name in dag.params}
    open_ones = [name for name, field in fields.items() if "section" not in field.schema]
    assert open_ones == [*(name for name in LESSON if "section" not in LESSON[name].schema), "from_day", "to_day"]
    assert len(open_ones) <= 8
    assert belongs(fields["folds"], SoftLabelsConfig)
    # The folds of a cross-validation have the same name.
    assert not any(belongs(field, TrainRequest) for field in fields.values())


def test_as_the_form_opens_an_encoder_teaches_a_gru_and_the_same_gru_learns_from_stars_alone():
    (teacher,) = called(teachers, PINNED, OPENED)
    assert teacher == {"family": "encoder", "train_reviews": 12_000, "epochs": 1.0, "snapshot": "s"}
    taught, alone = called(students, LABELS, OPENED)
    assert alone == {
        **{"family": "gru", "train_reviews": 12_000, "epochs": 3.0, "seed": 17},
        "snapshot": "of the teacher",
    }
    assert taught == {**alone, "teacher": "soft"}
    assert called(students, LABELS, {**OPENED, "alone": False}) == [taught]
    for settings in (teacher, taught, alone):
        assert TrainConfig(**settings).family == settings["family"]


def named(task: Any, seeds: int = 2, **values: Any) -> str:
    """Return what a mapped task is called where the form asks for so many seeds, by Airflow's rules for templates."""
    template = Environment(undefined=StrictUndefined).from_string(task.partial_kwargs["map_index_template"])
    return template.render(task=SimpleNamespace(values=values), params={"seeds": seeds})


def test_tasks_are_named_by_what_they_train_whatever_of_it_was_left_to_the_defaults(dag):
    teacher, student = dag.get_task("train_teacher"), dag.get_task("train_student")
    training = DagBag(str(PROJECT / "dags" / "train_models.py")).dags["train_models"].get_task("train")
    assert named(teacher, encoder="FOLDER") == "encoder"
    assert named(student, family="gru", train_reviews=600, teacher="soft") == "gru, up to 600 reviews, taught"
    assert named(student, family="gru") == "gru, up to 12,000 reviews, from the stars alone"
    assert named(training, family="linear", seed=18) == "linear, up to 12,000 reviews, seed 18"
    assert named(training, **with_family({"preset": "lora-polarity"})) == "lora, up to 12,000 reviews, seed 17"
    assert named(training, seeds=1, seed=17) == "encoder, up to 12,000 reviews"
    assert named(training, seeds=1, seed=18) == "encoder, up to 12,000 reviews, seed 18"


def test_a_linear_teacher_has_no_epochs_and_no_student_is_linear():
    (teacher,) = called(teachers, PINNED, {**OPENED, "teacher_family": "linear"})
    assert teacher == {"family": "linear", "train_reviews": 12_000, "snapshot": "s"}
    assert "linear" not in LESSON["student_family"].schema["enum"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"student_settings": {"family": "linear"}}, "the student is refused: the form: the linear family learns from"),
        ({"student_settings": {"folds": 3}}, "the student is refused: the form: the teacher knows the labels of every"),
        ({"student_settings": {"epochs": -1}}, "the student is refused: epochs: Input should be greater than 0"),
        (
            {"student_settings": {"family": "encoder", "warm_start": "7"}},
            "the student is refused: '7' is no id of a run",
        ),
        (
            {"student_settings": {"family": "gru", "mixed_snapshots": ["nowhere"], "mixed_share": 0.1}},
            "the student is refused: there is no snapshot nowhere",
        ),
        ({"teacher_settings": {"family": "gru", "head": "x"}}, "the teacher is refused: head: Input should be"),
    ],
)
def test_a_training_that_would_be_refused_when_its_turn_comes_is_refused_at_the_start(asked, sentence):
    with pytest.raises(AirflowFailException, match=sentence):
        called(start, {**OPENED, **asked})


def test_teacher_and_student_name_no_teacher_of_their_own():
    for name in ("teacher_settings", "student_settings"):
        with pytest.raises(ParamValidationError, match="'teacher' was unexpected"):
            copy(LESSON[name]).resolve({"family": "gru", "teacher": "another"})


def test_a_teacher_starts_from_no_model_that_has_read_what_it_labels_and_a_student_may():
    started = {"family": "encoder", "warm_start": "champion"}
    with pytest.raises(ParamValidationError, match="'warm_start' was unexpected"):
        copy(LESSON["teacher_settings"]).resolve(started)
    assert copy(LESSON["student_settings"]).resolve(started) == started


@pytest.mark.parametrize(
    ("asked", "seed"),
    [
        ({}, TrainConfig().seed),
        ({"teacher_settings": {"family": "linear", "seed": 23}}, 23),
        ({"teacher_run": TEACHER_RUN}, 18),
        ({"teacher_run": TEACHER_RUN, "teacher_settings": {"seed": 23}}, 18),
    ],
)
def test_a_student_draws_with_its_teachers_seed_the_reviews_that_have_a_soft_label_and_is_trained_once(asked, seed):
    assert {one["seed"] for one in called(students, LABELS, {**OPENED, **asked})} == {seed}
    for who, name in (("student", "seed"), ("student", "seeds"), ("teacher", "seeds")):
        with pytest.raises(ParamValidationError, match=f"'{name}' was unexpected"):
            copy(LESSON[f"{who}_settings"]).resolve({"family": "gru", name: 18})


def test_a_run_of_the_teacher_that_is_not_there_is_refused_at_the_start():
    with pytest.raises(AbsentError, match="MLflow has no run"):
        called(start, {**OPENED, "teacher_run": "9" * 32})


def test_a_student_that_failed_leaves_nothing_to_compare_and_so_nothing_to_export(dag):
    assert dag.get_task("compare").trigger_rule == "all_success"


@pytest.mark.parametrize(
    ("asked", "labelled"),
    [
        ({"student_reviews": 500}, 500),
        ({"student_reviews": 500, "student_settings": {"train_reviews": 700}}, 700),
        ({"student_reviews": 500, "student_settings": {"family": "gru"}}, TrainConfig().train_reviews),
    ],
)
def test_as_many_reviews_are_labelled_as_the_student_learns_from(asked, labelled):
    params = {**OPENED, **asked}
    assert Environment(undefined=StrictUndefined).from_string(LABELLED).render(params=params) == str(labelled)
    taught, _ = called(students, LABELS, params)
    assert TrainConfig(**taught).train_reviews == labelled


def test_settings_for_experts_replace_the_plain_fields_and_the_student_keeps_the_snapshot_of_its_labels():
    lora = {"family": "lora", "lora_rank": 4}
    student = {"family": "encoder", "teacher_weight": 0.5}
    with pytest.raises(ParamValidationError, match="'snapshot' was unexpected"):
        copy(LESSON["student_settings"]).resolve({**student, "snapshot": "another"})
    asked = {**OPENED, "teacher_settings": lora, "student_settings": student}
    assert called(teachers, PINNED, asked) == [{**lora, "snapshot": "s"}]
    taught, _ = called(students, LABELS, asked)
    with pytest.raises(ParamValidationError, match="'lora_rnk' was unexpected"):
        copy(LESSON["teacher_settings"]).resolve({"family": "lora", "lora_rnk": 4})
    assert taught == {**student, "seed": 17, "snapshot": "of the teacher", "teacher": "soft"}
