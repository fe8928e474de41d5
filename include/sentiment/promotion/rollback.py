"""The verb that goes back: an earlier version becomes champion again because a person says so. It judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pyarrow import compute

from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.progress import OnProgress
from sentiment.core.provenance import actor
from sentiment.core.settings import Settings
from sentiment.promotion.change import make_champion
from sentiment.promotion.config import RollbackConfig
from sentiment.promotion.standing import missing
from sentiment.stores.lake.schemas import DAILY_SENTIMENT
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history
from sentiment.stores.registry.versions import Registry


def roll_back(config: RollbackConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Make an earlier version champion again, write down who and why, and tell how to score its days anew.

    The bundle is fetched and checked before anything is written. Called again after a crash it finishes what it began.
    Where the champion is gone from MLflow, a version that is named takes its place. Raises ContractError when the
    version is unknown, is champion already, or none is named and the ledger knows none.
    """
    registry, lake = Registry(settings), Lake(settings.lake_root)
    present = registry.alias(CHAMPION)
    if present is None and config.version is None:
        raise ContractError(missing(registry, lake))
    recorded = [change.version for change in history(lake)]
    number = _target(config, recorded, present)
    if number is None:
        others = ", ".join(str(one.version) for one in registry.versions() if one.version != present) or "there is none"
        raise ContractError(
            f"the ledger knows no champion before version {present}; name a version with --version: {others}"
        )
    target = registry.version(number)
    on_progress(f"fetching and checking the bundle of version {target.version}", 0, 0)
    registry.fetch_bundle(target.version)
    make_champion(registry, lake, target.version, present, config.reason)
    on_progress(f"version {target.version} is champion", 0, 0)
    return {
        "champion": target.version,
        "previous": present,
        "family": target.tags.get("family"),
        "reason": config.reason,
        "decided_by": actor(),
        **_rescore(lake, present, target.version),
    }


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


def _rescore(lake: Lake, left: int | None, champion: int) -> dict[str, Any]:
    """Return how many days bear scores of the version that was left, and the command that scores them anew."""
    days = _days_scored_by(lake, left) if left not in (None, champion) else []
    if not days:
        return {"days_to_rescore": 0}
    command = f"sentiment rescore --from-day {days[0]} --to-day {days[-1]}"
    return {"days_to_rescore": len(days), "rescore": f"{command} (or the DAG rescore_range with these days)"}


def _days_scored_by(lake: Lake, version: int | None) -> list[date]:
    rows = lake.read(DAILY_SENTIMENT, columns=["review_date", "model_version"])
    scored = rows.filter(compute.equal(rows["model_version"], str(version)))
    return sorted(compute.unique(scored["review_date"]).to_pylist())
