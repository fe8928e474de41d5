"""Candidates compared, a version put in force, and an earlier one put back."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.promotion.config import CompareConfig, PromoteConfig, RollbackConfig
from sentiment.promotion.results import CompareResult, PromoteResult, RollbackResult


def compare(config: CompareConfig, context: Context) -> CompareResult:
    """Say which of several trained candidates is better beyond chance, and choose one run of each."""
    from sentiment.stores.registry.entries import require_run_ids

    require_run_ids(config.runs)
    from sentiment.promotion.comparison import compare_runs
    from sentiment.stores.registry.versions import Registry

    return compare_runs(config, Registry(context.settings), context)


def promote(config: PromoteConfig, context: Context) -> PromoteResult:
    """Compare the best candidate with baseline and champion on the same test reviews, and move the alias if due."""
    from sentiment.promotion.promote import promote_best
    from sentiment.stores.registry.versions import Registry

    return promote_best(config, Registry(context.settings), context)


def rollback(config: RollbackConfig, context: Context) -> RollbackResult:
    """Make an earlier version champion again, in ledger and alias, and say how to score its days anew."""
    from sentiment.promotion.rollback import roll_back
    from sentiment.stores.registry.versions import Registry

    return roll_back(config, Registry(context.settings), context)


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
