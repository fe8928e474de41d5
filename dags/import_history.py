"""### Import reviews of any number of days

The same validation, cleaning and de-duplication as `ingest_reviews`, in one Spark job and one commit: all of its days
appear together or not at all. `source` is a file (JSON, CSV, TSV or Parquet, packed or not), or a folder or `s3://`
prefix of them. Columns of other programs are found, or named in the section *Files of other programs*; `sentiment
inspect FILE` shows beforehand how a file would be read.

A review that the lake has already is not doubled; days that other files fed keep their rows. The result (XCom of
`import_history`) counts lines read, kept, duplicate and rejected; they add up. It says of how many files they are, and
names what lay there and was not read: archives, spreadsheets, products (`meta_*.jsonl`, packed as gzip or not).
"""

from __future__ import annotations

from airflow.sdk import DAG

from sentiment.ingest.verbs import IMPORT_HISTORY
from sentiment_airflow.assets import TASKS
from sentiment_airflow.forms import attach, form
from sentiment_airflow.operators import run

with DAG(
    "import_history",
    dag_display_name="1 · Import a history",
    description="Bring files of any number of days into the lake, in one Spark job.",
    schedule=None,
    max_active_runs=1,
    default_args=TASKS,
    tags=["reviews"],
    doc_md=__doc__,
) as dag:
    run(IMPORT_HISTORY)

attach(form(IMPORT_HISTORY), dag)
