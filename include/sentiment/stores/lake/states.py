"""Where each day stands, as the present tables say it: missing, ingested, scored, or stale."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from sentiment.stores.lake.schemas import REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake

State = Literal["missing", "ingested", "scored", "stale"]


def day_states(lake: Lake, days: Iterable[date]) -> dict[date, State]:
    """Return the state of each day; two tables are looked at once, whatever the number of days.

    `ingested` was never scored; `stale` was, and its reviews changed since, by whomever: a late review, a corrected
    file, a deletion, a restore.
    """
    reviews, scored_of = lake.state(REVIEWS).content(), lake.state(SCORES).made_of()
    return {day: _state(reviews.get(day), scored_of.get(day)) for day in days}


def missing_reviews(lake: Lake, day: date) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    if lake.written_days(REVIEWS, [day]):
        return None
    return f"{day} is not in the table reviews of {lake.root}; run ingest_reviews for that day first"


def _state(reviews: str | None, scored_of: str | None) -> State:
    if reviews is None:
        # Scores of a day that is not there any more are of reviews that are gone.
        return "stale" if scored_of else "missing"
    if scored_of is None:
        return "ingested"
    return "scored" if scored_of == reviews else "stale"
