"""Where each day stands, as the present tables say it: missing, ingested, scored, or stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal
from uuid import uuid4

from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake

State = Literal["missing", "ingested", "scored", "stale"]


def day_states(lake: Lake, days: Iterable[date]) -> dict[date, State]:
    """Return the state of each day; three tables are looked at once, whatever the number of days.

    `ingested` was never scored; `stale` was, and its reviews changed since, by whomever: a late review, a corrected
    file, a deletion, a restore; or its `daily_sentiment` is gone, or of another run, as a kill between the two leaves
    it.
    """
    reviews = lake.state(REVIEWS).content()
    scores, sentiment = (lake.state(spec).made_of() for spec in (SCORES, DAILY_SENTIMENT))
    return {day: _state(reviews.get(day), scores.get(day), sentiment.get(day)) for day in days}


def of_this_run(contents: Mapping[date, str]) -> dict[date, str]:
    """Return what the files of a scoring are made of: the content of each day's reviews, and this run."""
    run = uuid4().hex[:8]
    return {day: f"{content}.{run}" for day, content in contents.items()}


def missing_reviews(lake: Lake, day: date) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    if lake.written_days(REVIEWS, [day]):
        return None
    return f"{day} is not in the table reviews of {lake.root}; run ingest_reviews for that day first"


def _state(reviews: str | None, scores: str | None, sentiment: str | None) -> State:
    if reviews is None:
        # Scores of a day that is not there any more are of reviews that are gone.
        return "stale" if scores else "missing"
    if scores is None:
        return "ingested"
    of_one_run = sentiment in ("", scores)  # another program's file says of nothing what it is made of
    return "scored" if scores.partition(".")[0] == reviews and of_one_run else "stale"
