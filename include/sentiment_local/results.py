"""What the verbs of this machine return."""

from __future__ import annotations

from datetime import date
from typing import Literal

from sentiment.core.verb import VerbResult
from sentiment.views.results import ReportResult


class CheckRow(VerbResult):
    """A check of this machine: what it is about, whether it is so, what was found, and what to do where it is not."""

    name: str
    ok: bool
    detail: str
    remedy: str


class DoctorResult(VerbResult):
    """A row a check of this machine."""

    checks: tuple[CheckRow, ...]


class UpResult(VerbResult):
    """Where the platform is, and how to sign in."""

    airflow: str
    user: str
    password: str
    mlflow: str


class DownResult(VerbResult):
    """How many processes were stopped."""

    stopped: int


class StatusResult(VerbResult):
    """The platform on this machine, or the days that need somebody."""


class ComponentRow(VerbResult):
    """A component of the platform; its log's path is from the folder in which one asks."""

    component: str
    state: str
    memory_mib: int
    age_minutes: float
    restarts: int
    log: str


class PlatformStatus(StatusResult):
    """The platform: addresses and login, a row a component, and what was started again; little where it is down."""

    platform: str
    airflow: str | None = None
    user: str | None = None
    password: str | None = None
    mlflow: str | None = None
    home: str
    started_again: tuple[str, ...] | None = None
    components: tuple[ComponentRow, ...] | None = None


class DayRow(VerbResult):
    """A day that needs somebody: what is wrong with it, and what to do next."""

    day: date
    state: Literal["missing", "ingested", "stale", "scored", "failed"]
    next: str


class DaysStatus(StatusResult):
    """How many of the last days are in which state, and a row for each that needs somebody (`attention`)."""

    from_day: date
    to_day: date
    states: dict[str, int]
    note: str | None = None
    attention: tuple[DayRow, ...]


class Tallied(VerbResult):
    """The lines of some files, and how many of them are malformed or duplicates, by kind."""

    lines: int
    malformed: dict[str, int]
    duplicates: dict[str, int]


class SampleResult(Tallied):
    """What was generated, in all, in the history and in each daily file; `reviews` are the sound ones."""

    output: str
    files: int
    days: int
    products: int
    reviews: int
    empty_day: date
    split_day: date
    history: Tallied
    daily: dict[str, Tallied]


class DemoResult(ReportResult):
    """What the demo came to: the report of its days, what was imported, seconds a stage, addresses and login.

    `left_out` says which landed days have not ended.
    """

    history: dict[str, int]
    left_out: str | None = None
    seconds: dict[str, int]
    lake: str
    airflow: str
    user: str
    password: str
    mlflow: str
    now: str
    stop: str
