"""Runs and backfills of a real platform, which is started once for all of these cases."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from cases_of_others.ground import DAY, PROJECT, Ended, Ground, Row, lines_of, table
from cases_of_others.seen import Seen
from local_platform import running, runs_of
from sentiment.core.settings import Settings
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.airflow_http import RefusedError
from sentiment_local.runs import Runs

_DAGS = ("import_history", "ingest_reviews", "score_reviews", "train_models")
_ALL = [date(2024, 5, 5), date(2024, 5, 6), date(2024, 5, 7), date(2024, 5, 8)]
_MINUTES = 300.0
# The README's: what a task that was marked as failed may leave running.
_LEFT_SECONDS = 30.0
_SMALL = ("--train-reviews", 600, "--evaluation-reviews", 60, "--test-reviews", 100)


@dataclass(frozen=True)
class Platform:
    """A platform that runs, with two versions of a model, of which the second is the champion."""

    settings: Settings
    airflow: AirflowApi
    runs: Runs

    def land(self, folder: Path) -> None:
        """Put files into its landing, as if they had come an hour ago."""
        for file in folder.iterdir():
            landed = Path(self.settings.landing_root) / file.name
            landed.unlink(missing_ok=True)
            shutil.copyfile(file, landed)
            os.utime(landed, (time.time() - 3600,) * 2)

    def table(self, name: str) -> list[Row]:
        return table(Path(self.settings.lake_root), name)

    def call(self, method: str, place: str, body: Row | None = None, **params: str) -> Any:
        return self.airflow._http.call(method, place, json=body, **({"params": params} if params else {}))

    def ended(self, dag: str, conf: Row) -> tuple[str, str]:
        """Start a run, wait for its end; return its state and its failed tasks' log, or why it was refused."""
        try:
            run = self.airflow.trigger(dag, conf)
        except RefusedError as error:
            return "refused", str(error)
        state = _until(lambda: _ended(self.airflow.run_state(dag, run)))
        failed = [task for task, now in self.airflow.task_states(dag, run).items() if now == "failed"]
        return str(state), "\n".join(self.airflow.task_log(dag, run, task) for task in failed if "[" not in task)


@contextmanager
def started(ground: Ground) -> Iterator[Platform]:
    """Start a platform, and train two small models on it."""
    from sentiment_local import platform

    home = ground.folder / "platform"
    with running(home) as settings:
        _two_versions(ground, settings)
        with platform.open_airflow(settings) as airflow:
            airflow.wait_for_dags(_DAGS)
            for dag in _DAGS:
                airflow.unpause(dag)
            yield Platform(settings, airflow, runs_of(settings, airflow))


def _two_versions(ground: Ground, settings: Settings) -> None:
    def run(*words: object) -> Ended:
        places = {name.removeprefix("SENTIMENT_").lower(): value for name, value in settings.as_environment().items()}
        done = ground.run(*words, "--json", **places)
        if done.code:
            raise RuntimeError(f"{words[0]}: {done.said}")
        return done

    run("import-history", "--source", settings.home / "reviews" / "reviews.jsonl.gz")
    snapshot = run("snapshot").result["snapshot"]
    for seed in (1, 2):
        words = ("train", "--family", "linear", "--snapshot", snapshot, "--seed", seed, *_SMALL)
        run("export", "--run-id", run(*words).result["run_id"], "--max-accuracy-loss", 0.2)
    run("promote", "--versions", 1)
    run("rollback", "--version", 2, "--reason", "the cases ask for a champion that is not version 1")


def backfill_configuration(ground: Ground, seen: Seen) -> None:
    on = ground.platform
    on.land(ground.case("19") / "landing")
    days = _ALL[:3]
    for dag in ("ingest_reviews", "score_reviews"):
        on.runs.wait(on.runs.backfill(dag, days))
    seen.equals("scored by the champion", _versions(on, days), ["2", "2", "2"])
    _closed(on, "score_reviews")
    on.airflow.backfill("score_reviews", days[0], days[1], {"model": "1"}, "completed", 1)
    time.sleep(5)
    _closed(on, "score_reviews")
    versions = _versions(on, days)
    told = "Override parameters" in (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    form = on.call("GET", "dags/score_reviews/details")["params"]
    told = told and "Override parameters" in str(form["model"])
    seen.holds("the docs and the field say that Override parameters is needed", told)
    seen.holds("all runs with model 1: 05 and 06 by 1, 07 as it was", versions == ["1", "1", "2"], versions)
    shown = [_conf(on, "score_reviews", day).get("model") for day in days[:2]]
    seen.equals("versions that the runs show", shown, versions[:2])


def _conf(on: Platform, dag: str, day: date) -> Row:
    run, _ = on.airflow.day_runs(dag, day, day)[day]
    return dict(on.call("GET", f"dags/{dag}/dagRuns/{run}")["conf"])


def _versions(on: Platform, days: list[date]) -> list[str]:
    rows = [row for row in on.table("scores") if row["review_date"] in days]
    return [",".join(sorted({row["model_version"] for row in rows if row["review_date"] == day})) for day in days]


def cancelled_backfill(ground: Ground, seen: Seen) -> None:
    on, folder = ground.platform, ground.case("20") / "landing"
    on.land(folder)
    _closed(on, "ingest_reviews")
    number = on.airflow.backfill("ingest_reviews", _ALL[0], _ALL[-1], None, "completed", 1)
    _until(lambda: on.airflow.active_runs("ingest_reviews", "backfill"))
    on.call("PUT", f"backfills/{number}/cancel")
    _until(lambda: not on.airflow.active_runs("ingest_reviews", "backfill"))
    run, _ = on.airflow.day_runs("ingest_reviews", _ALL[-1], _ALL[-1]).get(_ALL[-1], ("", ""))
    if run:
        on.call("POST", f"dags/ingest_reviews/dagRuns/{run}/clear", {"dry_run": False})
    operations = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    seen.holds("the docs say what cancelling leaves behind", "cancelling" in operations)
    last = str(_ALL[-1])
    state, log = on.ended("ingest_reviews", {"day": last})
    seen.equals("a day of it by hand", state, "success") if state == "success" else seen.holds("by hand", False, log)
    state, log = on.ended("score_reviews", {"day": last})
    seen.holds("and scored", state == "success" and _day_of(on, "scores", last) == 10, log)
    _marked_as_failed(on, seen, len(lines_of(folder / f"{DAY}.jsonl")))


def _marked_as_failed(on: Platform, seen: Seen, rows: int) -> None:
    before = _day_of(on, "reviews", DAY)
    run = on.airflow.trigger("ingest_reviews", {"day": DAY})
    spark = _until(lambda: _processes_of(on, run))
    on.call("PATCH", f"dags/ingest_reviews/dagRuns/{run}/taskInstances/ingest", {"new_state": "failed"})
    deadline = time.monotonic() + _LEFT_SECONDS
    while (left := [one for one in spark if _lives(one)]) and time.monotonic() < deadline:
        time.sleep(0.5)
    seen.equals("marked as failed: processes that are left after 30 s", [one.pid for one in left], [])
    now = _day_of(on, "reviews", DAY)
    seen.holds("marked as failed: all rows, or what was there before", now in {before, rows}, now)
    state, log = on.ended("ingest_reviews", {"day": DAY})
    seen.holds("the next run succeeds", state == "success", log)
    keys = [row["review_key"] for row in on.table("reviews") if str(row["review_date"]) == DAY]
    seen.equals("the next run: rows, doubled", [len(keys), len(keys) - len(set(keys))], [rows, 0])


def _processes_of(on: Platform, run: str) -> list[psutil.Process]:
    """Return the process in which an ingestion runs and all that it has started; none before it has begun."""
    pid = on.call("GET", f"dags/ingest_reviews/dagRuns/{run}/taskInstances/ingest")["pid"]
    if not pid or not psutil.pid_exists(pid):
        return []
    own = psutil.Process(pid)
    return [own, *own.children(recursive=True)]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _day_of(on: Platform, name: str, day: str) -> int:
    return sum(str(row["review_date"]) == day for row in on.table(name))


def misspelt_configuration(ground: Ground, seen: Seen) -> None:
    on = ground.platform
    on.land(ground.case("43") / "landing")
    before = _versions(on, _ALL)
    wrong = (
        ("score_reviews", {"day": DAY, "modle": "99", "reuze": False}, ("modle", "reuze")),
        ("score_reviews", {"day": DAY, "Model": "1"}, ("Model",)),
        ("train_models", {"candidate": [{"family": "linear"}]}, ("candidate",)),
    )
    for dag, conf, names in wrong:
        began = time.monotonic()
        state, said = on.ended(dag, conf)
        seen.holds(f"{dag} {conf}: fails", state in {"failed", "refused"}, state)
        seen.holds(
            f"{dag} {conf}: names what is misspelt", all(repr(name) in said or name in said for name in names), said
        )
        seen.holds(f"{dag} {conf}: at once", time.monotonic() - began < _MINUTES / 5)
    seen.equals("scores as they were", _versions(on, _ALL), before)


def local_time(ground: Ground, seen: Seen) -> None:
    on, wanted = ground.platform, ["2024-05-05", "2024-05-06", "2024-05-07"]
    for zone in ("+00:00", "+02:00", "-07:00"):
        body = {
            "dag_id": "ingest_reviews",
            "from_date": f"2024-05-05T00:00:00{zone}",
            "to_date": f"2024-05-07T00:00:00{zone}",
            "reprocess_behavior": "completed",
        }
        found = on.call("POST", "backfills/dry_run", body)["backfills"]
        days = sorted(str(one.get("logical_date") or one.get("partition_date"))[:10] for one in found)
        seen.equals(f"5 to 7 May at {zone}", days, wanted)
    operations = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    seen.holds("docs/operations.md says of which zone the days are", "time zone" in operations and "UTC" in operations)


def _closed(on: Platform, dag: str) -> None:
    """Wait until Airflow has closed the last backfill, with all its runs."""
    _until(lambda: not on.airflow.open_backfills(dag))


def _ended(state: str | None) -> str | None:
    return None if state in {"queued", "running"} else state or "deleted"


def _until(found: Callable[[], Any]) -> Any:
    """Ask until there is an answer."""
    deadline = time.monotonic() + _MINUTES
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {_MINUTES:.0f} s")
        time.sleep(0.5)
    return answer
