"""The verb around the promotion rules: choose the challenger, gather the evidence, decide, record, move the alias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import CHAMPION
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.promotion.candidates import Candidacy, candidacy
from sentiment.promotion.champion import make_champion, missing, unfinished
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.evidence import Evidence, Speeds
from sentiment.promotion.results import MeasuredVersion, PromoteResult
from sentiment.promotion.rules import Verdict, choose_challenger, close_to_best, decide, or_the_baseline
from sentiment.promotion.speed import side_by_side
from sentiment.promotion.unseen import unseen_by
from sentiment.promotion.versions import Score, gather, scored_now
from sentiment.stores.lake.tables import Lake
from sentiment.stores.ledger import history, observe
from sentiment.stores.registry.versions import Registry

# Returns reviews a second of each version's bundle, measured beside one another.
Race = Callable[[Mapping[int, Path], LabelledReviews], dict[int, float]]


@dataclass(frozen=True)
class Contest:
    """Who challenges, and who is champion; and where both are two, what the champion is worth and what speaks for whom.

    `present` is the champion's number, None without one.
    """

    challenger: MeasuredVersion
    present: int | None
    champion: MeasuredVersion | None = None
    evidence: Evidence | None = None


def promote_best(
    config: PromoteConfig, registry: Registry, context: Context, race: Race = side_by_side, score: Score = scored_now
) -> PromoteResult:
    """Judge the best of the candidates against baseline and champion, and move the alias when it wins.

    Raises UnavailableError when MLflow does not answer, ContractError when the champion is gone: neither is the same as
    that there is none. `race` and `score` run bundles.
    """
    lake = Lake(context.settings.lake_root)
    field = candidacy(registry, config.versions)
    contest = _contest(registry, lake, field, config, context, race, score)
    challenger, present = contest.challenger, contest.present
    if present == challenger.version:
        verdict = Verdict(None, f"version {present} is the champion already")
    else:
        verdict = decide(challenger, contest.champion, field.baseline, contest.evidence, config)
        if verdict.version is None and present is None and not history(lake):
            verdict = or_the_baseline(verdict, field.baseline, field.candidates)
    if verdict.version is None:
        present = observe(lake, lambda: registry.alias(CHAMPION), context)
    else:
        registry.fetch_bundle(verdict.version)  # what cannot be fetched cannot score
        make_champion(registry, lake, verdict.version, present, verdict.reason, context)
    left_out = {"left_out": field.left_out} if field.left_out else {}
    return PromoteResult(
        promoted=verdict.version is not None,
        champion=present if verdict.version is None else verdict.version,
        previous=present,
        reason=verdict.reason,
        candidates=field.candidates,
        evidence=contest.evidence.shown() if contest.evidence else None,
        **left_out,
    )


def _contest(
    registry: Registry,
    lake: Lake,
    field: Candidacy,
    config: PromoteConfig,
    context: Context,
    race: Race,
    score: Score,
) -> Contest:
    """Choose the challenger, and hold it against the champion where there is another one."""
    present, begun = _in_force(registry, lake)
    close = close_to_best(field.candidates, config.tolerance)
    rivals = {rival.version for rival in close} | {number for number in (present, begun) if number is not None}
    if len(rivals) == 1:
        return Contest(close[0], present)
    context.progress("comparing side by side")
    test = read_split(snapshot_folder(lake, field.snapshot), "test", field.test_reviews)
    speeds = race({number: registry.fetch_bundle(number).folder for number in sorted(rivals)}, test)
    challenger = choose_challenger(close, speeds, config.cheaper)
    if begun is not None and begun != challenger.version:
        registry.set_champion(begun, None)
        present = begun
    if present is None or present == challenger.version:
        return Contest(challenger, present)
    pair = registry.version(challenger.version), registry.version(present)
    unseen = unseen_by(pair[1], field.snapshot, test.keys, registry, context.settings)
    unseen.require(config.min_slice_reviews, present, field.snapshot)
    measured = Speeds(challenger=speeds[challenger.version], champion=speeds[present])
    champion, evidence = gather(registry, *pair, test, measured, unseen, config.significance, score)
    return Contest(challenger, present, champion, evidence)


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
