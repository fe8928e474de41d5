"""Which model version scores which day, and where its bundle lies on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.settings import Settings
from sentiment.promotion.champion import champion_of
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import champions_at
from sentiment.stores.registry.bundles import FetchedBundle, cached_bundle
from sentiment.stores.registry.versions import Registry


@dataclass(frozen=True)
class ModelChoice:
    """Which version is meant: that of a number, or the champion, in force now or at the end of each day.

    `content` is what the version held when the task in front looked; empty where none has looked yet.
    """

    version: int | None = None
    at_date: bool = False
    content: str = ""

    @classmethod
    def parsed(cls, reference: str) -> Self:
        """Parse a valid ModelReference: `champion`, `champion_at_date`, `3` or `3@CONTENT`."""
        number, _, content = reference.partition("@")
        if number not in {CHAMPION, "champion_at_date"}:
            return cls(version=int(number), content=content)
        return cls(at_date=reference != CHAMPION)


@dataclass(frozen=True)
class VersionDays:
    """A version with its checked bundle, and the days that it scores."""

    version: int
    bundle: FetchedBundle
    days: tuple[date, ...]


def resolve(
    days: Sequence[date], choice: ModelChoice, settings: Settings, open_registry: Callable[[Settings], Registry]
) -> list[VersionDays]:
    """Return the versions that score the days, each once, in the order of their numbers.

    Where a task in front has looked and the bundle is in this machine's cache, MLflow is not asked. Raises
    ContractError when no model was champion on a day, or a version is no longer what it was when that task looked.
    """
    if choice.version is not None and (cached := cached_bundle(settings, choice.content)):
        return [VersionDays(choice.version, cached, tuple(days))]
    registry = open_registry(settings)
    groups: dict[int, list[date]] = {}
    for day, version in _versions(days, choice, registry, Lake(settings.lake_root)).items():
        groups.setdefault(version, []).append(day)
    return [
        VersionDays(version, _fetched(registry, version, choice.content), tuple(group))
        for version, group in sorted(groups.items())
    ]


def bundle_of(model: str, today: date, settings: Settings) -> tuple[int, FetchedBundle]:
    """Return the version that a model reference means today, and its bundle."""
    (resolved,) = resolve([today], ModelChoice.parsed(model), settings, Registry)
    return resolved.version, resolved.bundle


def _versions(days: Sequence[date], choice: ModelChoice, registry: Registry, lake: Lake) -> dict[date, int]:
    if not choice.at_date:
        return dict.fromkeys(days, champion_of(registry, lake) if choice.version is None else choice.version)
    found = {}
    for day, version in champions_at(lake, days).items():
        if version is None:
            raise ContractError(f"no model was champion on {day} yet; choose model=champion or a version number")
        found[day] = version
    return found


def _fetched(registry: Registry, version: int, content: str) -> FetchedBundle:
    bundle = registry.fetch_bundle(version)
    if content and bundle.content != content:
        raise ContractError(
            f"version {version} holds another model ({bundle.content}) than when this run began ({content}): start a "
            "new run"
        )
    return bundle
