"""How far from the day of its file a delivery's reviews are, which the table remembers by marks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from sentiment.ingest.config import LATE_DAYS
from sentiment.ingest.days import own_mark
from sentiment.ingest.landing import day_called

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from sentiment.ingest.job import Ingestion


def looked_at(run: Ingestion, base: DeltaTable) -> tuple[date, date] | None:
    """Return the days that may hold reviews of an earlier state of the delivery, which may have been let in farther."""
    always = run.rules.reach
    far = base.transaction_version(_far(run.day)) if run.day else None
    if not (run.day and always and far):
        return always
    return min(always[0], run.day - timedelta(far)), max(always[1], run.day + timedelta(far))


def marks_of(run: Ingestion, judged: DataFrame, days: set[date], base: DeltaTable) -> dict[str, int]:
    """Say which day's own delivery came in, and how far from their days' reviews are, beyond what is always looked at.

    `days` are those of the reviews. A history may hold days' files, and not all of a day's, so what was known of the
    others counts on.
    """
    if run.day:
        far = max((abs((run.day - day).days) for day in days), default=0)
        return {own_mark(run.day): 1} | ({_far(run.day): far} if far > LATE_DAYS else {})
    spans = _spans(judged) if any(map(day_called, run.delivery.names)) else {}
    found = {_far(day): far for day, far in spans.items() if far > LATE_DAYS}
    return {mark: max(far, base.transaction_version(mark) or 0) for mark, far in found.items()}


def _spans(judged: DataFrame) -> dict[date, int]:
    """Return how many days a review is from the day that its file is of, at most."""
    found: dict[date, int] = {}
    ends = F.array(F.min("review_date"), F.max("review_date")).alias("ends")
    for row in judged.where("reason IS NULL").groupBy("source_file").agg(ends).collect():
        if day := day_called(row["source_file"]):
            found[day] = max(found.get(day, 0), *(abs((day - end).days) for end in row["ends"]))
    return found


def _far(day: date) -> str:
    return f"late:{day}"
