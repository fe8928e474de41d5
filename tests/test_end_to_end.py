"""The real platform, as its users meet it: servers, the UI's API, spark-submit, backfills. The slowest test of all."""

from __future__ import annotations

import socket
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import tiny
from sentiment.config import SampleConfig, Settings
from sentiment.sample.generate import EMPTY_DAY_FROM_END, SPLIT_DAY_FROM_END

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LAST_DAY = date(2024, 6, 29)
# One day's reviews come as a folder of two files, and on the day after it nobody wrote one.
DAYS = [LAST_DAY - timedelta(n) for n in (SPLIT_DAY_FROM_END, EMPTY_DAY_FROM_END)]
UNSTABLE = {"scored_at", "run_id", "ingested_at"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    from sentiment.lake import schemas
    from sentiment.lake.tables import Lake

    spec = getattr(schemas, name)
    table = Lake(settings.lake_root).read(spec, (DAYS[0], DAYS[-1]))
    kept = [column for column in table.column_names if column not in UNSTABLE]
    return sorted(table.select(kept).to_pylist(), key=repr)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from sentiment.local import platform
    from sentiment.sample.generate import generate

    home = tmp_path_factory.mktemp("platform")
    generate(SampleConfig(output=home / "reviews", reviews=1_500, days=20, daily_days=7, last_day=LAST_DAY))
    tiny.write_encoder(home / "encoder")
    chosen = Settings(
        home=home,
        landing=str(home / "reviews" / "daily"),
        products=str(home / "reviews"),
        airflow_port=free_port(),
        mlflow_port=free_port(),
        spark_memory="1g",
    )
    platform.start(chosen, lambda step: None)
    yield chosen
    platform.stop(chosen)


def test_reviews_come_in_are_scored_and_a_second_backfill_leaves_the_same_rows(settings: Settings) -> None:
    from sentiment.local.airflow_api import AirflowApi
    from sentiment.local.runs import Runs
    from sentiment.local.servers import airflow_url, mlflow_url

    reviews = {"train_reviews": 300, "evaluation_reviews": 60, "test_reviews": 100}
    encoder = {"family": "encoder", "encoder": str(settings.home / "encoder"), "max_length": 32, "epochs": 2, **reviews}
    with AirflowApi(airflow_url(settings)) as airflow:
        dags = ("import_history", "train_models", "ingest_reviews", "score_reviews")
        airflow.wait_for_dags(dags, 120)
        for dag in dags:
            airflow.unpause(dag)
        runs = Runs(airflow, airflow_url(settings), lambda *_: None)

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
            runs.backfill("ingest_reviews", days)
            runs.backfill("score_reviews", days)
            now = {name: rows(settings, name) for name in ("REVIEWS", "SCORES", "DAILY_SENTIMENT")}
            assert now == (before or now)
            before = now

        for dag in ("ingest_reviews", "score_reviews"):
            # Unpaused, a daily DAG waits for yesterday; such a run can be put away.
            for run_id in airflow.active_runs(dag, "scheduled"):
                airflow.delete_run(dag, run_id)
            assert airflow.active_runs(dag, "scheduled") == []

        assert len(before["SCORES"]) == len(before["REVIEWS"]) > 0
        assert {row["review_date"] for row in before["SCORES"]} == {DAYS[0]}
        assert {row["model_version"] for row in before["SCORES"]} == {str(promoted["champion"])}

    models = httpx.get(f"{mlflow_url(settings)}/api/2.0/mlflow/registered-models/get?name=review-sentiment").json()
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


def test_the_home_holds_no_file_that_others_may_read_with_a_secret(settings: Settings) -> None:
    secrets = Path(settings.home / "airflow" / "secrets.json")
    assert secrets.stat().st_mode & 0o077 == 0
