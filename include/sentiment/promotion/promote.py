"""The verb around the gate: choose the challenger, gather the evidence, decide, record, move the alias."""

from __future__ import annotations

from typing import Any

from sentiment.config import PromoteConfig, Settings
from sentiment.datasets.pin import snapshot_folder
from sentiment.datasets.read import read_split
from sentiment.errors import ContractError
from sentiment.lake.tables import Lake
from sentiment.progress import OnProgress
from sentiment.promotion.change import make_champion
from sentiment.promotion.evidence import Evidence, Measured
from sentiment.promotion.gate import Decision, choose_challenger, decide
from sentiment.promotion.versions import gather, measured, test_set
from sentiment.registry import ModelVersion, Registry


def promote_best(config: PromoteConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Judge the best of the candidates against baseline and champion, and move the alias when it wins.

    `evidence` is None where there was no champion to be held against.
    """
    registry, lake = Registry(settings), Lake(settings.lake_root)
    versions = _candidates(registry, config.versions)
    candidates = [measured(one) for one in versions]
    challenger = choose_challenger(candidates, config.tolerance)
    baseline = _baseline(registry, candidates, versions[0])
    present = registry.champion()
    champion, evidence = None, None
    if present is not None and present != challenger.version:
        on_progress("comparing with the champion", 0, 0)
        champion, evidence = _evidence(registry, lake, challenger.version, present)
    if present == challenger.version:
        decision = Decision(None, f"version {present} is the champion already")
    else:
        decision = decide(challenger, champion, baseline, evidence, config)
    if decision.version is not None:
        make_champion(registry, lake, decision.version, present, decision.reason)
    return {
        "promoted": decision.version is not None,
        "champion": decision.version if decision.version is not None else present,
        "previous": present,
        "reason": decision.reason,
        "candidates": [vars(one) for one in candidates],
        "evidence": evidence.summary() if evidence is not None else None,
    }


def _candidates(registry: Registry, versions: tuple[int, ...]) -> list[ModelVersion]:
    found = [registry.version(number) for number in versions] or registry.versions()[:1]
    if not found:
        raise ContractError("no model version is registered; run train and export first")
    if len({test_set(one) for one in found}) > 1:
        raise ContractError(
            "the candidates were measured on different test reviews: "
            + "; ".join(f"version {one.version} on {' / '.join(test_set(one))}" for one in found)
            + ". Train and export them on one snapshot with the same test_reviews"
        )
    return found


def _baseline(registry: Registry, candidates: list[Measured], judged: ModelVersion) -> Measured | None:
    """Return the best linear candidate, else the best linear version that was measured on the same test reviews."""
    linear = [one for one in candidates if one.family == "linear"]
    if not linear:
        same = [one for one in registry.versions() if test_set(one) == test_set(judged)]
        linear = [measured(one) for one in same if one.tags["family"] == "linear"]
    return max(linear, key=lambda one: one.macro_f1, default=None)


def _evidence(registry: Registry, lake: Lake, challenger: int, champion: int) -> tuple[Measured, Evidence]:
    judged = registry.version(challenger)
    snapshot, test_reviews = test_set(judged)
    test = read_split(snapshot_folder(lake, snapshot), "test", int(test_reviews))
    return gather(registry, judged, registry.version(champion), test)
