"""Runs every DAG, in the order of a first week, and writes what came of each step to FOLDER/results.json.

It is a program of its own, run by test_dag_runs.py, because Airflow reads its environment once, when it is imported.
`spark-submit` in PATH is a script that counts how often it is called and goes on to the real one.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
PROJECT = Path(__file__).resolve().parents[1]
SUBMITS = FOLDER / "submits.txt"

_errors: dict[str, str] = {}


def main() -> None:
    sys.path[:0] = [str(PROJECT / "include"), str(PROJECT / "plugins"), str(PROJECT / "tests")]
    import tiny
    from sentiment.verbs import verbs
    from sentiment_local.config import SampleConfig
    from verbs_here import done

    reviews = FOLDER / "reviews"
    made = done(verbs()["sample"], SampleConfig(output=reviews, reviews=1500, days=30, daily_days=7))
    first, empty = sorted(made["daily"])[0], made["empty_day"]
    candidate = {"train_reviews": 600, "encoder": str(tiny.write_encoder(FOLDER / "encoder")), "test_reviews": 100}
    # A part of the reviews, so that each seed has its own.
    linear = {**candidate, "family": "linear", "buckets": 2**12, "train_reviews": 300}
    encoder = {**candidate, "family": "encoder", "max_length": 48, "learning_rate": 3e-3, "evaluations": 1}
    # A rate at which the loss is soon no number; its runs fail, the others go on.
    broken = {**encoder, "learning_rate": 1e30, "clip_norm": 0.0}
    # A tiny encoder on few reviews loses more in int8 than a real one may.
    loose = {"max_accuracy_loss": 0.2}

    # Too small to become champion.
    gru = {**candidate, "family": "gru", "vocabulary": 500, "embedding_size": 8, "hidden_size": 8, "evaluations": 1}
    lesson = {"student_settings": gru, "folds": 2, "unlabelled_reviews": 50, "cascade": False, **loose}
    small = {"train_reviews": 100, "evaluation_reviews": 50, "encoder": candidate["encoder"], "max_length": 48}
    search = {"family": "linear", "train_reviews": 600, "test_reviews": 100, "buckets": 2**12, "then": "stop"}

    from airflow.utils.db import initdb

    initdb()
    steps = {
        "import": ("import_history", {"source": str(reviews / "reviews.jsonl.gz")}),
        "import nothing": ("import_history", {"source": str(FOLDER / "absent")}),
        "ingest": ("ingest_reviews", {"day": first}),
        "ingest by logical date": ("ingest_reviews", {}, datetime.fromisoformat(empty).replace(tzinfo=UTC)),
        "no day": ("ingest_reviews", {}),
        "wrong day": ("ingest_reviews", {"day": "23.06.2024"}),
        "no champion": ("score_reviews", {"day": first}),
        "range backwards": ("rescore_range", {"from_day": first, "to_day": "2020-01-01"}),
        "unknown version": ("rescore_range", {"from_day": first, "to_day": first, "model": "99"}),
        "train one": ("train_models", {"candidates": [linear], "seeds": 1, **loose}),
        "train two": ("train_models", {"candidates": [linear, encoder, broken], "seeds": 2, **loose}),
        "score": ("score_reviews", {"day": first}),
        "rescore with version 1": ("rescore_range", {"from_day": "2024-06-20", "to_day": empty, "model": "1"}),
        "search": ("tune_models", {**search, "trials": 2, "workers": 1}),
        "time training": ("benchmark_training", {**small, "family": "encoder", "processes": [1], "repeats": 1}),
    }
    results = {"first": first, "empty": empty, "made": made["daily"]}
    for name, step in steps.items():
        results[name] = run(*step)
    of_one = results["train one"]["results"]["train"][0]["run_id"]
    results["distil"] = run("distil_models", {**lesson, "teacher_settings": linear})
    results["distil from a run"] = run("distil_models", {**lesson, "teacher_run": of_one, "alone": False})
    # Engines run networks, and the champion may be the linear model.
    exported = {export["family"]: str(export["version"]) for export in results["train two"]["results"]["export"]}
    scoring = {
        "model": exported.get("encoder", "champion"),
        "parts": ["engines"],
        "reviews": 50,
        "cores": 1,
        "repeats": 1,
    }
    results["time scoring"] = run("benchmark_scoring", scoring)
    (FOLDER / "results.json").write_text(json.dumps(results, default=str), encoding="utf-8")


def run(name: str, conf: dict[str, Any], logical_date: datetime | None = None) -> dict[str, Any]:
    """Run a DAG by hand and return its state, its tasks' states and results, its errors, and Spark's starts."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import ParamValidationError

    bag = DagBag(str(PROJECT / "dags" / f"{name}.py"))
    dag = bag.dags[name]
    for task in dag.tasks:
        if not task.is_mapped:
            task.on_failure_callback = [_remember]
    _errors.clear()
    before = submits()
    try:
        done = dag.test(run_conf=conf, logical_date=logical_date)
    except ParamValidationError as error:
        return {"dag": name, "state": "refused", "errors": {"form": str(error)}, "submits": submits() - before}
    tasks = [
        {"id": one.task_id, "index": one.map_index, "state": str(one.state), "tries": one.try_number}
        for one in done.get_task_instances()
    ]
    return {
        "dag": name,
        "state": str(done.state),
        "tasks": {task["id"] if task["index"] < 0 else f"{task['id']}[{task['index']}]": task for task in tasks},
        "results": {task["id"]: _results(name, done.run_id, task["id"]) for task in tasks},
        "links": {task["id"]: _results(name, done.run_id, task["id"], "_link_ModelVersionLink") for task in tasks},
        "events": _events(done.run_id),
        "errors": dict(_errors),
        "submits": submits() - before,
    }


def submits() -> int:
    return len(SUBMITS.read_text(encoding="utf-8").splitlines()) if SUBMITS.exists() else 0


def _remember(context: Any) -> None:
    _errors[context["ti"].task_id] = str(context["exception"])


def _results(dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> list[Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        wanted = select(XComModel.value).where(
            XComModel.dag_id == dag_id,
            XComModel.run_id == run_id,
            XComModel.task_id == task_id,
            XComModel.key == key,
        )
        values = session.scalars(wanted.order_by(XComModel.map_index)).all()
    # What a branch returns is the name of a task.
    return [json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value for value in values]


def _events(run_id: str) -> list[dict[str, Any]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id)).all()
        return [{"asset": one.asset.name, "day": one.partition_key} for one in found]


if __name__ == "__main__":
    os.environ["PATH"] = f"{FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}"
    main()
