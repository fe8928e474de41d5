"""The snapshot that a configuration asks for: the one that is there already, or one made now, in Spark for the lake."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.progress import OnProgress
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import (
    Manifest,
    read_manifest,
    write_manifest,
)
from sentiment.datasets.results import SnapshotResult, SplitResult
from sentiment.datasets.snapshot import (
    pinned,
    snapshot_folder,
    snapshot_id,
    table_id,
)
from sentiment.datasets.source import fingerprint, source_files
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake


def obtain_snapshot(config: SnapshotConfig, context: Context) -> SnapshotResult:
    """Return what is known of the snapshot, which lies in the lake's folder wherever its reviews came from.

    Raises ContractError when the reviews cannot be read, or cannot be split.
    """
    lake = Lake(context.settings.lake_root)
    if config.dataset == "lake":
        exact = pinned(config, lake)
        return _result(exact, _of_lake(exact, lake, context))
    return _result(config, _of_files(config, lake, context.progress))


def _of_lake(config: SnapshotConfig, lake: Lake, context: Context) -> Manifest:
    folder = snapshot_folder(lake, snapshot_id(config, table_id(lake)))
    manifest = read_manifest(folder)
    if manifest is not None:
        return manifest
    from sentiment.datasets.from_lake import make_snapshot
    from sentiment.stores.spark import session
    from sentiment.stores.spark_jobs import watched

    with (
        session(context.settings, "snapshot", shared=context.spark) as spark,
        watched(spark, "pinning the snapshot", context.progress),
    ):
        return make_snapshot(spark, lake, config, folder)


def _of_files(config: SnapshotConfig, lake: Lake, on_progress: OnProgress) -> Manifest:
    from sentiment.datasets.from_files import make_file_snapshot

    # As it lies, for the reviews without a label are read from there later, from whatever folder that is asked.
    config = config.model_copy(update={"source": storage.resolved(config.source)})
    files = source_files(config)
    content = fingerprint(files)
    folder = snapshot_folder(lake, snapshot_id(config, content.sha256))
    known = read_manifest(folder)
    if known is None:
        return make_file_snapshot(config, files, content, folder, on_progress)
    if known.config.get("source") != config.source:  # the files were moved
        known = known.model_copy(update={"config": {**known.config, "source": config.source}})
        write_manifest(folder, known)
    return known


def _result(config: SnapshotConfig, manifest: Manifest) -> SnapshotResult:
    """Say what was pinned; a configuration and the one in its snapshot's manifest differ in where files lay at most."""
    return SnapshotResult(
        snapshot=manifest.id,
        dataset=config.dataset,
        reviews_version=config.reviews_version,
        from_day=config.from_day,
        to_day=config.to_day,
        cutoff=manifest.cutoff,
        bad_rows=manifest.bad_rows.count if manifest.bad_rows else 0,
        left_out=manifest.left_out,
        splits={
            name: SplitResult.model_validate(counts.model_dump(exclude={"categories"}))
            for name, counts in manifest.splits.items()
        },
    )
