"""### Train candidates and promote the best

Runs every week, and from the form.

1. `snapshot` pins the reviews: the lake's (version and dates, de-duplicated over all history, labelled by stars, split
   by product and by time), or those of IMDb or Amazon Polarity in the files that `source` names.
2. `train` fits each of the `candidates` with each of `seeds` seeds (pool `gpu`) and leaves figures, a report and the
   model in MLflow (the task's button *Report*). A try after a crash goes on from the last checkpoint.
3. `compare` says who is better beyond chance, over seeds and on the same test reviews, and chooses the best run of each
   candidate by validation. A training that failed does not stop the others.
4. `export` builds the ONNX bundle, checks its parity on validation reviews, and registers a model version.
5. `promote` holds the best against the linear baseline and the champion by the rules of the gate, moves the alias
   `champion` when it is due, and writes the ledger (`promotions`).

`candidates` is a list of training configurations; every field has a default: `{"family": "linear"}` is a whole one, and
`{"preset": "lora-polarity"}` starts from published settings.
"""

from __future__ import annotations

from datetime import UTC, datetime, time

from airflow.sdk import DAG

from sentiment.config import ExportConfig, PromoteConfig, Settings, SnapshotConfig
from sentiment_airflow.assets import TASKS, WEEKLY
from sentiment_airflow.forms import form
from sentiment_airflow.operators import SparkVerbOperator, VerbOperator
from sentiment_airflow.training import CANDIDATES, candidates, chosen

# Lists of task ids, because of a single mapped task a single id would give its result and no list.
RUNS = "{{ ti.xcom_pull(task_ids=['train']) | select | map(attribute='run_id') | list | tojson }}"
VERSIONS = "{{ ti.xcom_pull(task_ids=['export']) | map(attribute='version') | list | tojson }}"

with DAG(
    "train_models",
    schedule=WEEKLY,
    start_date=datetime.combine(Settings().schedule_from, time.min, UTC),
    catchup=False,
    max_active_runs=1,
    params=CANDIDATES | form(SnapshotConfig, ExportConfig, PromoteConfig, without=("run_id", "versions")),
    default_args=TASKS,
    tags=["models"],
    doc_md=__doc__,
):
    snapshot = SparkVerbOperator(task_id="snapshot", function="snapshot", config="SnapshotConfig")
    training = VerbOperator.partial(
        task_id="train", function="train", config="TrainConfig", pool="gpu", queue=Settings().train_queue
    )
    train = training.expand(values=candidates(snapshot.output))
    compare = VerbOperator(
        task_id="compare",
        function="compare",
        config="CompareConfig",
        values={"runs": RUNS},
        trigger_rule="all_done_min_one_success",
    )
    export = VerbOperator.partial(task_id="export", function="export", config="ExportConfig").expand(
        values=chosen(compare.output)
    )
    promote = VerbOperator(task_id="promote", function="promote", config="PromoteConfig", values={"versions": VERSIONS})
    train >> compare
    export >> promote
