"""Which of the registered versions stand for promotion, which baseline they must keep up with, and who is left out.

Others register versions too: one whose tags do not say how it was measured cannot be judged, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentiment.core.errors import ContractError
from sentiment.promotion.results import MeasuredVersion
from sentiment.promotion.versions import measured, on_validation, tested_on
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry


@dataclass(frozen=True)
class Candidacy:
    """The candidates, measured on the same test reviews; the linear baseline; and why versions were left out."""

    candidates: tuple[MeasuredVersion, ...]
    baseline: MeasuredVersion | None
    snapshot: str
    test_reviews: int
    left_out: dict[int, str]


def candidacy(registry: Registry, asked: tuple[int, ...]) -> Candidacy:
    """Return who stands: the versions asked for, or the newest that can be judged.

    Raises ContractError when none can, or they were measured on different reviews.
    """
    known = registry.versions()
    wanted = [registry.version(number) for number in dict.fromkeys(asked)] or known
    left_out = {version.version: version.lacking for version in wanted if version.lacking}
    sound = [version for version in wanted if not version.lacking]
    if not asked:
        sound = sound[:1]
        left_out = {number: why for number, why in left_out.items() if not sound or number > sound[0].version}
    _require(registry, sound, left_out)
    candidates, without_validation = _choosable(registry, sound)
    snapshot, reviews = tested_on(registry, sound[0])
    return Candidacy(
        candidates=tuple(candidates),
        baseline=_baseline(registry, candidates, known, (snapshot, reviews)),
        snapshot=snapshot,
        test_reviews=int(reviews),
        left_out=left_out | without_validation,
    )


def _require(registry: Registry, sound: list[ModelVersion], left_out: dict[int, str]) -> None:
    if not sound and not left_out:
        raise ContractError("no model version is registered; run train and export first")
    if not sound:
        why = "; ".join(f"version {number}: {reason}" for number, reason in left_out.items())
        raise ContractError(f"no version can be judged: {why}. Export a run of this platform, or name another version")
    tested = {version.version: tested_on(registry, version) for version in sound}
    if len(set(tested.values())) > 1:
        raise ContractError(
            "the candidates were measured on different test reviews: "
            + "; ".join(f"version {number} on {' / '.join(on)}" for number, on in tested.items())
            + ". Train and export them on one snapshot with the same test_reviews"
        )


def _choosable(registry: Registry, sound: list[ModelVersion]) -> tuple[list[MeasuredVersion], dict[int, str]]:
    """Return those that can be chosen from: of several each needs a figure on validation."""
    figures = on_validation(registry, sound)
    candidates = [measured(version, figures.get(version.version)) for version in sound]
    if len(candidates) == 1:
        return candidates, {}
    kept = [candidate for candidate in candidates if candidate.version in figures]
    why = "neither its tags nor its run say its macro F1 on validation, by which one of several is chosen"
    if not kept:
        raise ContractError(f"of none of the candidates it is known which is best ({why}); promote them one by one")
    return kept, {candidate.version: why for candidate in candidates if candidate not in kept}


def _baseline(
    registry: Registry, candidates: list[MeasuredVersion], known: list[ModelVersion], on: tuple[str, str]
) -> MeasuredVersion | None:
    """Return the best linear candidate, else the best linear version that was measured on the same test reviews."""
    linear = [candidate for candidate in candidates if candidate.family == "linear"]
    if not linear:
        others = [one for one in known if not one.lacking and one.tags["family"] == "linear"]
        near = [one for one in others if one.tags.get("snapshot") == on[0]]
        linear = [measured(one) for one in near if tested_on(registry, one) == on]
    return max(linear, key=lambda version: version.macro_f1, default=None)
