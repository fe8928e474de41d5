"""Every DAG as Airflow runs it, on generated reviews, with a real spark-submit: a first week in small."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import FOLDERS, without_server
from sentiment.core.names import PREVIOUS_CHAMPION
from sentiment.core.settings import PROJECT, Settings
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, QUARANTINE, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import changes
from sentiment.stores.registry.versions import Registry

pytestmark = [pytest.mark.spark, pytest.mark.slow]

Week = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("week")


@pytest.fixture(scope="module")
def deployment(folder) -> Settings:
    return Settings(home=folder / "home", lake="", mlflow_uri=without_server(folder / "home"), artifacts="")


@pytest.fixture(scope="module")
def week(folder) -> Week:
    """Run all DAGs in a process of their own, with a new Airflow, and return what came of every step."""
    _count_spark_submits(folder)
    done = subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "dag_runs.py"), str(folder)],
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def _count_spark_submits(folder: Path) -> None:
    real = shutil.which("spark-submit", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    script = folder / "bin" / "spark-submit"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/submits.txt\nexec {real} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTIMENT_", "AIRFLOW_"))}
    airflow = {
        "HOME": str(folder / "airflow"),
        "_CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "_CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "_CORE__LOAD_EXAMPLES": "False",
        "_CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    }
    sentiment = {
        "HOME": folder / "home",
        "LANDING": folder / "reviews" / "daily",
        "PRODUCTS": folder / "reviews",
        "SPARK_MEMORY": "1g",
        # Said, so that no .env of this checkout has a word in it.
        **dict.fromkeys(("LAKE", "MLFLOW_PUBLIC_URL", "ARTIFACTS"), ""),
        "MLFLOW_URI": without_server(folder / "home"),
    }
    return {
        **kept,
        **{f"AIRFLOW_{name}": value for name, value in airflow.items()},
        **{f"SENTIMENT_{name}": str(value) for name, value in sentiment.items()},
        "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": FOLDERS,
        "PYSPARK_PYTHON": sys.executable,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
    }


def states(step: dict[str, Any]) -> dict[str, str]:
    return {name: task["state"] for name, task in step["tasks"].items()}


def result(step: dict[str, Any], task: str) -> dict[str, Any]:
    (one,) = step["results"][task]
    return one


def test_a_history_is_imported_in_one_run_and_its_counts_add_up(week, deployment):
    step = week["import"]
    assert (step["state"], step["submits"]) == ("success", 1)
    counts = result(step, "import_history")
    assert counts["read"] == counts["kept"] + counts["duplicate"] + counts["rejected"]
    before = date.fromisoformat(week["first"]) - timedelta(days=1)
    imported = Lake(deployment.lake_root).read(REVIEWS, (date(1990, 1, 1), before))
    assert imported.num_rows == counts["kept"]
    assert Lake(deployment.lake_root).read(QUARANTINE).num_rows >= counts["rejected"] > 0


def test_a_source_without_files_fails_at_once_in_the_words_of_the_contract(week):
    step = week["import nothing"]
    assert step["state"] == "failed"
    assert step["tasks"]["import_history"]["tries"] == 1
    assert (
        "holds no file of reviews (.jsonl, .json, .csv, .tsv or .parquet, packed or not); check the path"
        in step["errors"]["import_history"]
    )


@pytest.mark.parametrize(("name", "day"), [("ingest", "first"), ("ingest by logical date", "empty")])
def test_a_day_is_ingested_from_the_form_or_from_the_logical_date(week, deployment, name, day):
    step, day = week[name], week[day]
    # A run that was asked for looks for no late files.
    rest = {"find_late": "success", "ingest_late": "skipped", "late_days_tried": "success"}
    assert states(step) == {"wait_for_files": "success", "ingest": "success", **rest}
    counts = result(step, "ingest")
    assert counts["day"] == day
    assert counts["read"] == week["made"][day]["lines"]
    on_day = date.fromisoformat(day)
    lake = Lake(deployment.lake_root)
    assert lake.read(REVIEWS, (on_day, on_day)).num_rows == counts["kept"]
    assert lake.written_days(REVIEWS, [on_day]) == {on_day}
    assert step["events"] == [{"asset": "reviews", "day": day}]


def test_a_run_without_a_day_and_a_logical_date_is_told_to_fill_in_the_day(week):
    step = week["no day"]
    assert (step["state"], step["submits"]) == ("failed", 0)
    assert "fill in `day` (YYYY-MM-DD)" in step["errors"]["wait_for_files"]
    assert step["tasks"]["wait_for_files"]["tries"] == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("wrong day", "'23.06.2024' is not a 'date'"),
        ("range backwards", "lies after to_day 2020-01-01; swap them"),
        ("unknown version", "there is no model version 99; registered are: none"),
        ("no champion", "train and promote a model first"),
    ],
)
def test_what_cannot_succeed_is_refused_before_spark_starts(week, name, sentence):
    step = week[name]
    assert step["state"] == ("refused" if name == "wrong day" else "failed")
    assert step["submits"] == 0
    assert sentence in " ".join(step["errors"].values())
    assert all(task["tries"] <= 1 for task in step.get("tasks", {}).values())


def test_a_training_of_one_candidate_gives_the_first_champion(week):
    step = week["train one"]
    assert step["state"] == "success"
    assert [one["version"] for one in step["results"]["export"]] == [1]
    promoted = result(step, "promote")
    assert (promoted["promoted"], promoted["champion"], promoted["previous"]) == (True, 1, None)


def test_a_training_of_two_candidates_compares_them_and_moves_the_alias(week, deployment):
    step = week["train two"]
    assert step["state"] == "success"
    assert [one["family"] for one in step["results"]["train"]] == ["linear", "linear", "encoder", "encoder"]
    compared = result(step, "compare")
    seeds = {one["family"]: one["seeds"] for one in compared["candidates"]}
    assert seeds == {"linear": [17, 18], "encoder": [17, 18]}
    assert len(compared["comparisons"]) == 1
    versions = [one["version"] for one in step["results"]["export"]]
    assert sorted(versions) == [2, 3]
    assert [one["run_id"] for one in step["results"]["export"]] == compared["runs"]
    promoted = result(step, "promote")
    assert [one["version"] for one in promoted["candidates"]] == versions
    assert f"version {promoted['champion'] if promoted['promoted'] else ''}" in promoted["reason"]
    registry, new = Registry(deployment), [promoted["champion"]] if promoted["promoted"] else []
    assert (registry.champion(), registry.alias(PREVIOUS_CHAMPION)) == (promoted["champion"], 1 if new else None)
    assert [version for _, version in changes(Lake(deployment.lake_root))] == [1, *new]


def test_a_training_whose_loss_is_no_number_fails_at_once_by_name_and_leaves_the_others_alone(week, deployment):
    step = week["train two"]
    failed = {name: task for name, task in step["tasks"].items() if task["state"] == "failed"}
    assert sorted(failed) == ["train[4]", "train[5]"]
    assert {task["tries"] for task in failed.values()} == {1}


def test_the_same_question_gives_the_same_snapshot(week):
    one, two = (result(week[name], "snapshot") for name in ("train one", "train two"))
    assert one == two


def test_a_training_run_keeps_the_airflow_run_that_made_it(week, deployment):
    run = Registry(deployment).trained(week["train two"]["results"]["train"][2]["run_id"])
    assert run.tags["sentiment.dag"] == "train_models"
    assert run.tags["sentiment.task"] == "train"
    assert run.params["family"] == "encoder"


def test_a_day_is_scored_by_the_champion_and_announced(week, deployment):
    step, day = week["score"], date.fromisoformat(week["first"])
    assert set(states(step).values()) == {"success"}
    champion = result(week["train two"], "promote")["champion"]
    assert result(step, "resolve_model")["model"] == str(champion)
    counts = result(step, "score")
    assert counts["model_versions"] == [champion]
    assert counts["reviews"] == result(week["ingest"], "ingest")["kept"] > 0
    assert step["events"] == [{"asset": "scores", "day": str(day)}]


def test_a_range_is_scored_anew_by_a_pinned_version_and_names_the_days_that_are_missing(week, deployment):
    step = week["rescore with version 1"]
    assert (step["state"], step["submits"]) == ("success", 1)
    counts = result(step, "rescore")
    assert counts["model_versions"] == [1]
    first, empty = date.fromisoformat(week["first"]), date.fromisoformat(week["empty"])
    between = [str(first + timedelta(n)) for n in range(1, (empty - first).days)]
    assert counts["missing"] == between
    lake = Lake(deployment.lake_root)
    keys = {table: lake.read(table, (first, empty), ["review_key"])["review_key"] for table in (REVIEWS, SCORES)}
    assert sorted(keys[REVIEWS].to_pylist()) == sorted(keys[SCORES].to_pylist())
    assert set(lake.read(SCORES, (first, empty))["model_version"].to_pylist()) == {"1"}
    assert lake.read(DAILY_SENTIMENT, (first, first)).num_rows > 0
    assert lake.written_days(SCORES, [empty]) == {empty}


def test_what_was_rescored_is_announced_day_by_day_as_what_was_scored_and_imported_is(week):
    for name, task, asset in (("import", "import_history", "reviews"), ("rescore with version 1", "rescore", "scores")):
        touched = result(week[name], task)["touched"]
        assert len(touched) > 2
        assert sorted(event["day"] for event in week[name]["events"]) == touched
        assert {event["asset"] for event in week[name]["events"]} == {asset}


def test_a_search_tries_its_trials_and_ends_where_the_form_says(week):
    step = week["search"]
    assert step["state"] == "success"
    assert [one["trained"] for one in step["results"]["search"]] == [2]
    concluded = result(step, "conclude")
    assert concluded["best"]["family"] == "linear"
    assert concluded["study"] == result(step, "open_study")["study"]
    assert {states(step)[name] for name in ("approve", "train_best")} == {"skipped"}


def test_a_teacher_is_trained_and_labels_reviews_for_a_student_that_is_compared_with_one_taught_by_stars(
    week, deployment
):
    step = week["distil"]
    assert step["state"] == "success", step["errors"]
    assert set(states(step).values()) == {"success"}
    labels = result(step, "soft_labels")
    assert labels["teacher"] == result(step, "train_teacher")["run_id"]
    # All reviews of the student are labelled, more than the teacher was trained on.
    assert (labels["train_reviews"] > 300, labels["folds"]) == (True, 2)
    taught, alone = (Registry(deployment).trained(one["run_id"]) for one in step["results"]["train_student"])
    assert (taught.params["teacher"], taught.metrics["taught_reviews"]) == (labels["run_id"], labels["train_reviews"])
    assert "teacher" not in alone.params
    assert {run.params["snapshot"] for run in (taught, alone)} == {labels["snapshot"]}
    assert len(result(step, "compare")["comparisons"]) == 1
    versions = [one["version"] for one in step["results"]["export"]]
    assert [one["version"] for one in result(step, "promote")["candidates"]] == versions
    assert len(versions) == 2


def test_a_run_that_the_form_names_is_the_teacher_and_none_is_trained(week, deployment):
    step = week["distil from a run"]
    assert step["state"] == "success", step["errors"]
    assert {name for name, state in states(step).items() if state == "skipped"} == {
        *("snapshot", "teachers", "train_teacher")
    }
    assert result(step, "soft_labels")["teacher"] == week["train one"]["results"]["train"][0]["run_id"]
    (student,) = step["results"]["train_student"]
    assert student["snapshot"] == result(week["train one"], "snapshot")["snapshot"]
    assert Registry(deployment).trained(student["run_id"]).params["teacher"] == result(step, "soft_labels")["run_id"]


def test_training_and_scoring_are_measured_in_a_run_of_mlflow_each(week, deployment):
    for step, task in (("time training", "benchmark_training"), ("time scoring", "benchmark_scoring")):
        assert week[step]["state"] == "success", week[step]["errors"]
        assert Registry(deployment).trained(result(week[step], task)["run_id"]).tags["sentiment.dag"] == task


def test_no_dag_is_left_out(week):
    run = {step["dag"] for step in week.values() if isinstance(step, dict) and step.get("state") == "success"}
    assert {file.stem for file in (PROJECT / "dags").glob("*.py")} == run


def test_every_task_leaves_a_link_for_the_ui_even_where_there_is_no_server_to_lead_to(week):
    assert week["train two"]["links"]["export"] == ["", ""]
