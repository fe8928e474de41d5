"""The promotion rules: whether a challenger becomes champion. Pure: figures and evidence in, a decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentiment.evaluation.significance import alone_right, better, not_inferior, p_text, with_interval
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.evidence import Evidence, Speeds
from sentiment.promotion.results import MeasuredVersion


@dataclass(frozen=True)
class Verdict:
    """Which version to promote, or None, and why."""

    version: int | None
    reason: str


def close_to_best(candidates: Sequence[MeasuredVersion], tolerance: float) -> list[MeasuredVersion]:
    """Return the candidate of the best macro F1 on validation, and after it those within `tolerance` of it.

    The test reviews have no say: of several the best on them would be the luckiest, and is then tested on the same.
    """
    best = max(candidates, key=_merit)
    least = _merit(best)[0] - tolerance
    return [best, *(rival for rival in candidates if rival is not best and _merit(rival)[0] >= least)]


def choose_challenger(close: Sequence[MeasuredVersion], speeds: Mapping[int, float], cheaper: float) -> MeasuredVersion:
    """Return the first of those of `close_to_best`, or another that is `cheaper` times faster than it, the fastest.

    `speeds` are reviews a second by version, measured side by side; one alone needs none.
    """
    best = close[0]
    if len(close) == 1:
        return best
    fastest = max(close, key=lambda rival: speeds[rival.version])
    return fastest if speeds[fastest.version] >= cheaper * speeds[best.version] else best


def decide(
    challenger: MeasuredVersion,
    champion: MeasuredVersion | None,
    baseline: MeasuredVersion | None,
    evidence: Evidence | None,
    rules: PromoteConfig,
) -> Verdict:
    """Judge a challenger; all were measured on the same test reviews, and `evidence` holds it against the champion.

    Its macro F1 may lack at most `tolerance` against the linear baseline. Without champion that is the only bar. A
    champion gives way to one that is better beyond chance, or that is not worse by more than `margin` (the end of the
    interval decides) and is `cheaper` times faster; and then only when no slice and no behaviour gets worse than the
    rules allow. One that calls every review as the champion does is not promoted, however fast, and nobody without
    evidence.
    """
    below = _below_baseline(challenger, baseline, rules.tolerance)
    if below:
        return Verdict(None, below)
    if champion is None:
        return Verdict(
            challenger.version, f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the first champion"
        )
    if evidence is None:
        return Verdict(None, f"nothing holds {_name(challenger)} against the champion (version {champion.version})")
    earned, why = _earned(challenger, champion, evidence, rules)
    if not earned:
        return Verdict(None, why)
    lost = _lost_slice(evidence, rules) or _lost_behaviour(evidence)
    if lost:
        return Verdict(None, f"{why}; but {lost}")
    return Verdict(challenger.version, f"{why}; {_kept(evidence, rules)}")


def or_the_baseline(
    verdict: Verdict, baseline: MeasuredVersion | None, candidates: Sequence[MeasuredVersion]
) -> Verdict:
    """Return what follows where no candidate could be the first champion: the baseline is, if it is one of them."""
    if baseline is None or baseline.version not in {candidate.version for candidate in candidates}:
        return verdict
    return Verdict(baseline.version, f"{verdict.reason}; so the baseline is the first champion")


def _merit(version: MeasuredVersion) -> tuple[float, bool]:
    # Of two equals the linear one, which is cheaper by its nature.
    return version.validation_macro_f1 or 0.0, version.family == "linear"


def _below_baseline(challenger: MeasuredVersion, baseline: MeasuredVersion | None, tolerance: float) -> str:
    if baseline is None or baseline.version == challenger.version:
        return ""
    if challenger.macro_f1 >= baseline.macro_f1 - tolerance:
        return ""
    return (
        f"{_name(challenger)} has macro F1 {challenger.macro_f1:.4f}, the linear baseline (version {baseline.version}) "
        f"{baseline.macro_f1:.4f}: worse by more than {tolerance}"
    )


def _earned(
    challenger: MeasuredVersion, champion: MeasuredVersion, evidence: Evidence, rules: PromoteConfig
) -> tuple[bool, str]:
    """Say whether better or cheaper, and why."""
    against = _against(challenger, champion, evidence)
    gain = evidence.macro_f1
    if evidence.same_calls:
        return False, f"{against}: not one call on the test reviews differs, so there is nothing to change for"
    if better(gain, evidence.mcnemar, (gain.p_value, evidence.mcnemar.p_value), rules.significance):
        return True, f"{against}: better beyond chance (both below {rules.significance})"
    if not not_inferior(gain, rules.margin):
        return False, f"{against}: it may be worse by {-gain.low:.4f}, more than the margin of {rules.margin:g}"
    speed, cheaper = _speed(evidence.speeds, rules.cheaper)
    if cheaper:
        return True, f"{against}: not worse by more than {rules.margin:g} and {speed}"
    return False, f"{against}: not better beyond chance, and of equals only a cheaper one follows: {speed}"


def _against(challenger: MeasuredVersion, champion: MeasuredVersion, evidence: Evidence) -> str:
    # With reviews left out the challenger's own figure is of others.
    own = champion.macro_f1 + evidence.macro_f1.difference if evidence.left_out else challenger.macro_f1
    on = "the same test reviews"
    if evidence.left_out:
        on = f"the {evidence.reviews:,} test reviews that the champion has not learnt from"
        on += f", {evidence.left_out:,} left out"
    return (
        f"{_name(challenger)} has macro F1 {own:.4f}, the champion (version {champion.version}) "
        f"{champion.macro_f1:.4f} on {on} ({with_interval(evidence.macro_f1)}; "
        f"{alone_right(evidence.mcnemar)}; {p_text(evidence.macro_f1.p_value)} by paired bootstrap, "
        f"{p_text(evidence.mcnemar.p_value)} by McNemar)"
    )


def _speed(speeds: Speeds, cheaper: float) -> tuple[str, bool]:
    said = f"{speeds.challenger:.0f} against {speeds.champion:.0f} reviews/s side by side, {speeds.ratio:.2f} times"
    if speeds.ratio >= cheaper:
        return f"cheaper to run ({said}, asked for {cheaper})", True
    return f"{said}, not {cheaper}", False


def _lost_slice(evidence: Evidence, rules: PromoteConfig) -> str:
    # An equal that parts on a tenth of the reviews loses three points on a slice of 100 in one case of eight.
    for change in evidence.slices:
        lost = change.loss > rules.max_slice_loss and change.p_value < rules.significance
        if lost and change.reviews >= rules.min_slice_reviews:
            return (
                f"on the slice {change.slice} ({change.reviews} reviews) accuracy falls from {change.champion:.4f} to "
                f"{change.challenger:.4f}, by more than {rules.max_slice_loss} and beyond chance "
                f"({p_text(change.p_value)} by McNemar, one-sided)"
            )
    return ""


def _lost_behaviour(evidence: Evidence) -> str:
    worse = [change for change in evidence.behaviour or () if change.challenger > change.champion]
    listed = ", ".join(
        f"{change.capability} {change.challenger:.1%} instead of {change.champion:.1%}" for change in worse
    )
    return f"it fails more cases of the behaviour suite: {listed}" if worse else ""


def _kept(evidence: Evidence, rules: PromoteConfig) -> str:
    slices = f"no slice loses more than {rules.max_slice_loss} accuracy beyond chance"
    slices += f"; {evidence.unseen_missing}" if evidence.unseen_missing else ""
    if evidence.behaviour is None:
        return f"{slices}; behaviour was not compared: {evidence.behaviour_missing}"
    return f"{slices}, and no capability of the behaviour suite fails more cases"


def _name(version: MeasuredVersion) -> str:
    return f"version {version.version}"
