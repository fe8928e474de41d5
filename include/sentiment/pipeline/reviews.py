"""Reviews: bring them into the lake, and pin snapshots of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sentiment import config as c
from sentiment.errors import ContractError
from sentiment.pipeline.result import Result
from sentiment.progress import OnProgress, logged
from sentiment.provenance import run_id


def ingest(config: c.IngestConfig, on_progress: OnProgress = logged) -> Result:
    """Bring one day's landed files into the lake."""
    from sentiment.ingest.landing import require_files_of_day

    settings = c.Settings()
    files = require_files_of_day(settings.landing_root, config.day)
    return {"day": str(config.day), **_ingest(settings, config, files, config.day, on_progress)}


def import_history(config: c.ImportHistoryConfig, on_progress: OnProgress = logged) -> Result:
    """Bring files of any number of days into the lake, in one Spark job and one commit."""
    from sentiment.ingest.landing import history_files

    return _ingest(c.Settings(), config, history_files(config.source), None, on_progress)


def missing_files(day: date) -> str | None:
    """Say what the landing lacks for a day, or None when its files are there."""
    from sentiment.ingest.landing import require_files_of_day

    try:
        require_files_of_day(c.Settings().landing_root, day)
    except ContractError as error:
        return str(error)
    return None


def missing_reviews(day: date) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    from sentiment.lake.schemas import REVIEWS
    from sentiment.lake.tables import Lake

    lake = Lake(c.Settings().lake_root)
    if lake.written_days(REVIEWS, [day]):
        return None
    return f"{day} is not in the table reviews of {lake.root}; run ingest_reviews for that day first"


def snapshot(config: c.SnapshotConfig, on_progress: OnProgress = logged) -> Result:
    """Pin the reviews of a training; the same question gives the same snapshot without work."""
    from sentiment.datasets.obtain import obtain_snapshot

    manifest = obtain_snapshot(config, c.Settings(), on_progress)
    counts = {split: {k: v for k, v in part.items() if k != "categories"} for split, part in manifest["splits"].items()}
    return {
        "snapshot": manifest["id"],
        "dataset": config.dataset,
        **{name: manifest["config"][name] for name in ("reviews_version", "from_day", "to_day")},
        "cutoff": manifest["cutoff"],
        "bad_rows": manifest.get("bad_rows", {}).get("count", 0),
        "splits": counts,
    }


def sample(config: c.SampleConfig, on_progress: OnProgress = logged) -> Result:
    """Generate reviews to try the platform on."""
    from sentiment.sample.generate import generate

    return generate(config, lambda done, total: on_progress("writing days", done, total))


def _ingest(
    settings: c.Settings, options: c.IngestOptions, files: list[str], day: date | None, on_progress: OnProgress
) -> Result:
    from sentiment.ingest.job import Ingestion
    from sentiment.ingest.job import ingest as ingest_files
    from sentiment.lake.tables import Lake
    from sentiment.spark import session, watched

    run = Ingestion(files, settings.products_root, day, datetime.now(UTC), run_id())
    step = f"ingesting {len(files)} file{'s' if len(files) > 1 else ''}"
    light = day is not None
    with session(settings, "ingest", light=light) as spark, watched(spark, step, on_progress):
        return ingest_files(spark, Lake(settings.lake_root), options, run)
