"""### Bring a day's reviews into the lake

Runs every day for the day before, and for any past day through a backfill.

1. `wait_for_files` looks for `DAY.jsonl.gz`, `DAY.csv`, `DAY.parquet` and the like, or files under `DAY/`, in the
   landing (`SENTIMENT_LANDING`), once a minute, without holding a worker; its log says at once where it looked. A file
   is taken when it did not change for half a minute, or at once beside a `_SUCCESS` that is newer than all the rest.
   After 18 hours it fails; by hand, cleared and in a backfill at once where no file of a day more than two days ago
   is there.
2. `ingest` reads them in Spark, validates, cleans and de-duplicates, and writes the day to the table `reviews` in one
   commit; rejected lines go to `quarantine` with reason, file and line. Late reviews, of up to `late_days` before, go
   into the days that they are of; `score_reviews` scores those again.
3. `find_late` and `ingest_late`, in scheduled runs: days of the last sixty whose files came after the sensor gave up,
   or while the scheduler was off. One that fails does not fail the run: the note names it, and the next run tries it.

**It fails and writes nothing** when a file is broken, or when more than `max_bad_share` of the lines are bad.
All files of a day are one delivery: running the day again replaces what came from them before, under whatever names.

Days are days in UTC, and a run's id names the day that it is of. **By hand:** Trigger, and fill in *Day*: the Logical
Date that Airflow fills in is the present moment, and a run of a day that has not ended is refused. **A range:** Trigger
> Backfill, choose the dates, the last one is included, and leave *Day* empty. The run's note counts what came in.
"""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from sentiment.ingest.verbs import INGEST
from sentiment.views.days import absent_files, missing_files
from sentiment_airflow.assets import FIRST_DAY, TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run, run_each
from sentiment_airflow.sensors import DaySensor, find_late
from sentiment_airflow.templates import given
from sentiment_airflow.timetables import DAILY

with DAG(
    "ingest_reviews",
    dag_display_name="2 · Ingest a day's reviews",
    description="Every day: read the day's files, clean them, and write the table reviews.",
    schedule=DAILY,
    start_date=FIRST_DAY,
    catchup=False,
    max_active_runs=4,
    default_args=TASKS,
    tags=["reviews"],
    doc_md=__doc__,
) as dag:
    wait_for_files = DaySensor(task_id="wait_for_files", lacking=missing_files, absent=absent_files)
    wait_for_files >> run(INGEST)
    late = run_each(INGEST, find_late(), task_id="ingest_late", name=given(INGEST, "day"))
    # A late day that fails has a run of its own, which is red; this one is of its day, and names the other in its note.
    late >> EmptyOperator(task_id="late_days_tried", trigger_rule="all_done")

attach(form(INGEST), dag)
