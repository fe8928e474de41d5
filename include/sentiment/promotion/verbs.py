"""Candidates compared, a version put in force, and an earlier one put back."""

from __future__ import annotations

from typing import Any

from sentiment.core.context import Context
from sentiment.core.verb import Verb, VerbResult
from sentiment.core.wording import counted
from sentiment.promotion.config import CompareConfig, PromoteConfig, RollbackConfig

Rows = tuple[dict[str, Any], ...]


class CompareResult(VerbResult):
    """The run chosen of each candidate, a row a candidate (`candidates`) and a row a pair of them (`comparisons`)."""

    runs: tuple[str, ...]
    candidates: Rows
    comparisons: Rows

    def sentences(self) -> list[str]:
        """Say the first two verdicts."""
        verdicts = [f"{row['verdict']}." for row in self.comparisons]
        return verdicts[:2] or [f"{counted(len(self.runs), 'candidate')}, nothing to compare it with."]


class PromoteResult(VerbResult):
    """Whether a version was promoted, who is champion now and was before, why, and upon which evidence.

    `evidence` is there where there was a champion to be held against; `left_out` says why of versions that could not be
    judged.
    """

    promoted: bool
    champion: int | None
    previous: int | None
    reason: str
    candidates: Rows
    left_out: dict[str, str] | None = None
    evidence: dict[str, Any] | None = None

    def sentences(self) -> list[str]:
        """Say what was decided, and why."""
        outcome = f"Version {self.champion} is champion now" if self.promoted else "Nothing was promoted"
        return [f"{outcome}: {self.reason}."]

    def version_named(self) -> int | None:
        """Return the champion, where there is one."""
        return self.champion


class RollbackResult(VerbResult):
    """The version that is champion again, and the command that scores the days anew that bear the other's scores."""

    champion: int
    previous: int | None
    family: str | None
    reason: str
    decided_by: str
    days_to_rescore: int
    rescore: str | None = None


def compare(config: CompareConfig, context: Context) -> CompareResult:
    """Say which of several trained candidates is better beyond chance, and choose one run of each."""
    from sentiment.promotion.comparison import compare_runs

    return CompareResult.model_validate(compare_runs(config, context.settings, context.progress))


def promote(config: PromoteConfig, context: Context) -> PromoteResult:
    """Compare the best candidate with baseline and champion on the same test reviews, and move the alias if due."""
    from sentiment.promotion.promote import promote_best

    return PromoteResult.model_validate(promote_best(config, context.settings, context.progress))


def rollback(config: RollbackConfig, context: Context) -> RollbackResult:
    """Make an earlier version champion again, in ledger and alias, and say how to score its days anew."""
    from sentiment.promotion.rollback import roll_back

    return RollbackResult.model_validate(roll_back(config, context.settings, context.progress))


COMPARE = Verb(
    name="compare",
    config=CompareConfig,
    result=CompareResult,
    run=compare,
    group="Models",
    example="RUN RUN",
    positional="runs",
)
PROMOTE = Verb(
    name="promote", config=PromoteConfig, result=PromoteResult, run=promote, group="Models", example="--versions 3"
)
ROLLBACK = Verb(
    name="rollback",
    config=RollbackConfig,
    result=RollbackResult,
    run=rollback,
    group="Models",
    example='--reason "complaints about speakers"',
)
