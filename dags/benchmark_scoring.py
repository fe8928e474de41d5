"""### Measure scoring

Runs from the form alone, and answers how fast this deployment puts sentiment on reviews, and beside whom.

The reviews are test reviews of the model's own snapshot. `parts` says what is measured, each `repeats` times in turn,
medians shown:

- **peers**: the bundle with each engine, cascade on and off, beside what people run today (the `transformers` pipeline,
  plain onnxruntime and OpenVINO, CTranslate2, MLflow's Spark UDF, the published `predict_batch_udf` recipe, VADER,
  TextBlob, TF-IDF), accuracy beside speed, all on `cores` cores. A peer that is not installed has a row that says so:
  `make bench` installs them.
- **engines**: the share of an engine's own speed that reaches the reviews.
- **workers** and **sizes**: the whole job in a process of its own, over numbers of workers and of reviews.
- **masters**: the same reviews on the Spark masters that are named, side by side, and what differs in the tables.
- **latency**: one review cold and warm, and one day in a running session.

The MLflow run has tables, pictures and the machine. Let nothing else run meanwhile; the largest of `sizes` takes the
most time by far.
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment_airflow.assets import TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run
from sentiment_benchmarks.verbs import BENCHMARK_SCORING

with DAG(
    "benchmark_scoring",
    dag_display_name="9 · Measure scoring",
    description="How fast this deployment scores, and beside whom.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=TASKS,
    tags=["benchmarks"],
    doc_md=__doc__,
) as dag:
    run(BENCHMARK_SCORING)

attach(form(BENCHMARK_SCORING), dag)
