"""The scoring job on a Spark standalone cluster of two workers gives the tables of one process with two threads."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

import tiny
from conftest import FRUGAL_JAVA, fill, lake_review, use_home
from ports import free_port
from scoring_days import DAY, EMPTY, LATER, ONE, furnish, rows
from sentiment.core.settings import DRIVER
from sentiment.scoring.config import RescoreConfig
from sentiment.scoring.verbs import RESCORE
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake
from verbs_here import done

SPARK_HOME = Path(pyspark.__file__).parent
RANGE = RescoreConfig(from_day=DAY, to_day=LATER, model=ONE)
# Both workers' cores are there before the first task starts, so that both get one.
DEFAULTS = f"""spark.scheduler.minRegisteredResourcesRatio 1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 600s
spark.executor.memory 512m
spark.executor.extraJavaOptions {FRUGAL_JAVA}
"""


@dataclass(frozen=True)
class Cluster:
    """A master's address, what its applications need in their environment, and the workers' folders."""

    master: str
    environment: dict[str, str]
    workers: list[Path]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A master and two workers with a core each, as processes on the loopback."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "conf").mkdir()
    (folder / "conf" / "spark-defaults.conf").write_text(DEFAULTS)
    (folder / "local").mkdir()
    own = {"SPARK_HOME": str(SPARK_HOME), "SPARK_CONF_DIR": str(folder / "conf"), "SPARK_LOCAL_IP": "127.0.0.1"}
    own |= {"SPARK_LOCAL_DIRS": str(folder / "local"), "TMPDIR": str(folder / "local"), "SPARK_DAEMON_MEMORY": "256m"}
    own |= {"SPARK_DAEMON_JAVA_OPTS": FRUGAL_JAVA}
    environment = {**os.environ, **own}
    port = free_port()
    master, workers = f"spark://127.0.0.1:{port}", [folder / name for name in ("one", "two")]
    here = ("--host", "127.0.0.1", "--webui-port", "0")
    with ExitStack() as stack:
        words = ("master.Master", *here, "--port", str(port))
        wait_for("I have been elected leader", stack.enter_context(daemon(words, environment, folder / "master.log")))
        each = ("worker.Worker", *here, "--cores", "1", "--memory", "512m", master, "--work-dir")
        started = [
            stack.enter_context(daemon((*each, str(worker)), environment, worker.with_suffix(".log")))
            for worker in workers
        ]
        for one in started:
            wait_for("Successfully registered with master", one)
        yield Cluster(master, environment, workers)


@contextmanager
def daemon(words: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[Path]:
    """Run a daemon of Spark while the block runs; gives its log."""
    command = [str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{words[0]}", *words[1:]]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(90)


def wait_for(ready: str, log: Path) -> None:
    deadline = time.monotonic() + 300
    while ready not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def home_of(folder: Path, bundle: Path) -> Lake:
    """The usual days, the last of them with as many reviews as two workers are worth."""
    lake = furnish(folder, bundle)
    known = tiny.reviews(600, seed=3)
    crowd = [lake_review(LATER, n, title=known.titles[n], text=known.texts[n]) for n in range(600)]
    fill(lake.root, REVIEWS, {LATER: crowd})
    return lake


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.thorough
def test_a_cluster_of_two_workers_gives_the_tables_of_one_process(cluster, spark, tmp_path, monkeypatch):
    bundle = tiny.write_bundle(tmp_path / "tiny")
    alone, shared = home_of(tmp_path / "alone", bundle), home_of(tmp_path / "shared", bundle)
    use_home(tmp_path / "alone", monkeypatch)
    here = done(RESCORE, RANGE)
    environment = {**cluster.environment, "SENTIMENT_HOME": str(tmp_path / "shared"), "SENTIMENT_LAKE": shared.root}
    environment |= {"SENTIMENT_SPARK_MASTER": cluster.master, "SENTIMENT_SPARK_MEMORY": "512m"}
    result = tmp_path / "result.json"
    command = [sys.executable, str(DRIVER), "rescore", RANGE.model_dump_json(exclude_unset=True), str(result)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)

    assert ended.returncode == 0, ended.stderr
    assert f'"reviews": {here["reviews"]}' in result.read_text()
    assert "scored 636 of 636 reviews" in ended.stderr
    for day in (DAY, EMPTY, LATER):
        assert rows(shared, SCORES, day, "scored_at", "run_id") == rows(alone, SCORES, day, "scored_at", "run_id")
        assert rows(shared, DAILY_SENTIMENT, day) == rows(alone, DAILY_SENTIMENT, day)
    # Each worker got the bundle, and the driver's archive went with its session.
    assert [len(list(worker.rglob("bundle-*/bundle.json"))) for worker in cluster.workers] == [1, 1]
    assert list(Path(cluster.environment["TMPDIR"]).rglob("bundle-*.zip")) == []


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.thorough
def test_a_job_that_its_cluster_gives_no_executor_says_so(cluster, tmp_path):
    bundle = tiny.write_bundle(tmp_path / "tiny")
    lake = home_of(tmp_path / "waiting", bundle)
    environment = {**cluster.environment, "SENTIMENT_HOME": str(tmp_path / "waiting"), "SENTIMENT_LAKE": lake.root}
    environment |= {"SENTIMENT_SPARK_MASTER": cluster.master, "SENTIMENT_SPARK_MEMORY": "512m"}
    # More than a worker has; and nobody is waited for at the start.
    (tmp_path / "spark-defaults.conf").write_text(f"{DEFAULTS}spark.executor.memory 8g\n".replace("600s", "1s"))
    environment |= {"SPARK_CONF_DIR": str(tmp_path)}
    words = [RANGE.model_dump_json(exclude_unset=True), str(tmp_path / "result.json")]
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, str(DRIVER), "rescore", *words]
        waiting = subprocess.Popen(command, env=environment, stderr=log, stdout=subprocess.DEVNULL)
    try:
        wait_for("no executor yet: look at the cluster's page", tmp_path / "log")
        assert waiting.poll() is None  # it goes on waiting
    finally:
        waiting.terminate()
        waiting.wait(90)
