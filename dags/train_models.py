"""### Train candidates and promote the best

Runs every Monday (UTC), and from the form.

1. `snapshot` pins the reviews: the lake's (version and dates, de-duplicated over all history, labelled by stars, split
   by product and by time), or those of IMDb or Amazon Polarity in the files that `source` names.
2. `train` fits each model, as many times as *Repetitions* says, (pool `gpu`) and leaves figures, a report and the
   model in MLflow (the task's button *Report*). A try after a crash goes on from the last checkpoint.
3. `compare` says who is better beyond chance, over seeds and on the same test reviews, and chooses the best run of each
   candidate by validation. A training that failed does not stop the others.
4. `export` builds the ONNX bundle, checks its parity on validation reviews, and registers a model version. One that
   fails does not stop the others.
5. `promote` holds the best against the linear baseline and the champion by the promotion rules, moves the alias
   `champion` when it is due, and writes the ledger (`promotions`).

The form asks for one or two models. *For experts*, `candidates` takes a list of whole training configurations instead:
`[{"family": "linear"}]` is one, and `[{"preset": "lora-polarity"}]` starts from published settings. The run's note says
what came of it. Unpaused, it waits for the next Monday; a missed one is made up for within a day, or passed over (by
`due`, where a machine slept: the run's tasks are skipped).
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment.datasets.verbs import SNAPSHOT
from sentiment.export.verbs import EXPORT
from sentiment.promotion.verbs import COMPARE, PROMOTE
from sentiment.training.verbs import TRAIN
from sentiment_airflow.assets import TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run, run_each
from sentiment_airflow.templates import fields_of
from sentiment_airflow.timetables import WEEKLY
from sentiment_airflow.training import CANDIDATES, EXPORTED, SOME, TRAINED, candidates, chosen, due

FORM = form(
    SNAPSHOT, COMPARE, EXPORT, PROMOTE, without=("runs", "run_id", "versions"), shared=("significance", "margin")
)

with DAG(
    "train_models",
    dag_display_name="3 · Train models",
    description="Train one or two models, compare and export them, and promote the best.",
    schedule=WEEKLY,
    catchup=False,
    # One by hand need not wait for the week's; their trainings take turns in the pool.
    max_active_runs=2,
    default_args=TASKS,
    tags=["models"],
    doc_md=__doc__,
) as dag:
    snapshot = run(SNAPSHOT)
    train = run_each(TRAIN, candidates(snapshot.output), name=TRAINED)
    compare = run(COMPARE, trigger_rule=SOME, runs=fields_of(train, "run_id"))
    export = run_each(EXPORT, chosen(compare.output), name=EXPORTED)
    promote = run(PROMOTE, trigger_rule=SOME, versions=fields_of(export, "version"))
    due() >> snapshot
    train >> compare
    export >> promote

attach(CANDIDATES | FORM, dag)
