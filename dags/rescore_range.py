"""### Score a range of days again

One start of Spark for all ingested days from `from_day` to `to_day`, inclusive, and one commit for up to 30 days. With
many days it is much faster than a backfill, which starts Spark once a day. `model` is `champion`, `champion_at_date`
(each day by the model that was in force then) or a version number. A review whose text and model version are unchanged
keeps its score; with `reuse` off all are computed anew. The scores of these days are replaced: a review has one score;
the way back is to run it again with `champion`. Days that were never ingested are named in the result and in the run's
note.
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment.scoring.verbs import RESCORE, RESOLVE_MODELS
from sentiment_airflow.assets import TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run
from sentiment_airflow.templates import field_of

with DAG(
    "rescore_range",
    dag_display_name="5 · Score a range again",
    description="Score all days of a range in one Spark session, with a version of your choice.",
    schedule=None,
    max_active_runs=1,
    default_args=TASKS,
    tags=["scores"],
    doc_md=__doc__,
) as dag:
    resolve_model = run(RESOLVE_MODELS, task_id="resolve_model")
    resolve_model >> run(RESCORE, model=field_of(resolve_model, "pinned"))

attach(form(RESCORE), dag)
