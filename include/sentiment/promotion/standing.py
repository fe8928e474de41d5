"""Who is champion: what the alias in MLflow says, held against the ledger. It judges nobody."""

from __future__ import annotations

from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history
from sentiment.stores.registry.versions import Registry

NO_CHAMPION = (
    "there is no champion yet: train and promote a model first (trigger the DAG train_models, "
    "or run `sentiment train`, `sentiment export --run-id RUN` and `sentiment promote`)"
)


def champion_of(registry: Registry, lake: Lake) -> int:
    """Return the champion in force; ContractError saying whether there never was one, or it is gone."""
    champion = registry.champion()
    if champion is None:
        raise ContractError(missing(registry, lake))
    return champion


def missing(registry: Registry, lake: Lake) -> str:
    """Say why the alias names no version: nobody was promoted yet, or the champion of the ledger is gone."""
    rows = history(lake)
    if not rows:
        return NO_CHAMPION
    known = registry.versions()
    last, others = rows[-1], ", ".join(str(one.version) for one in known) or "none"
    what = "the alias" if last.version in {one.version for one in known} else "the version"
    return (
        f"MLflow's alias {CHAMPION} names no version, though version {last.version} is champion since "
        f"{last.at:%Y-%m-%d}: somebody deleted {what} there. Put one in force with `sentiment rollback --version "
        f'NUMBER --reason "…"`; registered are: {others}'
    )


def unfinished(registry: Registry, lake: Lake) -> int | None:
    """Return the version whose first promotion was written down and did not reach the alias, if there is one.

    Every later change leaves the alias at the champion before, so only the first can end without any.
    """
    rows = history(lake)
    first = rows[0] if len(rows) == 1 and rows[0].previous is None else None
    known = {one.version for one in registry.versions()} if first else set()
    return first.version if first and first.version in known else None
