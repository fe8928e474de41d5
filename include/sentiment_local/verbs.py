"""This machine: its checks, the platform on it, the demo, and the sample that it is tried on."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import AnyVerb, Verb
from sentiment_local.config import DemoConfig, DoctorConfig, PlatformConfig, SampleConfig, StatusConfig
from sentiment_local.results import (
    CheckRow,
    DemoResult,
    DoctorResult,
    DownResult,
    SampleResult,
    StatusResult,
    UpResult,
)


def doctor(config: DoctorConfig, context: Context) -> DoctorResult:
    """Check this machine; ContractError names what is missing and the remedy."""
    from sentiment_local.doctor import diagnose, require
    from sentiment_local.usable import require_usable

    context.progress("checking this machine")
    require_usable(context.settings)
    checks = diagnose(context.settings)
    require(checks)
    return DoctorResult(checks=tuple(CheckRow(**check._asdict()) for check in checks))


def up(config: PlatformConfig, context: Context) -> UpResult:
    """Start the platform on this machine, after its checks; started already, it stays as it is."""
    from sentiment_local.login import read_login
    from sentiment_local.platform import start

    platform = start(context.settings, context.progress)
    login = read_login(context.settings)
    return UpResult(airflow=platform.airflow_url, **vars(login), mlflow=platform.mlflow_url)


def down(config: PlatformConfig, context: Context) -> DownResult:
    """Stop the platform on this machine."""
    from sentiment_local.platform import stop

    context.progress("stopping")
    return DownResult(stopped=stop(context.settings))


def status(config: StatusConfig, context: Context) -> StatusResult:
    """Show what of the platform runs on this machine and how to reach it, or which days need somebody."""
    from sentiment_local.day_report import day_report
    from sentiment_local.status import described

    if config.days:
        context.progress("looking at landing, lake and Airflow")
        return day_report(context.settings, config.days, context.now.date())
    return described(context.settings)


def sample(config: SampleConfig, context: Context) -> SampleResult:
    """Generate reviews to try the platform on."""
    from sentiment_local.sample.generate import generate

    return generate(config, context.progress)


def demo(config: DemoConfig, context: Context) -> DemoResult:
    """Run the main job on this machine, end to end, and leave the platform up."""
    from sentiment_local.demo import run_demo

    return run_demo(config, context)


VERBS: tuple[AnyVerb, ...] = (
    Verb(name="doctor", config=DoctorConfig, result=DoctorResult, run=doctor, group="Platform"),
    Verb(name="demo", config=DemoConfig, result=DemoResult, run=demo, group="Platform", example="--reviews a.csv"),
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
