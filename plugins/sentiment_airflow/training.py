"""What a training's form asks for, and the mapped trainings that come of it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, task

from sentiment.config import TrainConfig

_DEFAULT = [{"family": "linear", "train_reviews": 100_000}, {"family": "encoder", "train_reviews": 12_000}]

CANDIDATES: dict[str, Param] = {
    "candidates": Param(_DEFAULT, type="array", minItems=1, items=TrainConfig.model_json_schema()),
    "seeds": Param(5, type="integer", minimum=1, maximum=20, description="Trainings of each candidate."),
}


@task
def candidates(snapshot: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the pinned snapshot and one seed after another into each training configuration of the form."""
    first = TrainConfig.model_fields["seed"].default
    return [
        {**candidate, "snapshot": snapshot["snapshot"], "seed": candidate.get("seed", first) + number}
        for candidate in params["candidates"]
        for number in range(params["seeds"])
    ]


@task
def chosen(comparison: dict[str, Any]) -> list[dict[str, str]]:
    """Return the run of each candidate that is to be exported."""
    return [{"run_id": run} for run in comparison["runs"]]
