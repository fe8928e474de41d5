"""Each component is killed in the middle of a backfill: all days are done, and equal to those of a quiet run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from local_platform import LANDED, rows, running, runs_of, wait_until_healthy
from sentiment.core.settings import Settings
from sentiment_local import platform, processes
from sentiment_local.states import read_record
from sentiment_local.status import ComponentState, status

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.thorough]

# Who is killed while days are read, and who while they are scored.
KILLED = (("postgres", "mlflow"), ("api-server", "triggerer"), ("scheduler", "dag-processor"))
DAYS = LANDED[:3]
Tables = dict[str, list[dict[str, Any]]]


def tables(settings: Settings) -> Tables:
    return {name: rows(settings, name, DAYS[0], DAYS[-1]) for name in ("REVIEWS", "SCORES", "DAILY_SENTIMENT")}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running(tmp_path_factory.mktemp("platform")) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def quiet(settings: Settings) -> Tables:
    """The tables after a first week's work with nothing in its way."""
    linear = {"family": "linear", "train_reviews": 600, "test_reviews": 100, "evaluation_reviews": 60, "buckets": 4096}
    with platform.open_airflow(settings) as airflow:
        airflow.wait_for_dags(("import_history", "train_models", "ingest_reviews", "score_reviews"))
        for dag in ("import_history", "train_models", "ingest_reviews", "score_reviews"):
            airflow.unpause(dag)
        work = runs_of(settings, airflow)
        history = str(settings.home / "reviews" / "reviews.jsonl.gz")
        work.run("import_history", {"source": history}, "import_history")
        training = {"candidates": [linear], "seeds": 1, "max_accuracy_loss": 0.2}
        assert work.run("train_models", training, "promote")["promoted"]
        # No weekly run makes another champion meanwhile.
        airflow.pause("train_models")
        for dag in ("ingest_reviews", "score_reviews"):
            work.wait(work.backfill(dag, DAYS))
    found = tables(settings)
    assert len(found["SCORES"]) == len(found["REVIEWS"]) > 0
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("reading", "scoring"), KILLED)
def test_a_component_killed_in_the_middle_of_a_backfill_costs_no_day(
    settings: Settings, quiet: Tables, reading: str, scoring: str
) -> None:
    with platform.open_airflow(settings) as airflow:
        work = runs_of(settings, airflow)
        for dag, component in (("ingest_reviews", reading), ("score_reviews", scoring)):
            job = work.backfill(dag, DAYS)
            wait_for_a_task(airflow, job)
            before = state_of(settings, component)
            psutil.Process(before.pid).kill()
            work.wait(job)
            wait_until_healthy(settings)
            after = state_of(settings, component)
            assert after.pid != before.pid
            assert after.restarts > before.restarts
            assert any(component in event for event in status(settings).events)
    assert tables(settings) == quiet


def test_nothing_survives_the_end_of_the_platform(settings: Settings, quiet: Tables) -> None:
    """Last in this file: it ends the platform of the others."""
    record = read_record(settings)
    programs = [record.supervisor, *(one.started for one in record.components)]
    members = {process.pid for program in programs for process in processes.family(program)}
    assert len(members) > len(record.components)
    platform.stop(settings)
    assert not [pid for pid in members if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    here = str(settings.home)
    left = [one.info for one in psutil.process_iter(["pid", "cwd", "status"]) if (one.info["cwd"] or "") == here]
    assert left == []


def state_of(settings: Settings, name: str) -> ComponentState:
    return next(one for one in status(settings).components if one.name == name)


def wait_for_a_task(airflow: Any, job: Any, seconds: float = 300) -> None:
    """Wait until a task of the backfill runs."""
    deadline = time.monotonic() + seconds
    while True:
        job.look()
        running_now = [run for run, state in job.runs().items() if state == "running"]
        if any("running" in airflow.task_states(job.dag, run).values() for run in running_now):
            return
        assert time.monotonic() < deadline
        time.sleep(0.5)
