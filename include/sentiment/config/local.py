"""How this machine is checked, and how the platform runs on it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sentiment.config.verb import VerbConfig


class DoctorConfig(VerbConfig):
    """Check this machine before anything is started: Python, Java, ports, disk, memory, versions."""


class PlatformConfig(VerbConfig):
    """Start (up) or stop (down) the platform on this machine: Airflow with its UI, and the MLflow server."""


class StatusConfig(VerbConfig):
    """Show the platform on this machine: each component's state, memory, age, restarts and log; addresses and login."""

    days: int | None = Field(
        None,
        ge=1,
        le=20_000,
        description="Show the last so many days instead: gaps, days to score again, failed ones, and what to do.",
    )


class DemoConfig(VerbConfig):
    """Run the main job on this machine, or go on with it: import, train, promote, score days; the platform stays up."""

    reviews: Path | None = Field(
        None, description="Folder of reviews (*.jsonl.gz, daily/, meta_*); a sample when empty."
    )
    days: int = Field(7, ge=1, description="How many of the last landed days are scored.")
    encoder_reviews: int = Field(2_000, ge=200, description="Reviews that the encoder is trained on.")
    linear_reviews: int = Field(60_000, ge=200, description="Reviews that the linear baseline is trained on.")
