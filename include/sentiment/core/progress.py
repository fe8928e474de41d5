"""How long work tells how far it is: a function that verbs call and callers choose, and what they tell it."""

from __future__ import annotations

import logging
import time
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
        if done or total:
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


class Pace:
    """The pace of scoring `total` reviews, counted from when it is made."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._began = clock()
        self._done = 0

    def at(self, done: int) -> tuple[str, int, int]:
        """Return the words for `done` reviews now, and what is done and to do; what was done once stays done."""
        done = self._done = max(self._done, min(done, self._total))
        words = f"scored {done:,} of {self._total:,} reviews"
        seconds = self._clock() - self._began
        if done and seconds > 0:
            rate = done / seconds
            words += f" ({rate:,.0f}/s, {_duration((self._total - done) / rate)} left)"
        return words, done, self._total


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
