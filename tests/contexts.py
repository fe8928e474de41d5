"""A context as a shell or a task of Airflow would have it, for what is called below the verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sentiment.core.context import Context
from sentiment.core.settings import Settings


def a_context(settings: Settings | None = None, **given: Any) -> Context:
    """Return the context of a shell of ada's, now, with what is given in place of that."""
    usual = {"actor": "ada", "run_id": "a shell", "now": datetime.now(UTC), "progress": lambda *_: None}
    return Context(**{"settings": settings or Settings(), **usual, **given})


def a_try(number: int, task: str = "train", settings: Settings | None = None) -> Context:
    """Return the context of a try of an Airflow task of train_models' run manual__1."""
    where = {"dag": "train_models", "run": "manual__1", "task": task, "try": str(number)}
    return a_context(settings, actor="train_models/manual__1", run_id="manual__1", provenance=where)
