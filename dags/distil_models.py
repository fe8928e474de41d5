"""### Teach a small model

A large model, the teacher, labels reviews *softly*, by how positive it holds each to be; a small one, the student,
learns from these labels and from the stars, and is quick to score with.

1. `train_teacher` trains the teacher on a new `snapshot` of the reviews, as *train_models* does (pool `gpu`). With *Run
   of the teacher*, a training that is there already, both are skipped.
2. `soft_labels` trains a teacher a fold, each without the products that it then labels, and tells in its log how far it
   is. A try after a crash goes on with the folds that are missing, and the same run is answered at once.
3. `train_student` trains the student with the teacher, and once more from the stars alone, so that `compare` can say
   what the teacher was worth on the same test reviews; it waits for both, and where one fails the run does.
4. `export` and `promote` do as in *train_models*.

As it opens an encoder on 12,000 reviews teaches a GRU; the encoder is trained four times, which is most of the time.
*For experts*, teacher and student each take a whole training configuration. The run's note says what came of it.
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment.datasets.verbs import SNAPSHOT
from sentiment.export.verbs import EXPORT
from sentiment.promotion.verbs import COMPARE, PROMOTE
from sentiment.training.verbs import SOFT_LABELS, TRAIN
from sentiment_airflow.assets import TASKS
from sentiment_airflow.distillation import LABELLED, LESSON, TAUGHT, TEACHER, start, students, teachers
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run, run_each
from sentiment_airflow.templates import fields_of, given_or_first
from sentiment_airflow.training import EXPORTED, SOME, chosen

FORM = form(
    *(SNAPSHOT, SOFT_LABELS, COMPARE, EXPORT, PROMOTE),
    without=("model", "labelled_reviews", "runs", "run_id", "versions"),
    shared=("significance", "margin"),
)

with DAG(
    "distil_models",
    dag_display_name="7 · Teach a small model",
    description="Let a large model teach a small one, and promote the best.",
    schedule=None,
    default_args=TASKS,
    tags=["models"],
    doc_md=__doc__,
) as dag:
    snapshot = run(SNAPSHOT)
    teacher = run_each(TRAIN, teachers(snapshot.output), task_id="train_teacher", name=TEACHER)
    labels = run(
        SOFT_LABELS,
        trigger_rule="none_failed_min_one_success",  # after a teacher's training, or past it
        model=given_or_first("teacher_run", teacher, "run_id"),
        labelled_reviews=LABELLED,
    )
    student = run_each(TRAIN, students(labels.output), task_id="train_student", name=TAUGHT)
    compare = run(COMPARE, runs=fields_of(student, "run_id"))
    export = run_each(EXPORT, chosen(compare.output), name=EXPORTED)
    promote = run(PROMOTE, trigger_rule=SOME, versions=fields_of(export, "version"))
    start() >> [snapshot, labels]
    teacher >> labels
    student >> compare
    export >> promote

attach(LESSON | FORM, dag)
