"""What a day lacks before it can be ingested or scored, and which days came late. It reads, and writes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from sentiment.core.settings import Settings
from sentiment.ingest.arrival import still_arriving
from sentiment.ingest.landing import Origin, days_before, files_of_day, landed_days, nothing_landed

if TYPE_CHECKING:
    from sentiment.stores.lake.log import TableState

# How far back days are looked for that were missed.
FILES_LOOK_BACK = 60


def missing_files(day: date, settings: Settings) -> str | None:
    """Say what the landing lacks for a day, or None when its files are there and whole."""
    return absent_files(day, settings) or still_arriving(settings.landing_root, day, time.time())


def absent_files(day: date, settings: Settings) -> str | None:
    """Say that no file of a day has landed, or None when one has, be it whole or not."""
    landing = settings.landing_root
    return None if files_of_day(landing, day) else nothing_landed(landing, day)


def missing_reviews(day: date, settings: Settings) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    from sentiment.stores.lake.states import missing_reviews as missing
    from sentiment.stores.lake.tables import Lake

    return missing(Lake(settings.lake_root), day)


def absent_reviews(day: date, settings: Settings) -> str | None:
    """Say that a day was neither ingested nor has landed, or None when it was or has: an ingest may be under way."""
    missing = missing_reviews(day, settings)
    nothing = absent_files(day, settings) if missing else None
    return f"{missing}; {nothing}" if nothing else None


def late_days(day: date, settings: Settings) -> list[date]:
    """Return the days of the two months before a day that have landed, and whose delivery is not in the lake.

    One that is still arriving is left to the next run: of its parts the first would be taken for all.
    """
    landing = settings.landing_root
    late = untaken(landed_days(landing, *days_before(day, FILES_LOOK_BACK)), settings)
    return [one for one in late if not still_arriving(landing, one, time.time())]


def untaken(landed: Sequence[date], settings: Settings) -> list[date]:
    """Return those of landed days whose own delivery is not in the lake, whatever other deliveries put into them.

    The table is marked, and the file of a day says so, when its own delivery came in, be it without a review; so what
    another program deleted is not looked for again. Where another program wrote the table, or an earlier version, the
    day is known by its rows.
    """
    from sentiment.ingest.days import OWN, own_mark
    from sentiment.stores.lake.schemas import REVIEWS
    from sentiment.stores.lake.tables import Lake

    if not landed:
        return []
    lake = Lake(settings.lake_root)
    reviews = lake.state(REVIEWS)
    made_of = reviews.made_of()
    unnamed = [day for day in landed if made_of.get(day) != OWN]
    marks = lake.marked(REVIEWS, map(own_mark, unnamed))
    return [day for day in unnamed if own_mark(day) not in marks and not _holds_its_own(reviews, day)]


def _holds_its_own(reviews: TableState, day: date) -> bool:
    from sentiment.ingest.days import is_of

    rows = reviews.read((day, day), ["source_file", "displaced"]) if day in reviews.days else None
    return rows is not None and any(is_of(batch, Origin(str(day))) for batch in rows.to_batches())
