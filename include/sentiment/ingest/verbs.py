"""Reviews into the lake: a day's delivery, and a whole history."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.verb import Verb
from sentiment.core.wording import NAMED, counted, listed
from sentiment.ingest.config import (
    ImportHistoryConfig,
    ImportResult,
    IngestConfig,
    IngestResult,
    InspectConfig,
    InspectResult,
)

if TYPE_CHECKING:
    from sentiment.ingest.judge import Rules
    from sentiment.ingest.landing import Delivery

log = logging.getLogger(__name__)


def ingest(config: IngestConfig, context: Context) -> IngestResult:
    """Bring one day's landed files into the lake; late reviews go into the days that they are of."""
    from sentiment.ingest.arrival import whole_delivery
    from sentiment.ingest.judge import Rules
    from sentiment.ingest.landing import nothing_landed, passed_over

    landing, day = context.settings.landing_root, config.day
    delivery = whole_delivery(landing, day, options=config)
    if not delivery.files:
        raise ContractError(nothing_landed(landing, day))
    delivery = replace(delivery, others=tuple(passed_over(landing, day)))
    rules = Rules(config, context.now, (day - timedelta(config.late_days), day))
    return IngestResult(day=day, **dict(_ingest(delivery, rules, context, day)))


def import_history(config: ImportHistoryConfig, context: Context) -> ImportResult:
    """Bring files of any number of days into the lake, in one Spark job and one commit."""
    from sentiment.ingest.judge import Rules
    from sentiment.ingest.landing import history

    delivery = history(config.source, context.settings.landing_root, config)
    return _ingest(delivery, Rules(config, context.now), context)


def inspect(config: InspectConfig, context: Context) -> InspectResult:
    """Look at a file of reviews before it is imported or scored."""
    from sentiment.ingest.inspection import inspect_file

    return inspect_file(config, context)


def _ingest(delivery: Delivery, rules: Rules, context: Context, day: date | None = None) -> ImportResult:
    from sentiment.ingest.job import Ingestion, ingest_delivery
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.spark import session
    from sentiment.stores.spark_jobs import watched

    settings, others = context.settings, delivery.others
    if others:
        log.warning("not read, by what they are called: %s", listed(others))
    products, home = settings.products_root, settings.home
    run = Ingestion(delivery, rules, products, home, day, context.run_id, context.provenance)
    step = f"ingesting {counted(len(delivery.files), 'file')}"
    light = INGEST.light if day else IMPORT_HISTORY.light
    opened = session(settings, "ingest", light=light, shared=context.spark)
    with opened as spark, watched(spark, step, context.progress):
        done = ingest_delivery(spark, Lake(settings.lake_root), run)
    return done.model_copy(update={"passed_over": len(others), "passed_over_names": others[:NAMED]})


IMPORT_HISTORY = Verb(
    name="import-history",
    config=ImportHistoryConfig,
    result=ImportResult,
    run=import_history,
    group="Data",
    example="--source more_reviews.jsonl.gz",
    on_spark=True,
    writes="reviews",
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
    writes="reviews",
)
INSPECT = Verb(
    name="inspect",
    config=InspectConfig,
    result=InspectResult,
    run=inspect,
    group="Data",
    example="reviews.csv",
    positional="file",
)
