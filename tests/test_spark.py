"""The driver's JVM: it starts from the classes that the installation kept, and without them as well."""

import sys
from pathlib import Path

import pytest

from sentiment import spark as sessions


def test_a_driver_shares_the_classes_only_where_they_were_kept(tmp_path, monkeypatch):
    name = "spark.driver.extraJavaOptions"
    monkeypatch.setattr(sessions, "CLASSES", tmp_path / "classes.jsa")
    assert "SharedArchiveFile" not in sessions.driver_java_options()[name]
    sessions.CLASSES.touch()
    assert f"-XX:SharedArchiveFile={sessions.CLASSES}" in sessions.driver_java_options()[name].split()


@pytest.mark.spark
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
@pytest.mark.skipif(not sessions.CLASSES.is_file(), reason="python -m sentiment.local.spark_classes was not run")
def test_a_drivers_jvm_maps_the_classes_that_were_kept(spark):
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    assert str(sessions.CLASSES) in Path(f"/proc/{pid}/maps").read_text()
