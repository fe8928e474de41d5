"""Reviews: bring them into the lake, and pin snapshots of them."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sentiment import config as c
from sentiment.errors import ContractError
from sentiment.pipeline.result import Result
from sentiment.progress import OnProgress, logged
from sentiment.provenance import run_id

if TYPE_CHECKING:
    from sentiment.ingest.landing import Delivery

# How far back days are looked for that were missed.
LOOK_BACK_DAYS = 60


def ingest(config: c.IngestConfig, on_progress: OnProgress = logged) -> Result:
    """Bring one day's landed files into the lake; late reviews go into the days that they are of."""
    from sentiment.ingest.landing import nothing_landed
    from sentiment.ingest.whole import whole_delivery

    settings, day = c.Settings(), config.day
    delivery = whole_delivery(settings.landing_root, day)
    if not delivery.files:
        raise ContractError(nothing_landed(settings.landing_root, day))
    days = (day - timedelta(config.late_days), day)
    return {"day": str(day), **_ingest(settings, config, delivery, days, on_progress)}


def import_history(config: c.ImportHistoryConfig, on_progress: OnProgress = logged) -> Result:
    """Bring files of any number of days into the lake, in one Spark job and one commit."""
    from sentiment.ingest.landing import history

    settings = c.Settings()
    return _ingest(settings, config, history(config.source, settings.landing_root), None, on_progress)


def missing_files(day: date) -> str | None:
    """Say what the landing lacks for a day, or None when its files are there and whole."""
    from sentiment.ingest.landing import files_of_day, nothing_landed
    from sentiment.ingest.whole import still_arriving

    landing = c.Settings().landing_root
    if not files_of_day(landing, day):
        return nothing_landed(landing, day)
    return still_arriving(landing, day, time.time())


def late_days(day: date) -> list[date]:
    """Return the days of the two months before a day that have landed, and are not in the lake."""
    from sentiment.ingest.landing import days_before, landed_days
    from sentiment.lake.schemas import REVIEWS
    from sentiment.lake.tables import Lake

    settings = c.Settings()
    landed = landed_days(settings.landing_root, *days_before(day, LOOK_BACK_DAYS))
    present = Lake(settings.lake_root).written_days(REVIEWS, landed) if landed else set()
    return [day for day in landed if day not in present]


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
    settings: c.Settings,
    options: c.IngestOptions,
    delivery: Delivery,
    days: tuple[date, date] | None,
    on_progress: OnProgress,
) -> Result:
    from sentiment.ingest.job import Ingestion
    from sentiment.ingest.job import ingest as ingest_files
    from sentiment.ingest.judge import Rules
    from sentiment.lake.tables import Lake
    from sentiment.spark import session, watched

    day = days[1] if days else None
    run = Ingestion(delivery, Rules(options, datetime.now(UTC), days), settings.products_root, day, run_id())
    files = len(delivery.files)
    step = f"ingesting {files} file{'s' if files > 1 else ''}"
    with session(settings, "ingest", light=True) as spark, watched(spark, step, on_progress):
        return ingest_files(spark, Lake(settings.lake_root), run)
