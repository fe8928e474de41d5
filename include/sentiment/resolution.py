"""Which model version scores which day, and the days of a range. Knows registry and ledger, nothing of scoring."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.config import CHAMPION, DayRange, Settings
from sentiment.errors import ContractError

if TYPE_CHECKING:
    from sentiment.registry import Registry


def days_of(config: DayRange) -> list[date]:
    """Return every day of a closed range."""
    return [config.from_day + timedelta(n) for n in range((config.last_day - config.from_day).days + 1)]


def versions_of(days: list[date], model: str, settings: Settings) -> dict[date, int]:
    """Return the version that scores each day, and put every bundle of them into this machine's cache."""
    from sentiment.registry import Registry

    registry = Registry(settings)
    versions = {day: _version(model, day, registry, settings) for day in days}
    for version in set(versions.values()):
        registry.fetch_bundle(version)
    return versions


def days_by_version(days: list[date], model: str, settings: Settings) -> dict[tuple[str, Path], list[date]]:
    """Group days by the version that scores them, with its bundle in this machine's cache."""
    if model.isdigit() and (cached := settings.home / "bundles" / model).is_dir():
        return {(model, cached): days}  # resolved before, by the task in front: no need of MLflow
    from sentiment.registry import Registry

    registry = Registry(settings)
    groups: dict[tuple[str, Path], list[date]] = {}
    for day in days:
        version = _version(model, day, registry, settings)
        groups.setdefault((str(version), registry.fetch_bundle(version)), []).append(day)
    return groups


def bundle_of(model: str, settings: Settings) -> tuple[str, Path]:
    """Return the version that a model reference means today, and its bundle."""
    ((version, bundle),) = days_by_version([datetime.now(UTC).date()], model, settings)
    return version, bundle


def _version(model: str, day: date, registry: Registry, settings: Settings) -> int:
    from sentiment.lake.tables import Lake
    from sentiment.promotion import champion_at, champion_of

    if model.isdigit():
        return registry.version(int(model)).version
    if model == CHAMPION:
        return champion_of(registry, Lake(settings.lake_root))
    at_date = champion_at(Lake(settings.lake_root), day)
    if at_date is None:
        raise ContractError(f"no model was champion on {day} yet; choose model=champion or a version number")
    return at_date
