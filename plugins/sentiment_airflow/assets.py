"""The assets that runs emit, the first day of daily runs, and how tasks are tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, ExceptionRetryPolicy, RetryAction, RetryRule

from sentiment.core.verb import DayTable

REVIEWS = Asset("reviews", "sentiment://lake/reviews")
SCORES = Asset("scores", "sentiment://lake/scores")
# Whoever writes days of a table tells of each as a partition of its asset.
DAYS_OF: dict[DayTable, Asset] = {"reviews": REVIEWS, "scores": SCORES}

# Any past day may be backfilled: the first Amazon review is of 1996.
FIRST_DAY = datetime(1996, 1, 1, tzinfo=UTC)

# A training or a search may take days of two cores, and so may a person who is asked.
LONG = timedelta(days=7)

TASKS: dict[str, Any] = {
    "owner": "sentiment",
    # Five and a half to seven minutes in all: a server that is made anew is back, and of writers that met one is done.
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    # Every time that a task is cleared counts as a try as well: after five the pause would be eight minutes.
    "max_retry_delay": timedelta(minutes=2),
    # What hangs is ended, so that what it holds is free.
    "execution_timeout": timedelta(hours=24),
    # What breaks a contract fails at once: trying again unchanged cannot help.
    "retry_policy": ExceptionRetryPolicy(
        rules=[RetryRule(exception="sentiment.core.errors.ContractError", action=RetryAction.FAIL)]
    ),
}
