"""The verb around the gate: choose the challenger, gather the evidence, decide, record, move the alias."""

from __future__ import annotations

from typing import Any

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import (
    read_split,
    snapshot_folder,
)
from sentiment.promotion.candidates import Candidacy, candidacy
from sentiment.promotion.change import make_champion
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.evidence import Evidence, Measured, Speeds
from sentiment.promotion.gate import Decision, choose_challenger, close_to_best, decide
from sentiment.promotion.speed import side_by_side
from sentiment.promotion.standing import missing, unfinished
from sentiment.promotion.versions import gather
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history, observe
from sentiment.stores.registry.versions import Registry

Judged = tuple[Measured, Measured | None, Evidence | None, int | None]


def promote_best(config: PromoteConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Judge the best of the candidates against baseline and champion, and move the alias when it wins.

    `evidence` is None where there was no champion to be held against, `left_out` says why of versions that could not
    be judged. Raises UnavailableError when MLflow does not answer, ContractError when the champion is gone: neither is
    the same as that there is none.
    """
    registry, lake = Registry(settings), Lake(settings.lake_root)
    field = candidacy(registry, config.versions)
    challenger, champion, evidence, present = _judged(registry, lake, field, config, on_progress)
    if present == challenger.version:
        decision = Decision(None, f"version {present} is the champion already")
    else:
        decision = decide(challenger, champion, field.baseline, evidence, config)
    if decision.version is None:
        observe(lake, present)
    else:
        registry.fetch_bundle(decision.version)  # what cannot be fetched cannot score
        make_champion(registry, lake, decision.version, present, decision.reason)
    return {
        "promoted": decision.version is not None,
        "champion": decision.version if decision.version is not None else present,
        "previous": present,
        "reason": decision.reason,
        "candidates": [vars(one) for one in field.candidates],
        **({"left_out": {str(number): why for number, why in field.left_out.items()}} if field.left_out else {}),
        "evidence": evidence.summary() if evidence is not None else None,
    }


def _judged(registry: Registry, lake: Lake, field: Candidacy, config: PromoteConfig, on_progress: OnProgress) -> Judged:
    """Return the challenger, the champion as measured on its test reviews, what was found, and who is champion."""
    present, begun = _in_force(registry, lake)
    close = close_to_best(field.candidates, config.tolerance)
    rivals = {one.version for one in close} | {number for number in (present, begun) if number is not None}
    if len(rivals) == 1:
        return close[0], None, None, present
    on_progress("comparing side by side", 0, 0)
    test = read_split(snapshot_folder(lake, field.snapshot), "test", field.test_reviews)
    speeds = side_by_side({number: registry.fetch_bundle(number) for number in sorted(rivals)}, test)
    challenger = choose_challenger(close, speeds, config.cheaper)
    if begun is not None and begun != challenger.version:
        registry.set_champion(begun, None)
        present = begun
    if present is None or present == challenger.version:
        return challenger, None, None, present
    versions = registry.version(challenger.version), registry.version(present)
    speed = Speeds(speeds[challenger.version], speeds[present])
    return challenger, *gather(registry, *versions, test, speed), present


def _in_force(registry: Registry, lake: Lake) -> tuple[int | None, int | None]:
    """Return the champion, and a version whose first promotion ended before the alias, if there is one.

    Raises ContractError when the ledger knows a champion, and the alias names none: it is gone, not yet to come.
    """
    present = registry.champion()
    if present is not None:
        return present, None
    begun = unfinished(registry, lake)
    if begun is None and history(lake):
        raise ContractError(missing(registry, lake))
    return None, begun
