"""The snapshot that a configuration asks for: the one that is there already, or one made now, in Spark for the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.pin import pinned, snapshot_folder, snapshot_id, table_id
from sentiment.datasets.read import read_manifest
from sentiment.datasets.source import fingerprint, source_files
from sentiment.stores.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def obtain_snapshot(
    config: SnapshotConfig, settings: Settings, on_progress: OnProgress, spark: SparkSession | None = None
) -> dict[str, Any]:
    """Return the manifest of the snapshot, which lies in the lake's folder wherever its reviews came from.

    Raises ContractError when the reviews cannot be read, or cannot be split.
    """
    lake = Lake(settings.lake_root)
    if config.dataset == "lake":
        return _of_lake(config, lake, settings, on_progress, spark)
    return _of_files(config, lake, on_progress)


def _of_lake(
    config: SnapshotConfig, lake: Lake, settings: Settings, on_progress: OnProgress, shared: SparkSession | None
) -> dict[str, Any]:
    exact = pinned(config, lake)
    folder = snapshot_folder(lake, snapshot_id(exact, table_id(lake)))
    manifest = read_manifest(folder)
    if manifest is not None:
        return manifest
    from sentiment.datasets.snapshot import make_snapshot
    from sentiment.stores.spark import session, watched

    with session(settings, "snapshot", shared=shared) as spark, watched(spark, "pinning the snapshot", on_progress):
        return make_snapshot(spark, lake, exact, folder)


def _of_files(config: SnapshotConfig, lake: Lake, on_progress: OnProgress) -> dict[str, Any]:
    from sentiment.datasets.from_files import make_file_snapshot

    files = source_files(config)
    content = fingerprint(files)
    folder = snapshot_folder(lake, snapshot_id(config, content.sha256))
    return read_manifest(folder) or make_file_snapshot(config, files, content, folder, on_progress)
