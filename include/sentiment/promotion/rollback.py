"""The verb that goes back: an earlier version becomes champion again because a person says so. It judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter

from pyarrow import compute

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.promotion.champion import make_champion, missing
from sentiment.promotion.config import RollbackConfig
from sentiment.promotion.results import RollbackResult
from sentiment.stores.lake.schemas import DAILY_SENTIMENT
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history
from sentiment.stores.registry.versions import Registry


def roll_back(config: RollbackConfig, registry: Registry, context: Context) -> RollbackResult:
    """Make an earlier version champion again, write down who and why, and tell how to score its days anew.

    The bundle is fetched and checked before anything is written. Called again after a crash it finishes what it began.
    Where the champion is gone from MLflow, a version that is named takes its place. Raises ContractError when the
    version is unknown, is champion already, or none is named and the ledger knows none.
    """
    lake = Lake(context.settings.lake_root)
    present = registry.alias(CHAMPION)
    if present is None and config.version is None:
        raise ContractError(missing(registry, lake))
    recorded = [change.version for change in history(lake)]
    number = _target(config, recorded, present)
    if number is None:
        others = [str(known.version) for known in registry.versions() if known.version != present]
        raise ContractError(
            f"the ledger knows no champion before version {present}; name a version with --version: "
            f"{', '.join(others) or 'there is none'}"
        )
    target = registry.version(number)
    context.progress(f"fetching and checking the bundle of version {number}")
    registry.fetch_bundle(number)
    # All that may fail comes before: the command typed again after an error would go back one more version.
    ranges = _scored_by(lake, present) if present not in (None, number) else []
    make_champion(registry, lake, number, present, config.reason, context)
    context.progress(f"version {number} is champion")
    return RollbackResult(
        champion=number,
        previous=present,
        family=target.tags.get("family"),
        reason=config.reason,
        decided_by=context.actor,
        days_to_rescore=sum(map(len, ranges)),
        **({"rescore": _command(ranges)} if ranges else {}),
    )


def previous_champion(recorded: Sequence[int], present: int) -> int | None:
    """Return the version that was champion before the present one, from the versions in the ledger's order.

    A version that was gone back from is not among them: after 1, 2, 3 and back to 2 it is 1.
    """
    reigns: list[int] = []
    for version in [*recorded, present]:
        reigns = [*reigns[: reigns.index(version)], version] if version in reigns else [*reigns, version]
    return reigns[-2] if len(reigns) > 1 else None


def _target(config: RollbackConfig, recorded: Sequence[int], present: int | None) -> int | None:
    # The alias may have been moved by hand: then to name its version once more writes that down.
    if config.version == present and recorded[-1:] in ([], [present]):
        raise ContractError(f"version {present} is the champion already; name another one with --version")
    return config.version if present is None else config.version or previous_champion(recorded, present)


def _command(ranges: Sequence[Sequence[date]]) -> str:
    """Return how the days are scored anew."""
    commands = "; ".join(f"sentiment rescore --from-day {days[0]} --to-day {days[-1]}" for days in ranges)
    return f"{commands} (or the DAG rescore_range with these days)"


def _scored_by(lake: Lake, version: int | None) -> list[list[date]]:
    """Return the days that bear a version's scores, parted where a day between them bears another's alone."""
    state, scored = lake.state(DAILY_SENTIMENT), dict[date, bool]()
    for day in sorted(state.days):
        # A day after the other: ten years of a large shop's products would fill the memory.
        versions = compute.unique(state.read((day, day), ["model_version"])["model_version"]).to_pylist()
        if versions:
            scored[day] = str(version) in versions
    return [[day for day, _ in days] for ours, days in groupby(scored.items(), key=itemgetter(1)) if ours]
