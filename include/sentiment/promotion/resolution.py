"""Which model version scores which day. Knows registry and ledger, nothing of scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.settings import Settings

if TYPE_CHECKING:
    from sentiment.stores.registry.versions import Registry


def bundles_of(days: Sequence[date], model: str, settings: Settings) -> dict[int, str]:
    """Return the versions that score the days, with the content of each, and put it into this machine's cache.

    A champion that somebody made in MLflow is written down in the ledger on this occasion.
    """
    from sentiment.engine.bundle import identity
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.ledger import observe
    from sentiment.stores.registry.versions import Registry

    registry, (number, _, content) = Registry(settings), model.partition("@")
    if not number.isdigit():
        observe(Lake(settings.lake_root), registry.alias(CHAMPION))
    versions = {_version(number, day, registry, settings) for day in days}
    bundles = {version: identity(registry.fetch_bundle(version)) for version in sorted(versions)}
    _require(content, bundles)
    return bundles


def days_by_version(days: Sequence[date], model: str, settings: Settings) -> dict[tuple[str, Path], list[date]]:
    """Group days by the version that scores them, with its bundle in this machine's cache."""
    from sentiment.engine.bundle import identity
    from sentiment.stores.registry.bundles import cached_bundle
    from sentiment.stores.registry.versions import Registry

    number, _, content = model.partition("@")
    if cached := cached_bundle(settings, content):
        return {(number, cached): list(days)}  # resolved before, by the task in front: no need of MLflow
    registry = Registry(settings)
    versions = {day: _version(number, day, registry, settings) for day in days}
    bundles = {version: registry.fetch_bundle(version) for version in set(versions.values())}
    _require(content, {version: identity(bundle) for version, bundle in bundles.items()})
    groups: dict[tuple[str, Path], list[date]] = {}
    for day, version in versions.items():
        groups.setdefault((str(version), bundles[version]), []).append(day)
    return groups


def bundle_of(model: str, today: date, settings: Settings) -> tuple[str, Path]:
    """Return the version that a model reference means today, and its bundle."""
    ((version, bundle),) = days_by_version([today], model, settings)
    return version, bundle


def _require(content: str, found: Mapping[int, str]) -> None:
    """Raise ContractError when a version is no longer what it was when the task in front looked."""
    for version, holds in found.items():
        if content and holds != content:
            raise ContractError(
                f"version {version} holds another model ({holds}) than when this run began ({content}): start a new run"
            )


def _version(model: str, day: date, registry: Registry, settings: Settings) -> int:
    from sentiment.promotion.standing import champion_of
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.ledger import champion_at

    if model.isdigit():
        return registry.version(int(model)).version
    if model == CHAMPION:
        return champion_of(registry, Lake(settings.lake_root))
    at_date = champion_at(Lake(settings.lake_root), day)
    if at_date is None:
        raise ContractError(f"no model was champion on {day} yet; choose model=champion or a version number")
    return at_date
