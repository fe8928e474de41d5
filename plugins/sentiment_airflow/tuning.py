"""What a search's form asks for besides the search itself, and what follows from its best settings."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, task

from sentiment.core.settings import Settings
from sentiment.datasets.config import LAKE_FIELDS, SnapshotConfig
from sentiment_airflow.assets import LONG

# Where trials wait, and how long they may take.
SEARCHING = {"pool": "gpu", "queue": Settings().train_queue, "execution_timeout": LONG}
THEN: dict[str, Param] = {
    "then": Param(
        "ask",
        type="string",
        enum=["ask", "train", "stop"],
        title="When done",
        description="ask: wait for your approval (Required Actions), then train with the best settings; train: train "
        "at once; stop: nothing more. A training with them takes as long as in 3 · Train models.",
    )
}
_NEXT = {"ask": "approve", "train": "train_best", "stop": None}


@task
def workers(opened: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each worker what it needs: the study's name, by which it finds all else."""
    return [{"study": opened["study"]}] * int(opened["workers"])


@task.branch
def then(params: dict[str, Any]) -> str | None:
    """Choose the task that follows; those that do not follow are skipped."""
    return _NEXT[params["then"]]


@task
def training_form(concluded: dict[str, Any], snapshot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Fill in the form of train_models: the best settings as its one candidate, on the very snapshot of this search.

    What was left open when the search began is given as it was pinned: an approval may take days, and reviews come in.
    """
    asked = {name: params.get(name) for name in SnapshotConfig.model_fields}
    asked |= {name: snapshot[name] for name in LAKE_FIELDS}
    given = {name: value for name, value in asked.items() if value not in (None, "")}
    return {"candidates": [{**concluded["best"], "snapshot": snapshot["snapshot"]}], **given}
