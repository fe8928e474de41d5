"""What a training's form asks for, and the mapped trainings that come of it."""

from __future__ import annotations

import math
from typing import Any, get_args

from airflow.sdk import Param, task

from sentiment.core.names import FIRST_SEED, Family
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.export.verbs import EXPORT
from sentiment.promotion.verbs import COMPARE
from sentiment.training.config.presets import PRESETS
from sentiment.training.config.train import MOST_SEEDS, TrainConfig
from sentiment.training.verbs import TRAIN
from sentiment_airflow.run_inputs import checked
from sentiment_airflow.templates import given, own

_FAMILIES = list(get_args(Family))
_WHAT = (
    "linear: a minute on a laptop, up to 100,000 reviews. encoder: a pretrained transformer, some 9 reviews a second "
    "and core. lora: the same with adapters. bilstm, lstm, gru: recurrent networks."
)

CANDIDATES: dict[str, Param] = {
    "first_family": Param("linear", type="string", enum=_FAMILIES, title="First model", description=_WHAT),
    "first_reviews": Param(
        100_000,
        type="integer",
        minimum=100,
        title="First model: training reviews",
        description="At most so many, of those that the dates below leave.",
    ),
    "second_family": Param(
        "encoder",
        type=["string", "null"],
        enum=[*_FAMILIES, None],
        title="Second model",
        description="Trained on the same reviews and compared with the first; leave it empty to train one.",
    ),
    "second_reviews": Param(12_000, type="integer", minimum=100, title="Second model: training reviews"),
    # Not `epochs`, which a model of the JSON list has of its own.
    "neural_epochs": Param(
        1.0,
        type="number",
        exclusiveMinimum=0,
        title="Epochs",
        description="Passes over the training reviews; the linear family makes none.",
    ),
    "seeds": Param(
        1,
        type="integer",
        minimum=1,
        maximum=MOST_SEEDS,
        title="Repetitions",
        description="Each model is trained so many times with other seeds, each on a sample of its own, to tell luck "
        "from skill: five take five times as long.",
    ),
    "candidates": Param(
        None,
        type=["array", "null"],
        minItems=1,
        items=TrainConfig.model_json_schema(),
        title="Models to train (JSON)",
        description='In place of the two models above: a list, each entry one model; [{"family": "encoder", '
        '"train_reviews": 50000}] is a whole one. Its fields are those of `sentiment train --help`.',
        section="For experts",
    ),
}
# How the mapped tasks are named: what is trained, and what of it was exported.
TRAINED = (
    f"{given(TRAIN, 'family')}, up to {given(TRAIN, 'train_reviews', ',')} reviews"
    f"{{% if params['seeds'] > 1 or task.values.get('seed', {FIRST_SEED}) != {FIRST_SEED} %}}"
    f", seed {given(TRAIN, 'seed')}{{% endif %}}"
)
EXPORTED = f"{{% if result %}}{own(EXPORT, 'family')}, version {own(EXPORT, 'version')}{{% endif %}}"
# Of the trainings and exports that succeeded; one that failed does not stop the others.
SOME = "all_done_min_one_success"


@task
def candidates(snapshot: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the pinned snapshot and one seed after another into each training that the form asks for.

    A candidate that names its snapshot, as the winner of a search does, keeps it, and one that names its repetitions
    is trained so often. What every seed would give the same model is trained once. An export that would be refused
    fails here, hours before its turn.
    """
    require_exportable(params)
    pinned = SNAPSHOT.result.model_validate(snapshot)
    available = {pinned.snapshot: pinned.splits["train"].reviews} if pinned.splits else {}
    trainings = []
    for asked in params.get("candidates") or _of_form(params):
        candidate = {"snapshot": pinned.snapshot, **with_family(asked)}
        seeds, first = candidate.pop("seeds", None) or params["seeds"], candidate.get("seed", FIRST_SEED)
        if TrainConfig.model_construct(**candidate).gives_one_model(available.get(candidate["snapshot"], math.inf)):
            seeds = 1
        trainings += [{**candidate, "seed": first + number} for number in range(seeds)]
    return trainings


@task
def chosen(comparison: dict[str, Any]) -> list[dict[str, str]]:
    """Return the run of each candidate that is to be exported."""
    return [{"run_id": run} for run in COMPARE.result.model_validate(comparison).runs]


def with_family(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a training with the family of their preset, by which the task is called."""
    published = PRESETS.get(asked.get("preset") or "", {})
    return {**({"family": published["family"]} if published else {}), **asked}


def require_exportable(params: dict[str, Any]) -> None:
    """Fail at once where the form asks for an export that is refused."""
    asked = {name: params[name] for name in EXPORT.config.model_fields if params.get(name) is not None}
    checked(EXPORT.config, {**asked, "run_id": "of a training"}, "the export")


def _of_form(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the one or two models of the plain fields."""
    asked = [(params[f"{place}_family"], params[f"{place}_reviews"]) for place in ("first", "second")]
    return [
        {"family": family, "train_reviews": reviews}
        | ({} if family == "linear" else {"epochs": params["neural_epochs"]})
        for family, reviews in asked
        if family
    ]
