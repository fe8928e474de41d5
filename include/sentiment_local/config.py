"""How this machine is checked, how the platform runs on it, and the sample that it is tried on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from sentiment.core.config import MOST_DAYS, Day, VerbConfig
from sentiment.readers.config import ReviewOptions


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


class DemoConfig(ReviewOptions):
    """Run the main job on this machine, or go on with it: import, train, promote, score days; the platform stays up."""

    reviews: Path | None = Field(
        None,
        description="Folder of reviews (a history, daily/, meta_*), or one file or Spark folder, whose last days "
        "become the daily files; a sample when empty.",
    )
    days: int = Field(7, ge=1, le=MOST_DAYS, description="How many of the last landed days that have ended are scored.")
    encoder_reviews: int = Field(2_000, ge=200, description="Reviews that the encoder is trained on.")
    linear_reviews: int = Field(60_000, ge=200, description="Reviews that the linear baseline is trained on.")


class SampleConfig(VerbConfig):
    """Generate reviews to try the platform on: a history, daily files and products, the same for the same seed."""

    output: Path = Field(description="Folder to write; it may be given to the demo as REVIEWS.")
    reviews: int = Field(20_000, ge=100, description="About how many reviews.")
    days: int = Field(60, ge=10, le=MOST_DAYS, description="Over how many days.")
    daily_days: int = Field(14, ge=7, le=MOST_DAYS, description="How many of the last days become daily files.")
    last_day: Day = Field(date(2024, 6, 29), description="The last day.")
    seed: int = Field(17, description="Seed of everything that is drawn.")
