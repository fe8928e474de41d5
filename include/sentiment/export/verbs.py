"""A trained run made a bundle and a registered version."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb, VerbResult
from sentiment.core.wording import percent
from sentiment.export.config import ExportConfig


class ExportResult(VerbResult):
    """A registered version, its figures on the test reviews as scoring runs it, and its parity with the trained model.

    `reviews_per_second` is of one thread. A bundle without a cascade has no figures of its gate.
    """

    version: int
    run_id: str
    family: str
    accuracy: float
    macro_f1: float
    false_negative_rate_negatives: float
    log_loss: float
    ece: float
    reviews_per_second: float
    test_gate_share: float | None = None
    test_gate_accuracy: float | None = None

    def sentences(self) -> list[str]:
        """Say version and figures."""
        share = self.test_gate_share
        gate = f", of which its pre-filter answers {percent(share)}" if share is not None else ""
        return [
            f"Version {self.version} ({self.family}): accuracy {percent(self.accuracy)}, macro F1 "
            f"{self.macro_f1:.3f} on the test reviews as it scores{gate}."
        ]

    def version_named(self) -> int | None:
        """Return the version."""
        return self.version


def export(config: ExportConfig, context: Context) -> ExportResult:
    """Export a trained run as a bundle that passed its parity check, measure what will run, and register it."""
    from sentiment.export.register import export_and_register

    return ExportResult.model_validate(export_and_register(config, context.settings, context.progress))


EXPORT = Verb(
    name="export", config=ExportConfig, result=ExportResult, run=export, group="Models", example="--run-id RUN"
)
