"""### Score a day's reviews

Runs every day for the day before, and for any past day through a backfill.

1. `wait_for_reviews` waits until `ingest_reviews` has written the day, be it without reviews. By hand, cleared and in a
   backfill a day long past that was not ingested, and of which nothing has landed, fails at once, others after 36 h.
2. `resolve_model` decides once which version scores: `champion` or a version number; it fetches and checks the bundle.
   `champion_at_date` (the one in force on that day) is asked again by `score`, for each day that it then scores.
   Without a champion it fails and says how to get one.
3. `score` runs the bundle in Spark and writes the day to `scores` and `daily_sentiment`. A day without reviews is an
   empty success. Days of the last `look_back` whose reviews changed after they were scored (late reviews, a corrected
   file, a deletion) are scored again by the way; a scheduled run scores those too that nobody scored, such as those
   that the scheduler slept through. Scored again, a review whose text and model version are unchanged keeps its score;
   with `reuse` off all are computed anew. With a version of your choice, or another option of scoring, in a backfill,
   and where its task was cleared, the day alone is scored. The log says every five seconds how far it is.

Days are days in UTC, and a run's id names the day that it is of. **By hand:** Trigger, and fill in *Day*. **A range:**
Trigger > Backfill, choose the dates, and leave *Day* empty. **A range with a version of your choice:** use *Score a
range again* (`rescore_range`). In a backfill Airflow sends the fields of the form only when **Override parameters on
existing runs** is ticked, for new runs too; without the tick the champion scores new days, and a day that ran before
keeps what was chosen then. The run's note names the version.
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment.scoring.verbs import RESOLVE_MODEL, SCORE
from sentiment.views.days import absent_reviews, missing_reviews
from sentiment_airflow.assets import FIRST_DAY, TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run
from sentiment_airflow.sensors import REVIEWS_WITHIN, DaySensor
from sentiment_airflow.templates import field_of
from sentiment_airflow.timetables import DAILY

# A run that was asked for scores what was asked, and what changed under its scores.
CATCH_UP = "{{ params.catch_up or dag_run.run_type == 'scheduled' }}"
# What `resolve_model` pins does not show any more whether a person chose it, for this day alone. The runs of a backfill
# would all take the same other days, and one that is cleared has the champion of then.
LOOK_BACK = (
    "{{ params.look_back if params.catch_up or params.model == 'champion' and dag_run.run_type != 'backfill' "
    "and not dag_run.clear_number else 0 }}"
)

with DAG(
    "score_reviews",
    dag_display_name="4 · Score a day's reviews",
    description="Every day: put sentiment on the day's reviews with the model in force.",
    schedule=DAILY,
    start_date=FIRST_DAY,
    catchup=False,
    max_active_runs=4,
    default_args=TASKS,
    tags=["scores"],
    doc_md=__doc__,
) as dag:
    wait_for_reviews = DaySensor(
        task_id="wait_for_reviews", lacking=missing_reviews, absent=absent_reviews, timeout=REVIEWS_WITHIN
    )
    resolve_model = run(RESOLVE_MODEL, catch_up=CATCH_UP)
    score = run(SCORE, model=field_of(resolve_model, "pinned"), look_back=LOOK_BACK, catch_up=CATCH_UP)
    wait_for_reviews >> resolve_model >> score

attach(form(SCORE), dag)
