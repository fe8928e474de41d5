"""What is shown of lake and registry."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.views.config import ReportConfig
from sentiment.views.results import ReportResult


def report(config: ReportConfig, context: Context) -> ReportResult:
    """Show the last scored days and the model in force."""
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.registry.versions import Registry
    from sentiment.views.report import report_days

    context.progress("reading the lake")
    return report_days(config, Lake(context.settings.lake_root), Registry(context.settings))


REPORT = Verb(name="report", config=ReportConfig, result=ReportResult, run=report, group="Scoring", example="--days 14")
