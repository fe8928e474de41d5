"""The real platform, as its users meet it: servers, the UI's API, spark-submit, backfills. The slowest test of all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

import tiny
from local_platform import LAST_DAY, rows, running, runs_of
from sentiment.core.settings import Settings
from sentiment_local.sample.generate import EMPTY_DAY_FROM_END, SPLIT_DAY_FROM_END

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# One day's reviews come as a folder of two files, and on the day after it nobody wrote one.
DAYS = [LAST_DAY - timedelta(n) for n in (SPLIT_DAY_FROM_END, EMPTY_DAY_FROM_END)]


def tables(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return {name: rows(settings, name, DAYS[0], DAYS[-1]) for name in ("REVIEWS", "SCORES", "DAILY_SENTIMENT")}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("platform")
    tiny.write_encoder(home / "encoder")
    with running(home) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=180, trust_env=False) as client:
        yield client


def test_reviews_come_in_are_scored_and_a_second_backfill_leaves_the_same_rows(
    settings: Settings, http: httpx.Client
) -> None:
    from sentiment_local import platform
    from sentiment_local.components import mlflow_url

    reviews = {"train_reviews": 300, "evaluation_reviews": 60, "test_reviews": 100}
    encoder = {"family": "encoder", "encoder": str(settings.home / "encoder"), "max_length": 32, "epochs": 2, **reviews}
    with platform.open_airflow(settings) as airflow:
        dags = ("import_history", "train_models", "ingest_reviews", "score_reviews")
        airflow.wait_for_dags(dags, timeout=1_800)
        for dag in dags:
            airflow.unpause(dag)
        runs = runs_of(settings, airflow)

        imported = runs.run(
            "import_history", {"source": str(settings.home / "reviews" / "reviews.jsonl.gz")}, "import_history"
        )
        assert imported["read"] == imported["kept"] + imported["duplicate"] + imported["rejected"]
        assert imported["rejected"] > 0

        # The tiny encoder is judged on some 30 validation reviews, where int8 may cost one or two.
        training = {"candidates": [encoder], "seeds": 1, "max_accuracy_loss": 0.2}
        promoted = runs.run("train_models", training, "promote")
        assert (promoted["promoted"], promoted["champion"]) == (True, 1)

        before: dict[str, list[dict[str, Any]]] = {}
        # The empty day once is enough: it leaves no rows that could differ.
        for days in (DAYS, DAYS[:1]):
            for dag in ("ingest_reviews", "score_reviews"):
                runs.wait(runs.backfill(dag, days))
            now = tables(settings)
            assert now == (before or now)
            before = now

        first, last = DAYS
        of_days = airflow.day_runs("score_reviews", first, last)
        assert of_days[first][0].startswith(f"backfill__{first}")
        note = airflow.note("score_reviews", of_days[first][0])
        assert f"{first}: {len(before['SCORES'])} reviews scored by version {promoted['champion']}" in note
        assert "0 rejected" not in airflow.note("import_history", airflow.run_ids("import_history")[0])

        for dag in ("ingest_reviews", "score_reviews"):
            # Unpaused, a daily DAG waits for yesterday; such a run can be put away.
            for run_id in airflow.active_runs(dag, "scheduled"):
                airflow.delete_run(dag, run_id)
            assert airflow.active_runs(dag, "scheduled") == []

        assert len(before["SCORES"]) == len(before["REVIEWS"]) > 0
        assert {row["review_date"] for row in before["SCORES"]} == {DAYS[0]}
        assert {row["model_version"] for row in before["SCORES"]} == {str(promoted["champion"])}

    models = http.get(f"{mlflow_url(settings)}/api/2.0/mlflow/registered-models/get?name=review-sentiment").json()
    aliases = {alias["alias"]: alias["version"] for alias in models["registered_model"]["aliases"]}
    assert aliases["champion"] == str(promoted["champion"])


def test_the_servers_answer_on_loopback_only(settings: Settings) -> None:
    import psutil

    ports = {settings.airflow_port, settings.mlflow_port}
    listening = {
        one.laddr for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port in ports
    }
    assert {address.port for address in listening} == ports
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_neither_a_stranger_nor_a_page_of_another_name_becomes_administrator(
    settings: Settings, http: httpx.Client
) -> None:
    from sentiment_local.components import airflow_url

    address = airflow_url(settings)
    assert http.get(f"{address}/auth/token").status_code == httpx.codes.FORBIDDEN
    assert http.get(f"{address}/api/v2/dags").status_code == httpx.codes.UNAUTHORIZED
    wrong = http.post(f"{address}/auth/token", json={"username": "admin", "password": "admin"})
    assert wrong.status_code == httpx.codes.UNAUTHORIZED
    elsewhere = http.get(f"{address}/api/v2/version", headers={"Host": f"evil.example:{settings.airflow_port}"})
    assert elsewhere.status_code == httpx.codes.BAD_REQUEST
    assert http.get(f"{address}/api/v2/version").is_success


def test_airflows_own_commands_reach_the_database_of_the_platform(settings: Settings) -> None:
    command = [sys.executable, "-m", "sentiment_local.airflow_cli", "pools", "list", "--output", "json"]
    # Nothing but the home says which platform is meant.
    told = {**os.environ, "SENTIMENT_HOME": str(settings.home)}
    listed = subprocess.run(command, env=told, cwd=settings.home, capture_output=True, text=True, check=True).stdout
    assert {"spark", "gpu"} <= {pool["pool"] for pool in json.loads(listed)}


def test_the_home_holds_no_file_that_others_may_read_with_a_secret(settings: Settings) -> None:
    for name in ("airflow/secrets.json", "airflow/passwords.json", "postgres", "postgres/data"):
        assert (settings.home / name).stat().st_mode & 0o077 == 0
