"""When a component is started, and started again: the rules alone, with the clock handed in. It starts nothing.

A component that ended, or gave no sign of life for two minutes, is started again after a pause that grows, five times
at most in ten minutes; then it counts as failed, and is tried again when the ten minutes are over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["waiting", "starting", "healthy", "silent", "failed"]
Order = Literal["launch", "end", "none"]

SILENCE_SECONDS = 120.0
# A first sign may take this long: on busy cores Airflow alone imports for half a minute, on slow ones for some.
START_SECONDS = 300.0
RESTARTS, WINDOW_SECONDS = 5, 600.0
FIRST_PAUSE_SECONDS = 1.0


@dataclass
class Supervised:
    """One component under supervision; moments are seconds since the epoch.

    `state` is waiting (to be started), starting (no sign of life yet), healthy, silent (to be ended), or failed.
    """

    name: str
    state: State = "waiting"
    reason: str = ""
    launch_at: float = 0.0
    launched: float = 0.0
    last_sign: float = 0.0
    tolerated_until: float = 0.0
    restarts: list[float] = field(default_factory=list)

    def order(self, now: float) -> Order:
        """Return what is to be done now."""
        if self.state in {"waiting", "failed"}:
            return "launch" if now >= self.launch_at else "none"
        return "end" if self.state == "silent" else "none"

    def was_launched(self, now: float) -> None:
        """Note a start."""
        self.state, self.launched, self.last_sign = "starting", now, 0.0
        self.tolerated_until = now + START_SECONDS

    def gave_sign(self, moment: float) -> None:
        """Note a sign of life; one from before this start is an earlier process's."""
        if self.state in {"starting", "healthy", "silent"} and moment >= self.launched:
            self.last_sign = max(self.last_sign, moment)
            # What it was forgiven stays forgiven; the long patience with a start ends with the first sign.
            earlier = 0.0 if self.state == "starting" else self.tolerated_until
            self.tolerated_until = max(earlier, self.last_sign + SILENCE_SECONDS)
            self.state = "healthy"
            self.reason = ""

    def look(self, now: float, excused: bool) -> None:
        """Judge its silence; it is excused while what it needs to be heard is down."""
        if self.state not in {"starting", "healthy"}:
            return
        if excused:
            self.forgive(now)
        elif now > self.tolerated_until:
            self.state = "silent"
            self.reason = f"no sign of life for {now - (self.last_sign or self.launched):.0f} s"

    def forgive(self, now: float) -> None:
        """Begin to count its silence anew: the machine slept, or nobody could have heard it."""
        self.tolerated_until = max(self.tolerated_until, now + SILENCE_SECONDS)

    def clock_was_set(self, seconds: float) -> None:
        """Move every moment with a clock that was set by so much, back when negative."""
        self.launch_at, self.launched = self.launch_at + seconds, self.launched + seconds
        self.tolerated_until += seconds
        self.last_sign = self.last_sign and self.last_sign + seconds
        self.restarts = [moment + seconds for moment in self.restarts]

    def ended(self, now: float, reason: str) -> None:
        """Note its end, and when it is started again."""
        self.restarts = [moment for moment in self.restarts if now - moment < WINDOW_SECONDS]
        self.reason = reason
        if len(self.restarts) >= RESTARTS:
            self.state, self.launch_at = "failed", self.restarts[0] + WINDOW_SECONDS
            return
        self.state, self.launch_at = "waiting", now + FIRST_PAUSE_SECONDS * 2 ** len(self.restarts)
        self.restarts.append(now)
