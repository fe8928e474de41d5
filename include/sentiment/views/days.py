"""What a day lacks before it can be ingested or scored, and which days came late. It reads, and writes nothing."""

from __future__ import annotations

import time
from datetime import date

from sentiment.core.settings import Settings
from sentiment.ingest.landing import days_before, files_of_day, landed_days, nothing_landed, still_arriving

# How far back days are looked for that were missed.
LOOK_BACK_DAYS = 60


def missing_files(day: date, settings: Settings) -> str | None:
    """Say what the landing lacks for a day, or None when its files are there and whole."""
    landing = settings.landing_root
    if not files_of_day(landing, day):
        return nothing_landed(landing, day)
    return still_arriving(landing, day, time.time())


def missing_reviews(day: date, settings: Settings) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    from sentiment.stores.lake.states import missing_reviews as missing
    from sentiment.stores.lake.tables import Lake

    return missing(Lake(settings.lake_root), day)


def late_days(day: date, settings: Settings) -> list[date]:
    """Return the days of the two months before a day that have landed, and are not in the lake."""
    from sentiment.stores.lake.schemas import REVIEWS
    from sentiment.stores.lake.tables import Lake

    landed = landed_days(settings.landing_root, *days_before(day, LOOK_BACK_DAYS))
    present = Lake(settings.lake_root).written_days(REVIEWS, landed) if landed else set()
    return [day for day in landed if day not in present]
