"""### Time parallel training

Runs from the form alone, and answers how many processes are worth their cost on this deployment.

One epoch over `train_reviews` is timed in each of the numbers of `processes`: data parallel, data parallel in mixed
precision, and (recurrent families) with the network divided over two processes beside that. Each is measured `repeats`
times, in turn, and the medians are shown; every process has `threads` threads, so that more processes are more cores.

The MLflow run has the table (seconds, speed-up, efficiency, reviews a second, start-up apart), the picture, and the
machine. Let nothing else run meanwhile. Under a Spark cluster the processes are executors, and SENTIMENT_HOME must be
a folder that all of them share.
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment_airflow.assets import TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run
from sentiment_benchmarks.verbs import BENCHMARK_TRAINING

with DAG(
    "benchmark_training",
    dag_display_name="8 · Measure parallel training",
    description="How many processes are worth their cost here.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=TASKS,
    tags=["benchmarks"],
    doc_md=__doc__,
) as dag:
    run(BENCHMARK_TRAINING)

attach(form(BENCHMARK_TRAINING), dag)
