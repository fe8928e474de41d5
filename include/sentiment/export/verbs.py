"""A trained run made a bundle and a registered version."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.export.config import ExportConfig
from sentiment.export.results import ExportResult


def export(config: ExportConfig, context: Context) -> ExportResult:
    """Export a trained run as a bundle that passed its parity check, measure what will run, and register it."""
    from sentiment.stores.registry.entries import require_run_ids

    require_run_ids([config.run_id])
    from sentiment.export.engines import require_buildable

    require_buildable(config.engines)
    from sentiment.export.register import export_and_register
    from sentiment.stores.registry.versions import Registry

    return export_and_register(config, Registry(context.settings), context)


EXPORT = Verb(
    name="export", config=ExportConfig, result=ExportResult, run=export, group="Models", example="--run-id RUN"
)
