"""Reviews into the lake: a day's delivery, and a whole history."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.verb import Verb, VerbResult
from sentiment.core.wording import counted, listed
from sentiment.ingest.config import ImportHistoryConfig, IngestConfig, IngestOptions

if TYPE_CHECKING:
    from sentiment.ingest.landing import Delivery

log = logging.getLogger(__name__)


class ImportResult(VerbResult):
    """What came of a delivery: lines read = kept + duplicate + rejected.

    `touched` are the days that were written; `gone` counts reviews that the delivery held before and holds no more,
    `cut` texts that were longer than the limit, `reasons` the rejected lines by what is wrong with them.
    """

    days: int
    touched: tuple[date, ...]
    read: int
    kept: int
    duplicate: int
    rejected: int
    gone: int
    cut: int
    reasons: dict[str, int]
    files: int
    reviews_version: int

    def sentences(self) -> list[str]:
        """Count the lines."""
        return [
            f"{counted(self.read, 'line')} read: {self.kept:,} kept, {self.duplicate:,} duplicate, "
            f"{self.rejected:,} rejected."
        ]


class IngestResult(ImportResult):
    """What came of a day's delivery."""

    day: date

    def sentences(self) -> list[str]:
        """Count the lines of the day."""
        return [f"{self.day}: {sentence}" for sentence in super().sentences()]


def ingest(config: IngestConfig, context: Context) -> IngestResult:
    """Bring one day's landed files into the lake; late reviews go into the days that they are of."""
    from sentiment.ingest.landing import nothing_landed, passed_over
    from sentiment.ingest.whole import whole_delivery

    landing, day = context.settings.landing_root, config.day
    delivery = whole_delivery(landing, day)
    if not delivery.files:
        raise ContractError(nothing_landed(landing, day))
    if others := passed_over(landing, day):
        log.warning("%s: %s passed over, for only .jsonl and .jsonl.gz are read", day, listed(others))
    imported = _ingest(config, delivery, (day - timedelta(config.late_days), day), context)
    return IngestResult(day=day, **dict(imported))


def import_history(config: ImportHistoryConfig, context: Context) -> ImportResult:
    """Bring files of any number of days into the lake, in one Spark job and one commit."""
    from sentiment.ingest.landing import history

    return _ingest(config, history(config.source, context.settings.landing_root), None, context)


def _ingest(
    options: IngestOptions, delivery: Delivery, days: tuple[date, date] | None, context: Context
) -> ImportResult:
    from sentiment.ingest.job import Ingestion
    from sentiment.ingest.job import ingest as ingest_files
    from sentiment.ingest.judge import Rules
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.spark import session, watched

    settings, day = context.settings, days[1] if days else None
    run = Ingestion(delivery, Rules(options, context.now, days), settings.products_root, day, context.run_id)
    step = f"ingesting {counted(len(delivery.files), 'file')}"
    with session(settings, "ingest", light=True) as spark, watched(spark, step, context.progress):
        return ImportResult.model_validate(ingest_files(spark, Lake(settings.lake_root), run))


IMPORT_HISTORY = Verb(
    name="import-history",
    config=ImportHistoryConfig,
    result=ImportResult,
    run=import_history,
    group="Data",
    example="--source more_reviews.jsonl.gz",
    on_spark=True,
)
INGEST = Verb(
    name="ingest",
    config=IngestConfig,
    result=IngestResult,
    run=ingest,
    group="Data",
    example="--day 2026-03-01",
    on_spark=True,
    light=True,
)
