"""How long work tells how far it is: a function that verbs call and callers choose."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol

log = logging.getLogger(__name__)


class OnProgress(Protocol):
    """Called with what is being done, how much of it is done, and how much there is; 0 and 0 when that is unknown."""

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        """Tell it."""


# What it is called with, measured now.
Measure = Callable[[], tuple[str, int, int]]


def logged(step: str, done: int = 0, total: int = 0) -> None:
    """Write progress to the log: the way of Airflow's tasks."""
    log.info("%s%s", step, f": {done} of {total}" if total else "")


@contextmanager
def told(measure: Measure, on_progress: OnProgress, every: float) -> Iterator[None]:
    """Tell how far work is, every so many seconds while the block runs and once when it is done."""
    ended = Event()

    def tell() -> None:
        step, done, total = measure()
        if total:
            on_progress(step, done, total)

    def watch() -> None:
        while not ended.wait(every):
            tell()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    tell()
