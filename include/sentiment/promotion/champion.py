"""Who is champion, as MLflow's alias and the ledger say it together, and how another version becomes it."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.core.names import CHAMPION
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history, record
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
    known = [version.version for version in registry.versions()]
    last, registered = rows[-1], ", ".join(map(str, known)) or "none"
    what = "the alias" if last.version in known else "the version"
    return (
        f"MLflow's alias {CHAMPION} names no version, though version {last.version} is champion since "
        f"{last.at:%Y-%m-%d}: somebody deleted {what} there. Put one in force with `sentiment rollback --version "
        f'NUMBER --reason "…"`; registered are: {registered}'
    )


def unfinished(registry: Registry, lake: Lake) -> int | None:
    """Return the version whose first promotion was written down and did not reach the alias, if there is one.

    Every later change leaves the alias at the champion before, so only the first can end without any.
    """
    rows = history(lake)
    first = rows[0] if len(rows) == 1 and rows[0].previous is None else None
    known = {version.version for version in registry.versions()} if first else set()
    return first.version if first and first.version in known else None


def make_champion(
    registry: Registry, lake: Lake, version: int, present: int | None, reason: str, context: Context
) -> None:
    """Write the change down and move the alias; `present` is the champion that the decision was made against.

    The ledger gets its row before the alias moves: a crash between the two is mended by the retry, and no change of
    champion goes unrecorded. Raises ConcurrentWriteError when another run moved the alias, or wrote a row, since: of
    two that decide at once one is told to decide again, against the other's champion.
    """
    now = registry.alias(CHAMPION)
    if now != present:
        raise ConcurrentWriteError(
            f"another run made version {now} champion while this one was deciding against version {present}; "
            "nothing of this run was written: run it again"
        )
    written = record(lake, version, present, reason, context)
    last = history(lake)[-1]
    if last != written:
        raise ConcurrentWriteError(
            f"another run wrote that version {last.version} is champion while this one was about to make version "
            f"{version} champion; the alias was left as it is: run it again"
        )
    registry.set_champion(version, present)
