"""How far a scoring is, in words. Knows numbers and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """The pace of scoring `total` reviews, counted from when it is made."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._began = clock()

    def at(self, done: int) -> tuple[str, int, int]:
        """Return the words for `done` reviews now, and what is done and to do; a task tried again may count twice."""
        done = min(done, self._total)
        words = f"scored {done:,} of {self._total:,} reviews"
        seconds = self._clock() - self._began
        if done and seconds > 0:
            rate = done / seconds
            words += f" ({rate:,.0f}/s, {_time((self._total - done) / rate)} left)"
        return words, done, self._total


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
