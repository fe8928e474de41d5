"""What is asked of the lake and the registry, to be shown."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import MOST_DAYS, VerbConfig


class ReportConfig(VerbConfig):
    """Show what the lake holds for the last scored days, and the model in force."""

    days: int = Field(7, ge=1, le=MOST_DAYS, description="How many days, counted back from the last scored one.")
