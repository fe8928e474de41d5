"""A real platform for a test: a small sample of reviews, free ports, one tiny model, and the tables that came of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ports import free_port
from sentiment.core.settings import Settings
from sentiment_local import platform
from sentiment_local.components import airflow_url
from sentiment_local.config import SampleConfig
from sentiment_local.runs import Runs
from sentiment_local.status import status
from sentiment_local.watch import Watch

# The browser in which forms and pages are tried; None where there is none.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

LAST_DAY = date(2024, 6, 29)
DAILY_DAYS = 7
LANDED = [LAST_DAY - timedelta(DAILY_DAYS - 1 - number) for number in range(DAILY_DAYS)]
# What differs between two runs that do the same.
UNSTABLE = {"scored_at", "run_id", "ingested_at"}


@contextmanager
def running(home: Path) -> Iterator[Settings]:
    """Start a platform in `home`, with 1,500 reviews of 20 days, the last seven landed; and stop it."""
    from sentiment_local.sample.generate import generate

    generate(SampleConfig(output=home / "reviews", reviews=1_500, days=20, daily_days=DAILY_DAYS, last_day=LAST_DAY))
    chosen = Settings(
        home=home,
        landing=str(home / "reviews" / "daily"),
        products=str(home / "reviews"),
        airflow_port=free_port(),
        mlflow_port=free_port(),
        spark_memory="1g",
        mlflow_uri="",
    )
    platform.start(chosen, lambda step: None, timeout=1_800)
    try:
        yield chosen
    finally:
        platform.stop(chosen)


def wait_until_healthy(settings: Settings) -> None:
    """Wait until every component is; only a failure takes a quarter of an hour."""
    deadline = time.monotonic() + 900
    while not status(settings).healthy:
        assert time.monotonic() < deadline, status(settings)
        time.sleep(1)


def runs_of(settings: Settings, airflow: Any) -> Runs:
    """Return what starts runs and waits for them, as the demo does it."""
    return Runs(airflow, airflow_url(settings), lambda *_: None, Watch(settings, lambda *_: None).look)


def rows(settings: Settings, name: str, first: date, last: date) -> list[dict[str, Any]]:
    """Return the rows of some days of a table, without what differs between two runs, in a fixed order."""
    from sentiment.stores.lake import schemas
    from sentiment.stores.lake.tables import Lake

    table = Lake(settings.lake_root).read(getattr(schemas, name), (first, last))
    rows = table.to_pylist()
    for one in (one for row in rows for one in (row, *(row.get("displaced") or ()))):
        for column in UNSTABLE & one.keys():
            del one[column]
    return sorted(rows, key=repr)
