"""How long work tells how far it is: a function that verbs call and callers choose."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

# Called with what is being done, how much of it is done, and how much there is (0 when that is unknown).
OnProgress = Callable[[str, int, int], None]


def logged(step: str, done: int, total: int) -> None:
    """Write progress to the log: the way of Airflow's tasks."""
    log.info("%s%s", step, f": {done} of {total}" if total else "")
