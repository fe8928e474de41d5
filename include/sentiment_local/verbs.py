"""This machine: its checks, the platform on it, the demo, and the sample that it is tried on."""

from __future__ import annotations

from datetime import date
from typing import Any

from sentiment.core.context import Context
from sentiment.core.verb import AnyVerb, Verb, VerbResult
from sentiment.views.results import ReportResult
from sentiment_local.config import DemoConfig, DoctorConfig, PlatformConfig, SampleConfig, StatusConfig

Rows = tuple[dict[str, Any], ...]


class DoctorResult(VerbResult):
    """A row a check of this machine."""

    checks: Rows


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


class PlatformStatus(StatusResult):
    """The platform: addresses and login, a row a component, and what was started again; little where it is down."""

    platform: str
    airflow: str | None = None
    user: str | None = None
    password: str | None = None
    mlflow: str | None = None
    home: str
    started_again: tuple[str, ...] | None = None
    components: Rows | None = None


class DaysStatus(StatusResult):
    """How many of the last days are in which state, and a row for each that needs somebody (`attention`)."""

    from_day: date
    to_day: date
    states: dict[str, int]
    note: str | None = None
    attention: Rows


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
    """What the demo came to: the report of its days, what was imported, seconds a stage, addresses and login."""

    history: dict[str, int]
    seconds: dict[str, int]
    lake: str
    airflow: str
    user: str
    password: str
    mlflow: str
    now: str
    stop: str


def doctor(config: DoctorConfig, context: Context) -> DoctorResult:
    """Check this machine; ContractError names what is missing and the remedy."""
    from sentiment_local.doctor import diagnose, require
    from sentiment_local.usable import require_usable

    context.progress("checking this machine", 0, 0)
    require_usable(context.settings)
    checks = diagnose(context.settings)
    require(checks)
    return DoctorResult(checks=tuple(check._asdict() for check in checks))


def up(config: PlatformConfig, context: Context) -> UpResult:
    """Start the platform on this machine, after its checks; started already, it stays as it is."""
    from sentiment_local.login import read_login
    from sentiment_local.platform import start

    platform = start(context.settings, lambda step: context.progress(step, 0, 0))
    login = read_login(context.settings)
    return UpResult(airflow=platform.airflow_url, **vars(login), mlflow=platform.mlflow_url)


def down(config: PlatformConfig, context: Context) -> DownResult:
    """Stop the platform on this machine."""
    from sentiment_local.platform import stop

    context.progress("stopping", 0, 0)
    return DownResult(stopped=stop(context.settings))


def status(config: StatusConfig, context: Context) -> StatusResult:
    """Show what of the platform runs on this machine and how to reach it, or which days need somebody."""
    from sentiment_local.day_report import day_report
    from sentiment_local.status import described

    if config.days:
        context.progress("looking at landing, lake and Airflow", 0, 0)
        return DaysStatus.model_validate(day_report(context.settings, config.days))
    return PlatformStatus.model_validate(described(context.settings))


def sample(config: SampleConfig, context: Context) -> SampleResult:
    """Generate reviews to try the platform on."""
    from sentiment_local.sample.generate import generate

    made = generate(config, lambda done, total: context.progress("writing days", done, total))
    return SampleResult.model_validate(made)


def demo(config: DemoConfig, context: Context) -> DemoResult:
    """Run the main job on this machine, end to end, and leave the platform up."""
    from sentiment_local.demo import run_demo

    return DemoResult.model_validate(run_demo(config, context.progress))


VERBS: tuple[AnyVerb, ...] = (
    Verb(name="doctor", config=DoctorConfig, result=DoctorResult, run=doctor, group="Platform"),
    Verb(name="demo", config=DemoConfig, result=DemoResult, run=demo, group="Platform", example="--reviews FOLDER"),
    Verb(
        name="up",
        config=PlatformConfig,
        result=UpResult,
        run=up,
        group="Platform",
        text="Start the platform on this machine.",
    ),
    Verb(
        name="down",
        config=PlatformConfig,
        result=DownResult,
        run=down,
        group="Platform",
        text="Stop the platform on this machine.",
    ),
    Verb(name="status", config=StatusConfig, result=StatusResult, run=status, group="Platform"),
    Verb(
        name="sample",
        config=SampleConfig,
        result=SampleResult,
        run=sample,
        group="Data",
        example="--output reviews --reviews 5000",
    ),
)
