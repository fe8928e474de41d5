"""What a training's form asks for, and the mapped trainings that come of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast, get_args

from airflow.sdk import Param, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import FIRST_SEED, Family
from sentiment.datasets.results import SnapshotResult
from sentiment.datasets.verbs import SNAPSHOT, require_snapshots
from sentiment.export.verbs import EXPORT
from sentiment.promotion.verbs import COMPARE
from sentiment.stores.registry.entries import is_run_id
from sentiment.training.config.presets import PRESETS
from sentiment.training.config.train import MOST_SEEDS, TrainConfig
from sentiment.training.verbs import TRAIN
from sentiment_airflow.run_inputs import checked, filled_in, is_scheduled, was_cleared
from sentiment_airflow.templates import given, own
from sentiment_airflow.timetables import DELAYED

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
def due(dag_run: Any) -> None:
    """Skip a run that the timetable wanted more than a day ago, and all of its tasks: nobody asked for it.

    One that was cleared somebody asks for.
    """
    run = {"dag_run": dag_run}
    if is_scheduled(run) and not was_cleared(run) and datetime.now(UTC) - dag_run.run_after > DELAYED:
        raise AirflowSkipException(
            f"this run was due at {dag_run.run_after:%Y-%m-%d %H:%M} (UTC), more than a day ago, and is passed over: "
            "trigger one, or clear this one, to train now"
        )


@task
def candidates(snapshot: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the pinned snapshot and one seed after another into each training that the form asks for.

    A candidate that names its snapshot, as the winner of a search does, keeps it, and one that names its repetitions
    is trained so often. What every seed would give the same model is trained once. A model that cannot be trained,
    models that could not be compared and an export that would be refused fail here, hours before their turn.
    """
    require_exportable(params)
    pinned = SNAPSHOT.result.model_validate(snapshot)
    available = {pinned.snapshot: pinned.splits["train"].reviews} if pinned.splits else {}
    trainings, tested = [], {}
    for number, asked in enumerate(params.get("candidates") or _of_form(params), start=1):
        candidate = {"snapshot": pinned.snapshot, **with_family(asked)}
        training = require_trainable(candidate, f"model {number}", pinned.snapshot)
        tested[f"model {number}"] = _tested_on(training, pinned)
        if training.warm_start:
            candidate["warm_start"] = training.warm_start  # the alias may move before the last one's turn
        # JSON Schema takes 2.0 for an integer.
        seeds, first = int(candidate.pop("seeds", None) or params["seeds"]), int(candidate.get("seed", FIRST_SEED))
        if training.gives_one_model(available.get(training.snapshot, math.inf)):
            seeds = 1
        trainings += [{**candidate, "seed": first + more} for more in range(seeds)]
    _require_comparable(tested)
    return trainings


@task
def chosen(comparison: dict[str, Any]) -> list[dict[str, str]]:
    """Return the run of each candidate that is to be exported."""
    return [{"run_id": run} for run in COMPARE.result.model_validate(comparison).runs]


def with_family(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a training with the family of their preset, by which the task is called."""
    published = PRESETS.get(asked.get("preset") or "", {})
    return {**({"family": published["family"]} if published else {}), **asked}


def require_trainable(asked: dict[str, Any], who: str, made: str = "") -> TrainConfig:
    """Return a training; fails at once for settings that are refused, and for a run or a snapshot that is not there.

    The run that it starts from is named by its id. `made` is the snapshot that is there. Whether an encoder or a file
    is there only the machine knows that trains.
    """
    from sentiment.stores.registry.versions import Registry
    from sentiment.training.warm_start import begun_from

    training, context = cast("TrainConfig", checked(TrainConfig, asked, who)), Context.of_process()
    try:
        training = begun_from(training, context)
        require_snapshots({training.snapshot, *training.mixed_snapshots} - {"", made}, context)
        if is_run_id(training.teacher):
            Registry(context.settings).trained(training.teacher)
    except ContractError as error:
        raise AirflowFailException(f"{who} is refused: {error}") from None
    return training


def require_exportable(params: dict[str, Any]) -> None:
    """Fail at once where the form asks for an export that is refused."""
    asked = filled_in({name: params[name] for name in EXPORT.config.model_fields if name in params})
    checked(EXPORT.config, {**asked, "run_id": "of a training"}, "the export")


def _tested_on(training: TrainConfig, pinned: SnapshotResult) -> tuple[str, int]:
    """Return the snapshot that a training is tested on, and on how many of its reviews, as far as that is known."""
    whole = pinned.splits.get("test") if training.snapshot == pinned.snapshot else None
    return training.snapshot, min(training.test_reviews, whole.reviews) if whole else training.test_reviews


def _require_comparable(tested: Mapping[str, tuple[str, int]]) -> None:
    if len({*tested.values()}) > 1:
        on = "; ".join(f"{who} on {reviews:,} of snapshot {snapshot}" for who, (snapshot, reviews) in tested.items())
        raise AirflowFailException(
            f"the models would be tested on different reviews and could not be compared: {on}. Give all of them the "
            "same snapshot and the same test_reviews, or train them in runs of their own"
        )


def _of_form(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the one or two models of the plain fields."""
    asked = [(params[f"{place}_family"], params[f"{place}_reviews"]) for place in ("first", "second")]
    return [
        {"family": family, "train_reviews": reviews}
        | ({} if family == "linear" else {"epochs": params["neural_epochs"]})
        for family, reviews in asked
        if family
    ]
