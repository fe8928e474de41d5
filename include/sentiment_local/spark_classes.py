"""Writes the file of Spark's classes that drivers share: to load and verify them anew is half of Spark's start.

`python -m sentiment_local.spark_classes` imports some generated reviews in a folder of its own and has the JVM keep the
classes that it met (JEP 350: Java 13 and later). Where the file is missing, Spark starts as it does elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sentiment.core.atomic import replacing
from sentiment.core.settings import DRIVER
from sentiment.ingest.config import ImportHistoryConfig
from sentiment.ingest.verbs import IMPORT_HISTORY
from sentiment.stores.spark_jvm import CLASSES
from sentiment_local.config import SampleConfig
from sentiment_local.sample.generate import generate


def write_classes() -> None:
    """Write the file, or replace it whole: a running JVM keeps the one that it maps.

    Raises RuntimeError with the end of Spark's output when no file came of it.
    """
    with replacing(CLASSES) as new, TemporaryDirectory() as folder:
        sample = Path(folder) / "sample"
        generate(SampleConfig(output=sample, reviews=200, days=21))
        ended = subprocess.run(
            _import(sample, new),
            env={
                **os.environ,
                "PYSPARK_PYTHON": sys.executable,
                "SENTIMENT_HOME": folder,
                "SENTIMENT_LAKE": f"{folder}/lake",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not new.is_file():
            raise RuntimeError(f"Spark kept no classes:\n{ended.stdout[-2000:]}")


def _import(source: Path, classes: Path) -> list[str]:
    """Return the command that imports `source` and leaves the classes that it took."""
    option = f'spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 "-XX:ArchiveClassesAtExit={classes}"'
    submit = [str(CLASSES.parent / "bin" / "spark-submit"), "--master", "local[2]", "--conf", option]
    config = ImportHistoryConfig(source=str(source)).model_dump_json()
    return [*submit, str(DRIVER), IMPORT_HISTORY.name, config, f"{source}/result.json"]


if __name__ == "__main__":
    write_classes()
