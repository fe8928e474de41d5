"""The demo as a person runs it: interrupted at three points, called again each time, and once more when it is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECT
from local_platform import wait_until_healthy
from ports import free_port
from sentiment.core.settings import Settings
from sentiment_local import platform
from sentiment_local.config import SampleConfig
from sentiment_local.sample.generate import generate

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.thorough]

SMALL = ("--days", "3", "--linear-reviews", "2000", "--encoder-reviews", "200")
# What the demo says when it is at work on a stage.
POINTS = ("import_history: import_history", "train_models: train[", "score_reviews: days")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    here = Settings(home=tmp_path / "home", airflow_port=free_port(), mlflow_port=free_port(), mlflow_uri="")
    # A sample that is there is the demo's: its own has ten times as many reviews to test and to judge on.
    generate(SampleConfig(output=here.home / "reviews", reviews=2_000, days=20, daily_days=7))
    yield here
    platform.stop(here)


def demo(settings: Settings) -> subprocess.Popen[str]:
    own = {"HOME": settings.home, "AIRFLOW_PORT": settings.airflow_port, "MLFLOW_PORT": settings.mlflow_port}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTIMENT_", "AIRFLOW"))}
    return subprocess.Popen(
        [sys.executable, "-m", "sentiment", "demo", *SMALL, "--json"],
        cwd=PROJECT,
        env={
            **kept,
            **{f"SENTIMENT_{name}": str(value) for name, value in own.items()},
            "SENTIMENT_SPARK_MEMORY": "1g",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted_at(settings: Settings, point: str) -> tuple[int, list[str]]:
    """Press Ctrl-C when the demo says that it is there; return the exit code and all that it said after that."""
    with demo(settings) as running:
        for line in running.stderr:
            if line.startswith(point):
                break
        else:
            pytest.fail(f"the demo ended without {point!r}: exit code {running.wait()}")
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read().splitlines()
        return running.wait(120), rest


def finished(settings: Settings) -> dict[str, Any]:
    with demo(settings) as running:
        out, err = running.communicate(timeout=3600)
    assert running.returncode == 0, err[-3000:]
    return json.loads(out)


def work_done(settings: Settings) -> dict[str, int]:
    """Count what must not be done twice: model versions, and runs of each DAG."""
    from mlflow import MlflowClient

    with platform.open_airflow(settings) as airflow:
        dags = ("import_history", "train_models", "ingest_reviews", "score_reviews")
        runs = {dag: len(airflow.run_ids(dag)) for dag in dags}
    versions = MlflowClient(settings.tracking_uri).search_model_versions("name = 'review-sentiment'")
    return {**runs, "versions": len(versions)}


@pytest.mark.timeout(7200)
def test_an_interrupted_demo_goes_on_and_does_nothing_twice(settings: Settings) -> None:
    for point in POINTS:
        code, said = interrupted_at(settings, point)
        assert code == 130
        assert not [line for line in said if "Traceback" in line]
        assert "the platform stays up" in said[-1]
        wait_until_healthy(settings)
    shown = finished(settings)
    assert len(shown["days"]) == 3
    assert all(day["positive_share"] is None or 0 < day["positive_share"] < 1 for day in shown["days"])
    once = work_done(settings)
    assert once == {"import_history": 1, "train_models": 1, "ingest_reviews": 3, "score_reviews": 3, "versions": 2}
    assert finished(settings)["days"] == shown["days"]
    assert work_done(settings) == once
