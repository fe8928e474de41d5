"""The promotion gate: whether a challenger becomes champion. Pure: figures and evidence in, a decision out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentiment.config import PromoteConfig
from sentiment.evaluation.significance import better, p_text, with_interval
from sentiment.promotion.evidence import Evidence, Measured


@dataclass(frozen=True)
class Decision:
    """Which version to promote, or None, and why."""

    version: int | None
    reason: str


def choose_challenger(candidates: Sequence[Measured], tolerance: float) -> Measured:
    """Return the candidate of the best macro F1, but of those within `tolerance` of it the cheapest to run.

    Where a speed is unknown, the better one stays, and of two equals the linear one, which is cheaper by its nature.
    """
    best = max(candidates, key=_merit)
    close = [one for one in candidates if one.macro_f1 >= best.macro_f1 - tolerance]
    if any(one.reviews_per_second is None for one in close):
        return best
    return max(close, key=lambda one: (one.reviews_per_second, _merit(one)))


def decide(
    challenger: Measured,
    champion: Measured | None,
    baseline: Measured | None,
    evidence: Evidence | None,
    rules: PromoteConfig,
) -> Decision:
    """Judge a challenger; all were measured on the same test reviews, and `evidence` holds it against the champion.

    Its macro F1 may lack at most `tolerance` against the linear baseline. Without champion that is the only bar. A
    champion gives way to one that is better beyond chance, or that lacks at most `tolerance` and is `cheaper` times
    faster; and then only when no slice and no behaviour gets worse than the rules allow.
    """
    below = _below_baseline(challenger, baseline, rules.tolerance)
    if below:
        return Decision(None, below)
    if champion is None or evidence is None:
        return Decision(
            challenger.version, f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the first champion"
        )
    earned, why = _earned(challenger, champion, evidence, rules)
    if not earned:
        return Decision(None, why)
    lost = _lost_slice(evidence, rules) or _lost_behaviour(evidence)
    if lost:
        return Decision(None, f"{why}; but {lost}")
    return Decision(challenger.version, f"{why}; {_kept(evidence, rules)}")


def _merit(one: Measured) -> tuple[float, bool]:
    return one.macro_f1, one.family == "linear"


def _below_baseline(challenger: Measured, baseline: Measured | None, tolerance: float) -> str:
    if baseline is None or baseline.version == challenger.version:
        return ""
    if challenger.macro_f1 >= baseline.macro_f1 - tolerance:
        return ""
    return (
        f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the linear baseline (version {baseline.version}) "
        f"{baseline.macro_f1:.4f}: worse by more than {tolerance}"
    )


def _earned(challenger: Measured, champion: Measured, evidence: Evidence, rules: PromoteConfig) -> tuple[bool, str]:
    """Say whether better or cheaper, and why."""
    against = _against(challenger, champion, evidence)
    one = evidence.macro_f1
    if better(one, evidence.mcnemar, (one.p_value, evidence.mcnemar.p_value), rules.significance):
        return True, f"{against}: better beyond chance (both below {rules.significance})"
    if one.difference < -rules.tolerance:
        return False, f"{against}: worse by more than {rules.tolerance}"
    speed, cheaper = _speed(challenger, champion, rules.cheaper)
    if cheaper:
        return True, f"{against}: equal within {rules.tolerance} and {speed}"
    return False, f"{against}: not better beyond chance, and of equals only a cheaper one follows: {speed}"


def _against(challenger: Measured, champion: Measured, evidence: Evidence) -> str:
    return (
        f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the champion (version {champion.version}) "
        f"{champion.macro_f1:.4f} ({with_interval(evidence.macro_f1)}; {p_text(evidence.macro_f1.p_value)} by paired "
        f"bootstrap, {p_text(evidence.mcnemar.p_value)} by McNemar)"
    )


def _speed(challenger: Measured, champion: Measured, cheaper: float) -> tuple[str, bool]:
    if not challenger.reviews_per_second or not champion.reviews_per_second:
        unknown = challenger if not challenger.reviews_per_second else champion
        return f"the speed of version {unknown.version} is unknown; export it anew", False
    ratio = challenger.reviews_per_second / champion.reviews_per_second
    speeds = (
        f"{challenger.reviews_per_second:.0f} against {champion.reviews_per_second:.0f} reviews/s, {ratio:.2f} times"
    )
    return (
        (f"cheaper to run ({speeds}, asked for {cheaper})", True)
        if ratio >= cheaper
        else (f"{speeds}, not {cheaper}", False)
    )


def _lost_slice(evidence: Evidence, rules: PromoteConfig) -> str:
    for one in evidence.slices:
        if one.reviews >= rules.min_slice_reviews and one.loss > rules.max_slice_loss:
            return (
                f"on the slice {one.slice} ({one.reviews} reviews) accuracy falls from {one.champion:.4f} to "
                f"{one.challenger:.4f}, by more than {rules.max_slice_loss}"
            )
    return ""


def _lost_behaviour(evidence: Evidence) -> str:
    worse = [one for one in evidence.behaviour or () if one.challenger > one.champion]
    listed = ", ".join(f"{one.capability} {one.challenger:.1%} instead of {one.champion:.1%}" for one in worse)
    return f"it fails more cases of the behaviour suite: {listed}" if worse else ""


def _kept(evidence: Evidence, rules: PromoteConfig) -> str:
    slices = f"no slice loses more than {rules.max_slice_loss} accuracy"
    if evidence.behaviour is None:
        return f"{slices}; behaviour was not compared: {evidence.behaviour_missing}"
    return f"{slices}, and no capability of the behaviour suite fails more cases"


def _name(one: Measured) -> str:
    return f"version {one.version}"
