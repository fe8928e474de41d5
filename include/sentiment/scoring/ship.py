"""Brings a bundle to the workers of a Spark session; it does not know what they do with it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from sentiment.engine.bundle import identity

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession


def shipped(spark: SparkSession, bundle: Path) -> Callable[[], Path]:
    """Make a bundle reachable for the workers and return how they find it: in place, or unpacked from an archive.

    It travels whole, once an executor and session: a bundle is checked against the hashes of all its files.
    """
    context = spark.sparkContext
    if str(context.master).startswith("local"):
        return lambda: bundle
    name = f"bundle-{identity(bundle)}.zip"
    if not any(archive.endswith(f"/{name}") for archive in context.listArchives):
        context.addArchive(str(_packed(context, bundle, name)))

    def unpacked() -> Path:
        from pyspark import SparkFiles

        return Path(SparkFiles.get(name))

    return unpacked


def _packed(context: SparkContext, bundle: Path, name: str) -> Path:
    from pyspark import SparkFiles

    # In the session's own folder, which Spark removes when it stops: an executor that joins late fetches it too.
    archive = Path(mkdtemp(dir=SparkFiles.getRootDirectory())) / name
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(bundle.iterdir()):
            packed.write(file, file.name)
    return archive
