"""What is shown of lake and registry."""

from __future__ import annotations

from typing import Any

from sentiment.core.context import Context
from sentiment.core.verb import Verb, VerbResult
from sentiment.views.config import ReportConfig

Rows = tuple[dict[str, Any], ...]


class ReportResult(VerbResult):
    """The champion beside its rivals, and a row a day for the last scored days.

    `compared` are the versions that were measured on the champion's test reviews, `measured_on_other_reviews` those
    whose figures cannot be held against them; `note` says which days bear another version's scores.
    """

    champion: int | None
    note: str | None = None
    days: Rows
    compared: Rows
    measured_on_other_reviews: Rows | None = None


def report(config: ReportConfig, context: Context) -> ReportResult:
    """Show the last scored days and the model in force."""
    from sentiment.views.report import report_days

    context.progress("reading the lake", 0, 0)
    return ReportResult.model_validate(report_days(config, context.settings))


REPORT = Verb(name="report", config=ReportConfig, result=ReportResult, run=report, group="Scoring", example="--days 14")
