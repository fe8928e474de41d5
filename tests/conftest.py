"""What all tests share: a lake in a folder of their own, one Spark session, and reviews written as landed files."""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sentiment.core.settings import Settings
from sentiment.core.text.clean import word_count
from sentiment.stores import files as storage
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import DayTable
from sentiment.stores.lake.tables import Lake

PROJECT = Path(__file__).resolve().parents[1]
# What a process of ours finds the packages by.
FOLDERS = os.pathsep.join(str(PROJECT / name) for name in ("include", "plugins", "benchmarks"))
sys.path.insert(0, str(PROJECT / "plugins"))
# Two workers run files side by side; each has a name, and a single process has none.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
# A shell has what it runs in the background ignore Ctrl-C, and so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Set before any test imports airflow, which reads them once. A home a worker: an import writes into it.
os.environ["AIRFLOW_HOME"] = str(PROJECT / "var" / "test-airflow" / WORKER)
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(PROJECT / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(PROJECT / "plugins")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "300"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
# No JVM of the tests lives long enough for the second compiler to pay, and it would take the other worker's core, as
# would a collector of garbage that works beside the program: the one here is the product's own, for Java takes no two.
FRUGAL_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseParallelGC"
os.environ.setdefault("SPARK_SUBMIT_OPTS", FRUGAL_JAVA)
if WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The jobs' tests run on another master where this names one: `sail[2]`, or a server at `sc://`.
MASTER = os.environ.get("SENTIMENT_SPARK_MASTER", "local[2]")
# What a file's heaviest test is marked as says how early it begins: the workers then end at about the same time.
HEAVIEST = ("thorough", "e2e", "slow", "spark")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let files go to workers whole, and all that start a platform to the same one: three at once starve each other."""
    from xdist.scheduler import LoadFileScheduling

    class OnePlatformAtATime(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "platforms" if "mark.e2e" in (PROJECT / file).read_text(encoding="utf-8") else file

    return OnePlatformAtATime(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the heaviest files first; the others, and the tests within a file, keep their order."""
    place: dict[Path, int] = {}
    for item in items:
        marks = [HEAVIEST.index(mark.name) for mark in item.iter_markers() if mark.name in HEAVIEST]
        place[item.path] = min([place.get(item.path, len(HEAVIEST)), *marks])
    items.sort(key=lambda item: place[item.path])


def use_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Name a home by the environment, as a deployment would, and nothing else."""
    for name in list(os.environ):
        if name.startswith("SENTIMENT_"):
            patch.delenv(name)
    # A .env in this checkout is its owner's, not the tests'.
    patch.setitem(Settings.model_config, "env_file", None)
    patch.setenv("SENTIMENT_HOME", str(folder))
    patch.setenv("SENTIMENT_MLFLOW_URI", without_server(folder))
    patch.setenv("SENTIMENT_SPARK_MASTER", MASTER)


def without_server(home: Path) -> str:
    """Return the tracking address of an MLflow that is a file in a home."""
    return f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    use_home(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One session for all tests, which `verbs_here.done` hands to the verbs that need one."""
    from sentiment.stores.spark import session

    with session(Settings(spark_master=MASTER, spark_memory="1g"), "tests") as opened:
        # At exit py4j tells of its closing, when pytest has closed the streams that Airflow's logging writes to.
        logging.getLogger("py4j").setLevel(logging.ERROR)
        yield opened


@pytest.fixture
def land(home: Path) -> Callable[..., Path]:
    """Return a function that writes lines (dicts or raw text) as a file that landed an hour ago."""

    def write(name: str, lines: list[Any]) -> Path:
        path = home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        encoded = content.encode("utf-8", "surrogatepass")
        path.write_bytes(gzip.compress(encoded) if name.endswith(".gz") else encoded)
        aged(path)
        return path

    return write


@pytest.fixture(scope="session", autouse=True)
def without_the_moment_of_arrival() -> Iterator[None]:
    """Have files be as old as they say, for no program can say when a file came to its place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_written", lambda at: at.st_mtime)
        yield


def aged(path: Path, seconds: float = 3600) -> None:
    """Make a file look as if it had been written so long ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def raw_review(day: date, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a landed review of a day; different numbers are different users, products and moments."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return {
        "rating": 5.0,
        "title": "Good",
        "text": f"This is review number {number} and it works very well for me every day.",
        "images": [],
        "asin": f"A{number % 7}",
        "parent_asin": f"P{number % 7}",
        "user_id": f"U{number}",
        "timestamp": int(moment.timestamp() * 1000) + number,
        **changes,
    }


def lake_review(day: date, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a review as the table `reviews` holds it; different numbers are different users, products and moments."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(milliseconds=number)
    review = {
        "review_key": f"{day}-{number}",
        "user_id": f"U{number}",
        "asin": f"A{number % 7}",
        "parent_asin": f"P{number % 7}",
        "category": "Cameras" if number % 7 < 3 else "Phones",
        "rating": 5.0,
        "title": "Good",
        "text": f"This is review number {number} of {day} and it works very well for me.",
        "timestamp": moment,
        "source_file": f"{day}.jsonl",
        "ingested_at": moment,
        "displaced": None,
        "review_date": day,
        **changes,
    }
    return {"word_count": word_count(review["text"]), **review}


def fill(root: str | Path, spec: DayTable, days: dict[date, list[dict[str, Any]]], **metadata: str) -> int:
    """Write whole days into a table without Spark, in one commit; returns the table's version."""
    lake = Lake(str(root))
    base = lake.grown(spec)
    files = [
        write_day_file(lake.root, spec, day, [pa.RecordBatch.from_pylist(rows, schema=spec.schema)])
        for day, rows in days.items()
        if rows
    ]
    return lake.replace_days(spec, days, files, base, metadata)


@contextmanager
def asking_mlflow(address: str) -> Iterator[None]:
    """Let what a test itself asks MLflow go to an address, while the block runs: MLflow has one a process."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(address)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
