"""What a search's form asks for besides the search itself, and what follows from its best settings."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, task

from sentiment.datasets.config import LAKE_FIELDS, SnapshotConfig
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.tuning.verbs import CONCLUDE_STUDY, OPEN_STUDY
from sentiment_airflow.operators import VerbTask
from sentiment_airflow.run_inputs import filled_in
from sentiment_airflow.templates import field_of, result_of

THEN: dict[str, Param] = {
    "then": Param(
        "ask",
        type="string",
        enum=["ask", "train", "stop"],
        title="When done",
        description="ask: wait for your approval (Required Actions), then train with the best settings; train: train "
        "at once; stop: nothing more. 3 · Train models, which does it, must be unpaused.",
    )
}
_NEXT = {"ask": "approve", "train": "train_best", "stop": None}


@task
def workers(opened: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each worker what it needs: the study's name, by which it finds all else."""
    study = OPEN_STUDY.result.model_validate(opened)
    return [{"study": study.study}] * study.workers


@task.branch
def then(params: dict[str, Any]) -> str | None:
    """Choose the task that follows; those that do not follow are skipped."""
    return _NEXT[params["then"]]


@task
def training_form(concluded: dict[str, Any], snapshot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Fill in the form of train_models: the best settings as its one candidate, on the very snapshot of this search.

    What was left open when the search began is given as it was pinned: an approval may take days, and reviews come in.
    """
    best, pinned = CONCLUDE_STUDY.result.model_validate(concluded).best, SNAPSHOT.result.model_validate(snapshot)
    asked = {name: params.get(name) for name in SnapshotConfig.model_fields}
    asked |= pinned.model_dump(mode="json", include=set(LAKE_FIELDS))
    return {"candidates": [{**best, "snapshot": pinned.snapshot}], **filled_in(asked)}


def best_of(conclude: VerbTask) -> str:
    """Return the template of the best settings, as whoever approves them reads them."""
    return (
        f"Macro F1 **{field_of(conclude, 'macro_f1')}** on validation, with\n\n"
        "| setting | value |\n| --- | --- |\n"
        f"{{% for name, value in {result_of(conclude, 'best')}.items() %}}"
        "| {{ name }} | {{ value }} |\n{% endfor %}\n"
        "After the search was cleared and run again this table is still that of the first time; `conclude` says in "
        "its log what will be trained."
    )
