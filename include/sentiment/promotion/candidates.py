"""Which of the registered versions stand for promotion, which baseline they must keep up with, and who is left out.

Others register versions too: one whose tags do not say how it was measured cannot be judged, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentiment.core.errors import ContractError
from sentiment.promotion.evidence import Measured
from sentiment.promotion.versions import measured, test_set
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry


@dataclass(frozen=True)
class Candidacy:
    """The candidates, measured on the same test reviews; the linear baseline; and why versions were left out."""

    candidates: tuple[Measured, ...]
    baseline: Measured | None
    snapshot: str
    test_reviews: int
    left_out: dict[int, str]


def candidacy(registry: Registry, asked: tuple[int, ...]) -> Candidacy:
    """Return who stands: the versions asked for, or the newest that can be judged.

    Raises ContractError when none can, or they were measured on different reviews.
    """
    known = registry.versions()
    wanted = [registry.version(number) for number in dict.fromkeys(asked)] or known
    left_out = {one.version: one.lacking for one in wanted if one.lacking}
    sound = [one for one in wanted if not one.lacking]
    if not asked:
        sound = sound[:1]
        left_out = {number: why for number, why in left_out.items() if not sound or number > sound[0].version}
    _require(sound, left_out)
    candidates, without_validation = _choosable(registry, sound)
    return Candidacy(
        tuple(candidates),
        _baseline(registry, candidates, known, test_set(sound[0])),
        sound[0].tags["snapshot"],
        int(sound[0].tags["test_reviews"]),
        left_out | without_validation,
    )


def _require(sound: list[ModelVersion], left_out: dict[int, str]) -> None:
    if not sound and not left_out:
        raise ContractError("no model version is registered; run train and export first")
    if not sound:
        why = "; ".join(f"version {number}: {reason}" for number, reason in left_out.items())
        raise ContractError(f"no version can be judged: {why}. Export a run of this platform, or name another version")
    if len({test_set(one) for one in sound}) > 1:
        raise ContractError(
            "the candidates were measured on different test reviews: "
            + "; ".join(f"version {one.version} on {' / '.join(test_set(one))}" for one in sound)
            + ". Train and export them on one snapshot with the same test_reviews"
        )


def _choosable(registry: Registry, sound: list[ModelVersion]) -> tuple[list[Measured], dict[int, str]]:
    """Return those that can be chosen from: of several each needs a figure on validation."""
    found = [measured(registry, one) for one in sound]
    if len(found) == 1:
        return found, {}
    kept = [one for one in found if one.validation_macro_f1 is not None]
    why = "neither its tags nor its run say its macro F1 on validation, by which one of several is chosen"
    if not kept:
        raise ContractError(f"of none of the candidates it is known which is best ({why}); promote them one by one")
    return kept, {one.version: why for one in found if one.validation_macro_f1 is None}


def _baseline(
    registry: Registry, candidates: list[Measured], known: list[ModelVersion], on: tuple[str, str]
) -> Measured | None:
    """Return the best linear candidate, else the best linear version that was measured on the same test reviews."""
    linear = [one for one in candidates if one.family == "linear"]
    if not linear:
        same = [one for one in known if not one.lacking and test_set(one) == on]
        linear = [measured(registry, one) for one in same if one.tags["family"] == "linear"]
    return max(linear, key=lambda one: one.macro_f1, default=None)
