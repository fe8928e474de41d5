"""This machine: its checks, the platform on it, and the demo."""

from __future__ import annotations

from sentiment import config as c
from sentiment.pipeline.result import Result
from sentiment.progress import OnProgress, logged


def doctor(config: c.DoctorConfig, on_progress: OnProgress = logged) -> Result:
    """Check this machine; ContractError names what is missing and the remedy."""
    from sentiment.local.doctor import diagnose, require
    from sentiment.local.usable import require_usable

    on_progress("checking this machine", 0, 0)
    require_usable(c.Settings())
    checks = diagnose(c.Settings())
    require(c.Settings())
    return {"checks": [vars(check) if not hasattr(check, "_asdict") else check._asdict() for check in checks]}


def up(config: c.PlatformConfig, on_progress: OnProgress = logged) -> Result:
    """Start the platform on this machine, after its checks; started already, it stays as it is."""
    from sentiment.local.login import read_login
    from sentiment.local.platform import start

    settings = c.Settings()
    platform = start(settings, lambda step: on_progress(step, 0, 0))
    return {"airflow": platform.airflow_url, **vars(read_login(settings)), "mlflow": platform.mlflow_url}


def down(config: c.PlatformConfig, on_progress: OnProgress = logged) -> Result:
    """Stop the platform on this machine."""
    from sentiment.local.platform import stop

    on_progress("stopping", 0, 0)
    return {"stopped": stop(c.Settings())}


def status(config: c.StatusConfig, on_progress: OnProgress = logged) -> Result:
    """Show what of the platform runs on this machine and how to reach it, or which days need somebody."""
    from sentiment.local.day_report import day_report
    from sentiment.local.status import described

    if config.days:
        on_progress("looking at landing, lake and Airflow", 0, 0)
        return day_report(c.Settings(), config.days)
    return described(c.Settings())


def demo(config: c.DemoConfig, on_progress: OnProgress = logged) -> Result:
    """Run the main job on this machine, end to end, and leave the platform up."""
    from sentiment.local.demo import run_demo

    return run_demo(config, on_progress)
