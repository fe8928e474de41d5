"""The same days through Spark in a JVM and through Sail: equal tables, whatever the master."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pyarrow as pa
import pytest

import tiny
from conftest import FOLDERS, raw_review, use_home
from scoring_days import DAY, EMPTY, LATER, ONE, furnish, rows
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import DRIVER
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.ingest.config import ImportHistoryConfig
from sentiment.ingest.verbs import IMPORT_HISTORY
from sentiment.scoring.config import RescoreConfig
from sentiment.scoring.verbs import RESCORE
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, QUARANTINE, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark import speaks_connect
from sentiment.stores.spark_connect import require_server
from sentiment.stores.spark_jobs import (
    counting_rows,
    is_local_master,
    is_on_this_machine,
    require_memory,
    watched,
)
from verbs_here import done

SAIL = "sail[2]"


def on_sail(verb, config, home):
    """Run a verb as a driver of its own on Sail, in a home, and return its result."""
    result = home / "result.json"
    words = [sys.executable, str(DRIVER), verb.name, config.model_dump_json(exclude_unset=True), str(result)]
    path = os.pathsep.join([FOLDERS, str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    own = {"SENTIMENT_HOME": str(home), "SENTIMENT_SPARK_MASTER": SAIL, "PYTHONPATH": path}
    # No Java is to be found, and none is missed.
    environment = {**os.environ, **own, "SENTIMENT_LAKE": str(home / "lake"), "JAVA_HOME": str(home / "no java")}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(result.read_text())


def homes(folder, monkeypatch):
    """Name a home by the environment, and another beside it."""
    here, there = folder / "jvm", folder / "sail"
    use_home(here, monkeypatch)
    there.mkdir()
    return here, there


def of_all_days(home, spec):
    """Return a table's rows without the moments of their ingestion, those of displaced ones too."""
    found = Lake(str(home / "lake")).read(spec).to_pylist()
    for row in found:
        for one in (row, *(row.get("displaced") or ())):
            one.pop("ingested_at", None)
    return sorted(map(str, found))


def write_history(folder: Path) -> Path:
    """Write lines of several days, some of them bad or doubled, in two files."""
    folder.mkdir()
    days = [DAY + timedelta(n % 9) for n in range(240)]
    lines = [
        raw_review(day, n, parent_asin=f"P{n % 61}", rating=float(1 + n % 5), text=f"Words {n % 50}  and more")
        for n, day in enumerate(days)
    ]
    lines += [{**lines[3], "rating": 2.0}, {**lines[4], "rating": None}, {**lines[5], "text": 7}]
    for name, part in (("one.jsonl", lines[::2]), ("other.jsonl", lines[1::2])):
        text = "".join(json.dumps(line) + "\n" for line in part) + "no line\n"
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.spark
def test_a_history_gives_the_same_lake_and_the_same_snapshot(spark, tmp_path, monkeypatch):
    here, there = homes(tmp_path, monkeypatch)
    history = ImportHistoryConfig(source=str(write_history(tmp_path / "history")), max_bad_share=0.5)
    snapshot = SnapshotConfig(min_words=1, test_share=0.3, validation_share=0.3, recent_share=0.5)
    assert on_sail(IMPORT_HISTORY, history, there) == done(IMPORT_HISTORY, history)
    for spec in (REVIEWS, QUARANTINE):
        assert of_all_days(there, spec) == of_all_days(here, spec)
    pinned, expected = on_sail(SNAPSHOT, snapshot, there), done(SNAPSHOT, snapshot)
    assert {**pinned, "snapshot": ""} == {**expected, "snapshot": ""}  # which names its lake


@pytest.mark.spark
def test_a_range_gives_the_same_scores(spark, tmp_path, monkeypatch):
    bundle = tiny.write_bundle(tmp_path / "tiny")
    here, there = homes(tmp_path, monkeypatch)
    lake, other = furnish(here, bundle), furnish(there, bundle)
    config = RescoreConfig(from_day=DAY, to_day=LATER, model=ONE)
    assert on_sail(RESCORE, config, there) == done(RESCORE, config)
    for day in (DAY, EMPTY, LATER):
        assert rows(other, SCORES, day, "scored_at", "run_id") == rows(lake, SCORES, day, "scored_at", "run_id")
        assert rows(other, DAILY_SENTIMENT, day) == rows(lake, DAILY_SENTIMENT, day)


@pytest.mark.parametrize(
    ("master", "connect", "here"),
    [
        ("sail", True, True),
        ("sail[4]", True, True),
        ("sc://spark:15002", True, False),
        ("local[2]", False, True),
        ("local", False, True),
        ("spark://spark:7077", False, False),
        ("k8s://https://there", False, False),
        ("sailing", False, False),
        ("sail[0]", False, True),
    ],
)
def test_a_master_says_by_its_name_how_it_is_reached_and_where_it_works(master, connect, here):
    assert (speaks_connect(master), is_local_master(master)) == (connect, here)


@pytest.mark.parametrize(("master", "here"), [("sail[2]", True), ("local[*]", False), ("spark://spark:7077", False)])
def test_a_server_at_an_address_works_elsewhere_though_its_own_master_is_local_there(master, here):
    assert is_on_this_machine(SimpleNamespace(conf={"spark.master": master})) is here


def test_a_server_that_does_not_answer_is_told_in_a_sentence():
    with pytest.raises(UnavailableError, match=r"nothing answers at the Spark Connect server sc://127\.0\.0\.1:9"):
        require_server("sc://127.0.0.1:9")


class Said:
    """What a session says of itself."""

    def __init__(self, master):
        self.master = master

    def get(self, name, default=None):
        return {"spark.master": self.master}.get(name, default)


def test_what_does_not_fit_into_memory_is_refused_on_sail_before_it_begins():
    on_sail = SimpleNamespace(conf=Said("sail[2]"))
    require_memory(on_sail, 1000, "a small import")
    with pytest.raises(ContractError, match=r"a huge import needs some 1000000.0 GB .*local\[2\]"):
        require_memory(on_sail, 10**15, "a huge import")


@pytest.mark.parametrize("master", ["local[2]", "spark://host:7077"])
def test_a_jvm_writes_to_the_disk_what_does_not_fit(master):
    assert require_memory(SimpleNamespace(conf=Said(master)), 10**15, "a huge import") is None


def test_where_tasks_are_threads_of_this_process_the_rows_that_they_read_are_told():
    told = []
    rows = pa.record_batch({"n": [1, 2, 3]})
    for read in (("tables",), ("files", "tables")):
        with watched(SimpleNamespace(conf=Said("sail[2]")), "importing", lambda *step: told.append(step)):
            for times, of in enumerate(read, 1):
                assert list(counting_rows([rows] * times, of)) == [rows] * times
    # Beside a file's rows those of a table, which it is held against, are not told.
    assert told == [("importing",), ("importing: 3 rows read", 3, 0)] * 2


def test_a_server_that_speaks_something_else_is_said_to_be_no_spark_connect_server(home):
    class Other(BaseHTTPRequestHandler):
        """A web server."""

    (home / "history.jsonl").write_text(json.dumps(raw_review(DAY)) + "\n", encoding="utf-8")
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"sc://127.0.0.1:{server.server_port}"
        ended = on_the_command_line(address, "import-history", "--source", str(home / "history.jsonl"))
        server.shutdown()
    assert ended.returncode == 1
    assert f"what answers at {address} is no Spark Connect server" in ended.stderr


def on_the_command_line(master, *words, program=("-m", "sentiment")):
    """Run a command in a process of its own, for one process has one Spark."""
    path = os.pathsep.join([FOLDERS, str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SENTIMENT_SPARK_MASTER": master, "PYTHONPATH": path}
    command = [sys.executable, *program, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


# Told to end by the first lines that a task has read.
INTERRUPTED = """
import os, signal, sys
from sentiment.__main__ import main
from sentiment.stores import spark_jobs
add = spark_jobs.Tally.add
def told(self, some):
    spark_jobs.Tally.add = add
    os.kill(os.getpid(), signal.SIGINT)
    add(self, some)
spark_jobs.Tally.add = told
sys.exit(main(["import-history", "--source", sys.argv[1], "--max-bad-share", "1"]))
"""


@pytest.mark.slow
def test_a_ctrl_c_ends_a_job_on_sail_at_once_in_a_sentence(home, monkeypatch):
    lines = "".join(json.dumps(raw_review(DAY + timedelta(n % 900), n)) + "\n" for n in range(30_000))
    (home / "history.jsonl").write_text(lines, encoding="utf-8")
    ended = on_the_command_line(SAIL, str(home / "history.jsonl"), program=("-c", INTERRUPTED))
    assert "sentiment import-history: interrupted" in ended.stderr
    assert ended.returncode == 130


# A job whose tasks work in Python when the process is told to end, by the first of them.
TOLD_TO_END = """
import os, signal, sys, time
from sentiment.__main__ import main
from sentiment.stores.spark import session
from verbs_here import standing_in
def busy(batches):
    for batch in batches:
        this = object()
        if vars(sys).setdefault("told_to_end_by", this) is this:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            sum(range(1000))
        yield batch
def run(config, context):
    with session(context.settings, "busy") as spark:
        spark.range(100_000, numPartitions=4).mapInArrow(busy, "id long").collect()
sys.exit(main(["report"], standing_in("report", run)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_job_on_sail_that_is_told_to_end_while_its_tasks_are_at_work_is_not_aborted(home, number):
    for _ in range(3):
        ended = on_the_command_line(SAIL, number, program=("-c", TOLD_TO_END))
        assert ended.returncode == 130, ended.stderr
        assert "sentiment report: interrupted" in ended.stderr.splitlines()[-1], ended.stderr
