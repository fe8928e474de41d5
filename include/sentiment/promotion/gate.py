"""The promotion gate: whether a challenger becomes champion. Pure: figures and evidence in, a decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentiment.evaluation.significance import better, p_text, with_interval
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.evidence import Evidence, Measured, Speeds


@dataclass(frozen=True)
class Decision:
    """Which version to promote, or None, and why."""

    version: int | None
    reason: str


def close_to_best(candidates: Sequence[Measured], tolerance: float) -> list[Measured]:
    """Return the candidate of the best macro F1 on validation, and after it those within `tolerance` of it.

    The test reviews have no say: of several the best on them would be the luckiest, and is then tested on the same.
    """
    best = max(candidates, key=_merit)
    least = _merit(best)[0] - tolerance
    return [best, *(one for one in candidates if one is not best and _merit(one)[0] >= least)]


def choose_challenger(close: Sequence[Measured], speeds: Mapping[int, float], cheaper: float) -> Measured:
    """Return the first of those of `close_to_best`, or another that is `cheaper` times faster than it, the fastest.

    `speeds` are reviews a second by version, measured side by side; one alone needs none.
    """
    best = close[0]
    if len(close) == 1:
        return best
    fastest = max(close, key=lambda one: speeds[one.version])
    return fastest if speeds[fastest.version] >= cheaper * speeds[best.version] else best


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
    faster; and then only when no slice and no behaviour gets worse than the rules allow. One that calls every review
    as the champion does is not promoted, however fast, and nobody without evidence.
    """
    below = _below_baseline(challenger, baseline, rules.tolerance)
    if below:
        return Decision(None, below)
    if champion is None:
        return Decision(
            challenger.version, f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the first champion"
        )
    if evidence is None:
        return Decision(None, f"nothing holds {_name(challenger)} against the champion (version {champion.version})")
    earned, why = _earned(challenger, champion, evidence, rules)
    if not earned:
        return Decision(None, why)
    lost = _lost_slice(evidence, rules) or _lost_behaviour(evidence)
    if lost:
        return Decision(None, f"{why}; but {lost}")
    return Decision(challenger.version, f"{why}; {_kept(evidence, rules)}")


def _merit(one: Measured) -> tuple[float, bool]:
    # Of two equals the linear one, which is cheaper by its nature.
    return one.validation_macro_f1 or 0.0, one.family == "linear"


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
    if evidence.same_calls:
        return False, f"{against}: not one call on the test reviews differs, so there is nothing to change for"
    if better(one, evidence.mcnemar, (one.p_value, evidence.mcnemar.p_value), rules.significance):
        return True, f"{against}: better beyond chance (both below {rules.significance})"
    if one.difference < -rules.tolerance:
        return False, f"{against}: worse by more than {rules.tolerance}"
    speed, cheaper = _speed(evidence.speeds, rules.cheaper)
    if cheaper:
        return True, f"{against}: equal within {rules.tolerance} and {speed}"
    return False, f"{against}: not better beyond chance, and of equals only a cheaper one follows: {speed}"


def _against(challenger: Measured, champion: Measured, evidence: Evidence) -> str:
    return (
        f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the champion (version {champion.version}) "
        f"{champion.macro_f1:.4f} ({with_interval(evidence.macro_f1)}; {p_text(evidence.macro_f1.p_value)} by paired "
        f"bootstrap, {p_text(evidence.mcnemar.p_value)} by McNemar)"
    )


def _speed(speeds: Speeds, cheaper: float) -> tuple[str, bool]:
    said = f"{speeds.challenger:.0f} against {speeds.champion:.0f} reviews/s side by side, {speeds.ratio:.2f} times"
    if speeds.ratio >= cheaper:
        return f"cheaper to run ({said}, asked for {cheaper})", True
    return f"{said}, not {cheaper}", False


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
