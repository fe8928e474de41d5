"""Whether a candidate becomes the champion: a pure function, the ledger of every change, and the verb around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sentiment.config import PromoteConfig, Settings
from sentiment.datasets.pin import snapshot_folder
from sentiment.datasets.read import read_split
from sentiment.errors import ContractError
from sentiment.lake.schemas import PROMOTIONS
from sentiment.lake.tables import Lake
from sentiment.progress import OnProgress
from sentiment.provenance import actor, provenance
from sentiment.registry import ModelVersion, Registry


@dataclass(frozen=True)
class Measured:
    """A model version with its figures on one set of test reviews."""

    version: int
    family: str
    macro_f1: float
    accuracy: float


@dataclass(frozen=True)
class Decision:
    """Which version to promote, or None, and why."""

    version: int | None
    reason: str


def decide(candidate: Measured, champion: Measured | None, baseline: Measured | None, tolerance: float) -> Decision:
    """Judge a candidate; all three were measured on the same test reviews.

    It becomes champion when its macro F1 lacks at most `tolerance` against the linear baseline and against the
    champion: a newer model that is as good knows newer reviews. Without champion the baseline alone is the bar.
    """
    for name, rival in (("the linear baseline", baseline), ("the champion", champion)):
        if rival is not None and rival.version == candidate.version:
            if name == "the champion":
                return Decision(None, f"version {candidate.version} is the champion already")
            continue
        if rival is not None and candidate.macro_f1 < rival.macro_f1 - tolerance:
            return Decision(
                None,
                f"version {candidate.version} has macro F1 {candidate.macro_f1:.4f}, {name} (version {rival.version}) "
                f"{rival.macro_f1:.4f}: worse by more than {tolerance}",
            )
    against = (
        f", the champion (version {champion.version}) {champion.macro_f1:.4f}" if champion else ", the first champion"
    )
    return Decision(candidate.version, f"version {candidate.version} has macro F1 {candidate.macro_f1:.4f}{against}")


def promote_best(config: PromoteConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Judge the best of the candidates against baseline and champion, and move the alias when it wins.

    The ledger gets its row before the alias moves: a crash between the two is mended by the retry, and no change of
    champion goes unrecorded.
    """
    registry, lake = Registry(settings), Lake(settings.lake_root)
    versions = _candidates(registry, config.versions)
    judged = versions[0]
    candidates = [_measured(one) for one in versions]
    candidate = max(candidates, key=_merit)
    linear = [one for one in candidates if one.family == "linear"] or _registered_baseline(registry, judged)
    baseline = max(linear, key=_merit, default=None)
    present = registry.champion()
    on_progress("comparing with the champion", 0, 0)
    champion = _on_the_same_test(registry, settings, present, judged) if present is not None else None
    decision = decide(candidate, champion, baseline, config.tolerance)
    if decision.version is not None:
        record(lake, decision.version, present, decision.reason)
        registry.set_champion(decision.version)
    return {
        "promoted": decision.version is not None,
        "champion": decision.version if decision.version is not None else present,
        "previous": present,
        "reason": decision.reason,
        "candidates": [vars(one) for one in candidates],
    }


def record(lake: Lake, version: int, previous: int | None, reason: str) -> None:
    """Add a change of champion to the ledger, unless it is the last one already (a retry after a crash)."""
    rows = changes(lake)
    if rows and rows[-1][1] == version:
        return
    row = {
        "version": str(version),
        "previous_version": str(previous) if previous is not None else None,
        "decided_by": actor(),
        "reason": reason,
        "at": datetime.now(UTC),
    }
    lake.append(PROMOTIONS, [row], provenance())


def changes(lake: Lake) -> list[tuple[datetime, int]]:
    """Return (moment, version) of every change of champion, the oldest first."""
    rows = lake.read(PROMOTIONS).to_pylist()
    return sorted((row["at"], int(row["version"])) for row in rows)


def champion_at(lake: Lake, day: date) -> int | None:
    """Return the version that was champion at the end of a day (UTC), or None before the first."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    earlier = [version for at, version in changes(lake) if at < end]
    return earlier[-1] if earlier else None


def _merit(one: Measured) -> tuple[float, bool]:
    """Order candidates by macro F1; of equals the linear one comes first, which is cheaper to run."""
    return one.macro_f1, one.family == "linear"


def _candidates(registry: Registry, versions: tuple[int, ...]) -> list[ModelVersion]:
    found = [registry.version(number) for number in versions] or registry.versions()[:1]
    if not found:
        raise ContractError("no model version is registered; run train and export first")
    if len({_test_set(one) for one in found}) > 1:
        raise ContractError(
            "the candidates were measured on different test reviews: "
            + "; ".join(f"version {one.version} on {' / '.join(_test_set(one))}" for one in found)
            + ". Train and export them on one snapshot with the same test_reviews"
        )
    return found


def _test_set(one: ModelVersion) -> tuple[str, str]:
    return one.tags["snapshot"], one.tags["test_reviews"]


def _measured(one: ModelVersion) -> Measured:
    return Measured(one.version, one.tags["family"], float(one.tags["macro_f1"]), float(one.tags["accuracy"]))


def _registered_baseline(registry: Registry, judged: ModelVersion) -> list[Measured]:
    same = [one for one in registry.versions() if _test_set(one) == _test_set(judged)]
    return [_measured(one) for one in same if one.tags["family"] == "linear"]


def _on_the_same_test(registry: Registry, settings: Settings, number: int, judged: ModelVersion) -> Measured:
    """Return the champion's figures on the candidate's test reviews, measured anew when they were others."""
    champion = registry.version(number)
    if _test_set(champion) == _test_set(judged):
        return _measured(champion)
    from sentiment.export.register import measure_bundle

    snapshot, test_reviews = _test_set(judged)
    test = read_split(snapshot_folder(Lake(settings.lake_root), snapshot), "test", int(test_reviews))
    figures = measure_bundle(registry.fetch_bundle(number), test)
    return Measured(number, champion.tags["family"], figures["macro_f1"], figures["accuracy"])
