"""### Search for better settings

1. `snapshot` pins the reviews, as in *train_models*.
2. `open_study` opens the study of this snapshot and these settings. The same ones are the same study: a search that was
   interrupted, or that shall have more `trials`, goes on.
3. `search` is a task a worker (pool `gpu`), which trains one trial after another until the study has all its `trials`.
   What falls behind at a validation is stopped. A trial that crashes, runs out of memory or meets a loss that is no
   number is failed with the reason, as is one whose worker is killed; the study goes on.
4. `conclude` keeps table and pictures at the study's run (button *MLflow run*) and returns the `best` settings, if any.
5. `then` says what follows. *ask*: `approve` waits for a click on *Approve* (Required Actions), *train*: nobody is
   asked; *train_models*, which must be unpaused, is triggered with the best settings as its one candidate. *stop*: it
   is not. Paused, it fails `train_best`: unpause it, clear `train_best`. Rejected, or unanswered for seven days: clear
   `approve` with *Downstream* to be asked again.

Workers on several machines need a database that all of them reach: set `SENTIMENT_STUDIES`.
"""

from __future__ import annotations

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

from sentiment.datasets.verbs import SNAPSHOT
from sentiment.tuning.verbs import CONCLUDE_STUDY, OPEN_STUDY, SEARCH
from sentiment_airflow.assets import LONG, TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run, run_each
from sentiment_airflow.templates import field_of
from sentiment_airflow.training import SOME
from sentiment_airflow.tuning import THEN, best_of, then, training_form, workers

QUESTION = "Train with the best settings?"

with DAG(
    "tune_models",
    dag_display_name="6 · Search for better settings",
    description="Try settings of a training, and train with the best after your approval.",
    schedule=None,
    default_args=TASKS,
    tags=["models"],
    doc_md=__doc__,
) as dag:
    snapshot = run(SNAPSHOT)
    study = run(OPEN_STUDY, snapshot=field_of(snapshot, "snapshot"))
    search = run_each(SEARCH, workers(study.output))
    # Whatever became of the search's workers; there is nothing to conclude where no study was opened.
    conclude = run(CONCLUDE_STUDY, task_id="conclude", trigger_rule=SOME, study=field_of(study, "study"))
    approve = ApprovalOperator(  # tried again, it would ask for two weeks more whoever did not answer in one
        task_id="approve", subject=QUESTION, body=best_of(conclude), response_timeout=LONG, retries=0
    )
    train_best = TriggerDagRunOperator(
        task_id="train_best",
        trigger_dag_id="train_models",
        trigger_run_id="tuned__{{ run_id }}__{{ dag_run.clear_number }}",
        skip_when_already_exists=True,  # by a try whose answer was lost
        conf=training_form(conclude.output, snapshot.output),
        trigger_rule="none_failed_min_one_success",
        fail_when_dag_is_paused=True,  # else its run would wait for ever, without a word
    )
    snapshot >> study
    [study, search] >> conclude >> then() >> [approve, train_best]
    approve >> train_best

attach(THEN | form(SNAPSHOT, OPEN_STUDY, without=("snapshot",)), dag)
