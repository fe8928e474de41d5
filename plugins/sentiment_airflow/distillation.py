"""What the teaching of a small model asks for: its teacher, its student, and the trainings that come of it."""

from __future__ import annotations

from typing import Any, get_args

from airflow.sdk import Param, task

from sentiment.core.config import EXPERTS, TEACHING
from sentiment.core.names import FIRST_SEED, Family
from sentiment.core.settings import Settings
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.training.config.train import TrainConfig
from sentiment.training.verbs import SOFT_LABELS, TRAIN
from sentiment_airflow.templates import given
from sentiment_airflow.training import require_exportable, require_trainable, with_family

_FAMILIES = list(get_args(Family))


def _settings(*without: str) -> dict[str, Any]:
    """Return the schema of a training's fields but these; another field is refused before anything is trained."""
    fields = TrainConfig.model_json_schema()["properties"]
    return {"properties": {name: fields[name] for name in fields if name not in without}, "additionalProperties": False}


LESSON: dict[str, Param] = {
    "teacher_run": Param(
        None,
        type=["string", "null"],
        title="Run of the teacher",
        description="A training in MLflow whose settings and snapshot the teacher has: neither a teacher nor a "
        "snapshot is asked for then. When empty, the teacher below is trained.",
    ),
    "teacher_family": Param(
        "encoder",
        type="string",
        enum=_FAMILIES,
        title="Teacher",
        description="May be too slow to score with. It is trained once to be measured, and once a fold to label.",
    ),
    "teacher_reviews": Param(
        12_000,
        type="integer",
        minimum=100,
        title="Teacher: training reviews",
        description="At most so many, of those that the dates below leave.",
    ),
    "student_family": Param(
        "gru",
        type="string",
        # The linear family learns from labels alone.
        enum=[family for family in _FAMILIES if family != "linear"],
        title="Student",
        description="gru, lstm, bilstm: recurrent networks, quick to score with. encoder, lora: a pretrained "
        "transformer, which a larger one may teach.",
    ),
    "student_reviews": Param(
        12_000,
        type="integer",
        minimum=100,
        title="Student: training reviews",
        description="At most so many. The teacher labels all of them, those too that it was not trained on.",
    ),
    "student_epochs": Param(3.0, type="number", exclusiveMinimum=0, title="Student: epochs"),
    "teacher_epochs": Param(
        1.0,
        type="number",
        exclusiveMinimum=0,
        title="Teacher: epochs",
        description="Passes over the training reviews; the linear family makes none.",
        section=TEACHING["section"],
    ),
    "alone": Param(
        True,
        type="boolean",
        title="Train the student without a teacher too",
        description="Shows what the teacher was worth.",
        section=TEACHING["section"],
    ),
    "teacher_settings": Param(
        None,
        type=["object", "null"],
        # A teacher is nobody's student, has learnt from no review that it labels, and is one run.
        **_settings("teacher", "warm_start", "seeds"),
        title="Teacher (JSON)",
        description='In place of the fields above: {"family": "encoder", "encoder": "FOLDER", "max_length": 256} is a '
        "whole one. Its fields are those of `sentiment train --help`.",
        section=EXPERTS["section"],
    ),
    "student_settings": Param(
        None,
        type=["object", "null"],
        # They are these ones, and the seed is the teacher's: another one draws reviews that have no soft label.
        **_settings("teacher", "snapshot", "seed", "seeds"),
        title="Student (JSON)",
        description='In place of the fields above: {"family": "encoder", "teacher_temperature": 4} is a whole one.',
        section=EXPERTS["section"],
    ),
}
# How the mapped tasks are named.
TEACHER = given(TRAIN, "family")
TAUGHT = (
    f"{given(TRAIN, 'family')}, up to {given(TRAIN, 'train_reviews', ',')} reviews, "
    "{% if task.values.get('teacher') %}taught{% else %}from the stars alone{% endif %}"
)
# As many reviews as the student's, which are the same ones: its seed is the teacher's.
LABELLED = (
    "{{ (params['student_settings'] or {'train_reviews': params['student_reviews']})"
    f".get('train_reviews', {TrainConfig.model_fields['train_reviews'].default}) }}}}"
)


@task.branch
def start(params: dict[str, Any]) -> str:
    """Choose what comes first: the labels, where the form names a run, else the snapshot of a teacher's training.

    Settings that cannot be trained with, and runs and snapshots that are not there, fail here, hours before a student
    would be trained with them; whether an encoder is there only the machine knows that trains.
    """
    require_exportable(params)
    if not params["teacher_run"]:
        require_trainable(_asked("teacher", params), "the teacher")
    require_trainable({**_student(params), "teacher": "soft labels"}, "the student")
    return "soft_labels" if params["teacher_run"] else "snapshot"


@task
def teachers(snapshot: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the one training of the teacher, on the pinned snapshot."""
    return [{"snapshot": SNAPSHOT.result.model_validate(snapshot).snapshot, **_asked("teacher", params)}]


@task
def students(labels: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the student's training, and the same from the stars alone where the form asks for it."""
    soft = SOFT_LABELS.result.model_validate(labels)
    student = {**_student(params), "snapshot": soft.snapshot}
    return [{**student, "teacher": soft.run_id}, *([student] if params["alone"] else [])]


def _student(params: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the student, whose seed draws the reviews that the teacher labels."""
    return {**_asked("student", params), "seed": _seed_of_teacher(params)}


def _seed_of_teacher(params: dict[str, Any]) -> int:
    from sentiment.stores.registry.versions import Registry

    if not params["teacher_run"]:
        return int(_asked("teacher", params).get("seed", FIRST_SEED))
    return int(Registry(Settings()).trained(params["teacher_run"]).params.get("seed", FIRST_SEED))


def _asked(who: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of teacher or student: the JSON object, or what the plain fields say."""
    family = params[f"{who}_family"]
    epochs = {} if family == "linear" else {"epochs": params[f"{who}_epochs"]}
    plain = {"family": family, "train_reviews": params[f"{who}_reviews"], **epochs}
    return with_family(params[f"{who}_settings"] or plain)
