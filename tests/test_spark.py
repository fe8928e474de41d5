"""What a job of seconds waits for: the driver's JVM with its classes, and the Python workers with their packages."""

import errno
import inspect
import os
import shlex
import socket
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Thread

import pyspark
import pytest
from pyspark.errors import PythonException

from conftest import FOLDERS
from sentiment.core.errors import UnavailableError
from sentiment.core.settings import Settings
from sentiment.stores import spark as sessions
from sentiment.stores import spark_jobs, spark_jvm


def test_a_driver_shares_the_classes_only_where_they_were_kept(tmp_path):
    name, classes = "spark.driver.extraJavaOptions", tmp_path / "a folder" / "classes.jsa"
    classes.parent.mkdir()
    assert "SharedArchiveFile" not in spark_jvm.driver_java_options(classes=classes)[name]
    classes.touch()
    # As Spark splits it.
    assert f"-XX:SharedArchiveFile={classes}" in shlex.split(spark_jvm.driver_java_options(classes=classes)[name])


@pytest.mark.spark
def test_a_session_that_runs_is_shared_by_whoever_hands_it_in_and_by_nobody_else(spark, home):
    with sessions.session(Settings(), "work", shared=spark) as shared:
        assert shared is spark
    assert spark.range(3).count() == 3  # its owner stops it
    with pytest.raises(RuntimeError, match="hand it in"), sessions.session(Settings(), "work"):
        pass


@pytest.mark.spark
@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(28, "No space left on device", "/a/lake/part-0.parquet"), "/a/lake/part-0.parquet"),
        (OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"), "/a/lake or /tmp"),
    ],
    ids=["python's", "arrow's"],
)
def test_a_full_disk_where_spark_works_is_an_error_of_the_system_with_its_place(spark, monkeypatch, error, place):
    def full(batches):
        raise error
        yield from batches

    monkeypatch.setattr(sessions, "gettempdir", lambda: "/tmp")
    with (
        pytest.raises(OSError, match="No space left on device") as said,
        sessions.session(Settings(lake="/a/lake"), "work", shared=spark),
    ):
        spark.range(3).mapInArrow(full, "id long").collect()
    assert (said.value.errno, said.value.filename) == (errno.ENOSPC, place)


@pytest.mark.spark
def test_another_error_where_spark_works_stays_as_it_is(spark, home):
    def broken(batches):
        raise ZeroDivisionError("by 0")
        yield from batches

    with pytest.raises(PythonException, match="by 0"), sessions.session(Settings(), "work", shared=spark):
        spark.range(3).mapInArrow(broken, "id long").collect()


class FarSession:
    """A session whose workers are elsewhere; it keeps what was sent to it."""

    def __init__(self) -> None:
        self.conf, self.archives = {"spark.master": "spark://there:7077"}, list[Path]()

    def addArtifact(self, file: str, *, archive: bool) -> None:  # noqa: N802  Spark's name
        assert archive
        self.archives.append(Path(file))


def test_what_was_sent_to_a_session_that_failed_is_sent_to_the_next_one(home, monkeypatch):
    (bundle := home / "bundle").mkdir()
    (bundle / "model.onnx").write_bytes(b"model")
    first, second = FarSession(), FarSession()
    opened = iter((first, second))
    monkeypatch.setattr(sessions, "_opened", lambda *_: nullcontext(next(opened)))
    monkeypatch.setattr(sessions, "running", lambda: None)

    def work(fail: bool) -> None:
        with sessions.session(Settings(), "work") as spark:
            for _ in range(2):
                spark_jobs.sent(spark, bundle, "bundle.zip")
            assert [archive.is_file() for archive in spark.archives] == [True]
            if fail:
                raise UnavailableError("the store does not answer")

    with pytest.raises(UnavailableError):
        work(fail=True)
    work(fail=False)
    assert not any(archive.exists() for session in (first, second) for archive in session.archives)


@pytest.mark.spark
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
@pytest.mark.skipif(not spark_jvm.CLASSES.is_file(), reason="python -m sentiment_local.spark_classes was not run")
def test_a_drivers_jvm_maps_the_classes_that_were_kept(spark):
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    assert str(spark_jvm.CLASSES) in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.spark
def test_a_drivers_memory_is_kept_by_a_collector_that_moves_what_is_as_large_as_sparks_pages(spark):
    factory = spark.sparkContext._jvm.java.lang.management.ManagementFactory
    names = {collector.getName() for collector in factory.getGarbageCollectorMXBeans()}
    assert names == {"PS Scavenge", "PS MarkSweep"}  # of G1 they begin with "G1", whose largest pieces stay in place


def telling_where():
    """A function for Spark's workers that tells where they have pyspark from; it goes to them by value."""

    def where(batches):
        import pyarrow as pa
        import pyspark

        for batch in batches:
            yield pa.RecordBatch.from_pydict({"file": [pyspark.__file__] * batch.num_rows})

    return where


SUBMITTED = f"""
from sentiment.core.settings import Settings
from sentiment.stores.spark import session

{inspect.getsource(telling_where)}
with session(Settings(), "where") as spark:
    print(*(row["file"] for row in spark.range(1).mapInArrow(telling_where(), "file string").collect()))
    print(spark.conf.get("spark.driver.bindAddress"), spark.conf.get("spark.driver.host"))
"""


@pytest.mark.spark
def test_the_workers_take_the_installed_pyspark_and_not_a_zip_of_its_sources(spark):
    (row,) = spark.range(1).mapInArrow(telling_where(), "file string").collect()
    assert row["file"] == pyspark.__file__


@pytest.mark.spark
def test_the_workers_of_a_submitted_job_do_so_too_and_its_driver_hears_this_machine_alone(home):
    script = home / "where.py"
    script.write_text(SUBMITTED)
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[1]", str(script)]
    done = subprocess.run(submit, capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.split() == [pyspark.__file__, "127.0.0.1", "127.0.0.1"]


def test_a_master_that_does_not_answer_is_told_before_java_starts():
    with socket.socket() as given_up:
        given_up.bind(("127.0.0.1", 0))
        address = f"spark://127.0.0.1:{given_up.getsockname()[1]}"
    with pytest.raises(UnavailableError, match=f"nothing answers at Spark's master {address}"):
        spark_jvm.require_master(address)


def test_a_master_is_found_by_an_address_of_ipv6():
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = listening.getsockname()[1]
    with listening:
        spark_jvm.require_master(f"spark://127.0.0.1:9,[::1]:{port}")
        listening.settimeout(30)
        assert listening.accept()[1][0] == "::1"
    with pytest.raises(UnavailableError, match="nothing answers"):
        spark_jvm.require_master(f"spark://[::1]:{port}")


@pytest.mark.thorough
@pytest.mark.spark
def test_a_master_that_takes_no_driver_ends_in_a_sentence_and_not_in_java(tmp_path):
    """Spark's own patience is a minute; a master that misses the driver's secret closes its connection as well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=refuse_all, args=(server,), daemon=True).start()
        ended = subprocess.run(
            [sys.executable, "-m", "sentiment", "import-history", "--source", str(written(tmp_path))],
            env={**os.environ, **at_home(tmp_path, f"spark://127.0.0.1:{server.getsockname()[1]}")},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert ended.returncode == 1
    assert "did not take this driver" in ended.stderr.splitlines()[-1]
    assert "at org.apache.spark" not in ended.stderr


def refuse_all(server):
    with suppress(OSError):
        while True:
            server.accept()[0].close()


def written(folder):
    file = folder / "reviews.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    return file


def at_home(folder, master):
    return {"SENTIMENT_HOME": str(folder / "home"), "SENTIMENT_SPARK_MASTER": master, "PYTHONPATH": FOLDERS}
