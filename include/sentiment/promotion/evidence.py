"""What a challenger and the champion did on the same test reviews, side by side, from arrays and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentiment.core.names import POSITIVE
from sentiment.evaluation.behaviour.suite import BehaviourRow
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.results import Difference, Disagreement
from sentiment.evaluation.significance import contest, mcnemar, resamples_for
from sentiment.promotion.results import (
    CapabilityChange,
    EvidenceShown,
    SliceChange,
    SpeedsRow,
)

# Slices that the result shows: those that lose most.
SHOWN_SLICES = 10


@dataclass(frozen=True)
class VersionCalls:
    """A version's positive probabilities [n] on the test reviews, and from which of them on it calls one positive."""

    positive_probability: np.ndarray
    threshold: float = 0.5

    def figures(self, labels: np.ndarray) -> dict[str, float]:
        """Return the figures of `evaluate`."""
        return evaluate(labels, self.positive_probability, self.threshold)

    def take(self, rows: np.ndarray) -> VersionCalls:
        """Return what it says of the reviews at the given row numbers."""
        return replace(self, positive_probability=self.positive_probability[rows])

    def right(self, labels: np.ndarray) -> np.ndarray:
        """Return which reviews [n] it decided as their labels say."""
        right: np.ndarray = (self.positive_probability >= self.threshold) == (labels == POSITIVE)
        return right


@dataclass(frozen=True)
class Speeds:
    """Reviews a second of the challenger and of the champion, measured side by side."""

    challenger: float
    champion: float

    @property
    def ratio(self) -> float:
        """How many times faster the challenger is."""
        return self.challenger / self.champion


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a challenger; a is the challenger and b the champion in both tests.

    `behaviour` is None where the two cannot be compared, and `behaviour_missing` then says why. It is of `reviews` test
    reviews, without the `left_out` ones that the champion has learnt from; `unseen_missing` says why there may be more.
    """

    macro_f1: Difference
    mcnemar: Disagreement
    speeds: Speeds
    slices: tuple[SliceChange, ...] = ()
    behaviour: tuple[CapabilityChange, ...] | None = None
    behaviour_missing: str = ""
    reviews: int = 0
    left_out: int = 0
    unseen_missing: str = ""

    @property
    def same_calls(self) -> bool:
        """Whether the two call every test review alike: to whoever reads the scores they are one model."""
        return self.mcnemar.only_a == self.mcnemar.only_b == 0

    def shown(self) -> EvidenceShown:
        """Return it as results show it, with the slices that lose most."""
        return EvidenceShown(
            macro_f1=self.macro_f1,
            mcnemar=self.mcnemar,
            speeds=SpeedsRow(**vars(self.speeds), ratio=self.speeds.ratio),
            slices=self.slices[:SHOWN_SLICES],
            behaviour=self.behaviour,
            behaviour_missing=self.behaviour_missing,
            reviews=self.reviews,
            left_out=self.left_out,
            unseen_missing=self.unseen_missing,
        )


def on_test_reviews(
    labels: np.ndarray, challenger: VersionCalls, champion: VersionCalls, significance: float
) -> tuple[Difference, Disagreement]:
    """Return the paired bootstrap of macro F1 and McNemar's test, challenger less champion."""
    thresholds, resamples = (challenger.threshold, champion.threshold), resamples_for(significance)
    return contest(labels, challenger.positive_probability, champion.positive_probability, thresholds, resamples)


def on_slices(
    labels: np.ndarray, challenger: VersionCalls, champion: VersionCalls, masks: Mapping[str, np.ndarray]
) -> tuple[SliceChange, ...]:
    """Return accuracy on every slice that has reviews (masks: bool [n]), the greatest loss first."""
    after, before = challenger.right(labels), champion.right(labels)
    changes = [_slice(name, before[mask], after[mask]) for name, mask in masks.items() if mask.any()]
    return tuple(sorted(changes, key=lambda change: -change.loss))


def on_behaviour(challenger: Sequence[BehaviourRow], champion: Sequence[BehaviourRow]) -> tuple[CapabilityChange, ...]:
    """Return failure rates of all capabilities together (named "overall") and of each, from two suites' rows.

    Rows are summed over kinds. A capability that one lacks, or knows by another number of cases, was another suite's
    and is left out; nothing is returned when all are.
    """
    after, before = _counts(challenger), _counts(champion)
    common = [name for name in after if name in before and after[name][0] == before[name][0]]
    if not common:
        return ()
    for counts in (after, before):
        counts["overall"] = tuple(np.sum([counts[name] for name in common], axis=0).tolist())
    return tuple(_capability(name, before[name], after[name]) for name in ("overall", *common))


def _slice(name: str, before: np.ndarray, after: np.ndarray) -> SliceChange:
    lost = int(before.sum()) - int(after.sum())
    two_sided = mcnemar(after, before).p_value
    return SliceChange(
        slice=name,
        reviews=len(before),
        champion=float(before.mean()),
        challenger=float(after.mean()),
        loss=lost / len(before),
        p_value=two_sided / 2 if lost > 0 else 1 - two_sided / 2,
    )


def _counts(rows: Sequence[BehaviourRow]) -> dict[str, tuple[int, ...]]:
    """Return (cases, failures) by capability."""
    counts: dict[str, tuple[int, ...]] = {}
    for row in rows:
        cases, failures = counts.get(row["capability"], (0, 0))
        counts[row["capability"]] = (cases + int(row["cases"]), failures + int(row["failures"]))
    return {name: count for name, count in counts.items() if count[0]}


def _capability(name: str, before: tuple[int, ...], after: tuple[int, ...]) -> CapabilityChange:
    return CapabilityChange(
        capability=name, cases=after[0], champion=before[1] / before[0], challenger=after[1] / after[0]
    )
