"""The main job on one machine, end to end, through Airflow: import, train, promote, backfill days, report.

It talks to the platform as its users do, through Airflow's API; it runs no stage itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sentiment.config import PROJECT, DemoConfig, ReportConfig, SampleConfig, Settings
from sentiment.local import platform
from sentiment.local.airflow_api import AirflowApi
from sentiment.local.demo_home import landed_days, review_history, use_home
from sentiment.local.doctor import require
from sentiment.local.runs import Runs
from sentiment.progress import OnProgress

DAGS = ("import_history", "ingest_reviews", "train_models", "score_reviews")
# Enough test reviews for half a point of accuracy, few enough for the ten minutes that the demo may take.
_TEST_REVIEWS, _EVALUATION_REVIEWS = 2_000, 1_000
# A gate of 100,000 reviews, the default, would take two minutes more.
_EXPORT = {"parity_reviews": 500, "calibration_reviews": 100, "gate_reviews": 30_000, "gate_validation": 2_000}
_DAGS_SECONDS = 120.0


def run_demo(config: DemoConfig, on_progress: OnProgress) -> dict[str, Any]:
    """Run the demo and return the table of days, the models compared, the seconds of each stage, and the addresses."""
    seconds: dict[str, float] = {}
    settings = _prepared(config, on_progress)
    days = landed_days(settings)[-config.days :]
    with _timed(seconds, "platform"):
        running = platform.start(settings, lambda step: on_progress(step, 0, 0))
    with AirflowApi(running.airflow_url) as airflow:
        airflow.wait_for_dags(DAGS, _DAGS_SECONDS)
        for dag in DAGS:
            airflow.unpause(dag)
        runs = Runs(airflow, running.airflow_url, on_progress)
        with _timed(seconds, "import history"):
            imported = runs.run("import_history", {"source": review_history(settings)}, result_of="import_history")
        with _timed(seconds, "train, export, promote"):
            runs.run("train_models", _training(config), result_of="promote")
        with _timed(seconds, "backfill ingest_reviews"):
            runs.backfill("ingest_reviews", days)
        with _timed(seconds, "backfill score_reviews"):
            runs.backfill("score_reviews", days)
        _forget_waiting_runs(airflow)
    return _summary(config, settings, imported, seconds, running)


def _prepared(config: DemoConfig, on_progress: OnProgress) -> Settings:
    settings = use_home(PROJECT / "var", config.reviews, platform.stop)
    if config.reviews is None and not (settings.home / "reviews" / "daily").is_dir():
        from sentiment.sample.generate import generate

        sample = SampleConfig(output=settings.home / "reviews")
        generate(sample, lambda done, total: on_progress("generating sample reviews, days", done, total))
    if not platform.status(settings).running:
        require(settings)
    return settings


def _training(config: DemoConfig) -> dict[str, Any]:
    sizes = {"test_reviews": _TEST_REVIEWS, "evaluation_reviews": _EVALUATION_REVIEWS}
    return {
        "candidates": [
            {"family": "linear", "train_reviews": config.linear_reviews, **sizes},
            {"family": "encoder", "train_reviews": config.encoder_reviews, **sizes, "evaluations": 1},
        ],
        "seeds": 1,
        **_EXPORT,
    }


def _forget_waiting_runs(airflow: AirflowApi) -> None:
    """Delete the runs that Airflow starts for yesterday when a daily DAG is unpaused: the demo's files are older."""
    for dag in ("ingest_reviews", "score_reviews"):
        for run_id in airflow.active_runs(dag, "scheduled"):
            airflow.delete_run(dag, run_id)


def _summary(
    config: DemoConfig, settings: Settings, imported: Any, seconds: dict[str, float], running: platform.Platform
) -> dict[str, Any]:
    from sentiment.reporting import report_days

    report = report_days(ReportConfig(days=config.days), settings)
    counts = {name: imported[name] for name in ("read", "kept", "duplicate", "rejected")}
    return {
        **report,
        "history": counts,
        "seconds": {stage: round(value) for stage, value in seconds.items()},
        "lake": settings.lake_root,
        "airflow": running.airflow_url,
        "mlflow": running.mlflow_url,
        "stop": "make down",
    }


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - began
