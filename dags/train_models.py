"""### Train candidates and promote the best

Runs every week, and from the form.

1. `snapshot` pins the reviews in Spark: table version and dates, de-duplicated over all history, labelled by stars,
   split by product and by time. The same question gives the same snapshot.
2. `train` fits each of the `candidates` (pool `gpu`) and leaves parameters, figures, pictures and model in MLflow. A
   try after a crash goes on from the last checkpoint.
3. `export` builds the ONNX bundle, checks its parity on validation reviews, and registers a model version.
4. `promote` compares the best candidate with the linear baseline and the champion on the same test reviews, moves the
   alias `champion` when it is due, and writes the ledger (`promotions`).

`candidates` is a list of training configurations; every field has a default: `{"family": "linear"}` is a whole one.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from airflow.sdk import DAG, Param, task

from sentiment.config import ExportConfig, PromoteConfig, Settings, SnapshotConfig, TrainConfig
from sentiment_airflow.assets import TASKS, WEEKLY
from sentiment_airflow.forms import form
from sentiment_airflow.operators import SparkVerbOperator, VerbOperator

CANDIDATES = [{"family": "linear", "train_reviews": 100_000}, {"family": "encoder", "train_reviews": 12_000}]
# A list of task ids, because of a single export a single id would give its result and no list.
VERSIONS = "{{ ti.xcom_pull(task_ids=['export']) | map(attribute='version') | list | tojson }}"


@task
def candidates(snapshot: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the pinned snapshot into each training configuration of the form."""
    return [{**candidate, "snapshot": snapshot["snapshot"]} for candidate in params["candidates"]]


with DAG(
    "train_models",
    schedule=WEEKLY,
    start_date=datetime.combine(Settings().schedule_from, time.min, UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "candidates": Param(CANDIDATES, type="array", minItems=1, items=TrainConfig.model_json_schema()),
        **form(SnapshotConfig),
        **form(ExportConfig, without=("run_id",)),
        **form(PromoteConfig, without=("versions",)),
    },
    default_args=TASKS,
    tags=["models"],
    doc_md=__doc__,
):
    snapshot = SparkVerbOperator(task_id="snapshot", function="snapshot", config="SnapshotConfig")
    train = VerbOperator.partial(
        task_id="train", function="train", config="TrainConfig", pool="gpu", queue=Settings().train_queue
    ).expand(values=candidates(snapshot.output))
    export = VerbOperator.partial(task_id="export", function="export", config="ExportConfig").expand(
        values=train.output.map(lambda result: {"run_id": result["run_id"]})
    )
    promote = VerbOperator(task_id="promote", function="promote", config="PromoteConfig", values={"versions": VERSIONS})
    export >> promote
