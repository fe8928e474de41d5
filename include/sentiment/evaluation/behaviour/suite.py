"""Runs the behaviour suite on a model and counts what fails, a capability."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypedDict

import numpy as np

from sentiment.core.names import LABELS, POSITIVE
from sentiment.evaluation.behaviour.cases import Case, Kind, behaviour_cases

Predict = Callable[[list[str], list[str]], np.ndarray]
EXAMPLES = 3
# The file of a run that holds the rows of its bundle.
BEHAVIOUR = "behaviour.json"

# A change that means nothing may move the probability by ten points. A change that must push one way may push five
# back: a model that is sure already has nowhere to go.
MOVED, PUSHED_BACK = 0.10, 0.05

RULES: dict[Kind, str] = {
    "MFT": "the label must be the one that the sentence says",
    "INV": f"the probability must not move by more than {100 * MOVED:.0f} points",
    "DIR": f"the probability must not move the wrong way by more than {100 * PUSHED_BACK:.0f} points",
}


class Example(TypedDict):
    """A failed case; `expected` is a label's name, and what its kind does not have is None."""

    title: str
    text: str
    probability: float
    changed: str | None
    changed_probability: float | None
    expected: str | None


class BehaviourRow(TypedDict):
    """The cases of one capability and kind, and how many failed; `examples` are the worst failures, at most three."""

    capability: str
    kind: Kind
    rule: str
    cases: int
    failures: int
    failure_rate: float
    examples: list[Example]


def run_behaviour(predict: Predict, threshold: float = 0.5) -> list[BehaviourRow]:
    """Return a row for every capability and kind of case, from a model's titles and texts -> positive probabilities.

    `threshold` decides the label of MFT cases.
    """
    cases = behaviour_cases()
    changed = [case for case in cases if case.changed is not None]
    titles = [case.title for case in (*cases, *changed)]
    found = np.asarray(predict(titles, [*(case.text for case in cases), *(case.changed or "" for case in changed)]))
    after = dict(zip(changed, found[len(cases) :].tolist(), strict=True))
    measured = [(case, before, after.get(case)) for case, before in zip(cases, found.tolist(), strict=False)]
    groups = groupby(measured, key=lambda result: (result[0].capability, result[0].kind))
    return [_row(capability, kind, list(group), threshold) for (capability, kind), group in groups]


def excess(case: Case, before: float, after: float | None, threshold: float = 0.5) -> float:
    """Return by how much the probabilities of a case's text and changed text miss the rule: above 0, it failed.

    What is no number misses every rule, and at the threshold a text is called positive.
    """
    missed = _missed(case, before, after, threshold)
    return math.inf if math.isnan(missed) else missed


def _missed(case: Case, before: float, after: float | None, threshold: float) -> float:
    if case.kind == "INV" and after is not None:
        return abs(after - before) - MOVED
    if case.kind == "DIR" and after is not None:
        return (before - after if case.expected == POSITIVE else after - before) - PUSHED_BACK
    return threshold - before if case.expected == POSITIVE else before - math.nextafter(threshold, 0)


def _row(
    capability: str, kind: Kind, measured: Sequence[tuple[Case, float, float | None]], threshold: float
) -> BehaviourRow:
    missed = [(excess(*result, threshold), result) for result in measured]
    failed = sorted([miss for miss in missed if miss[0] > 0], key=lambda miss: -miss[0])
    return {
        "capability": capability,
        "kind": kind,
        "rule": RULES[kind],
        "cases": len(measured),
        "failures": len(failed),
        "failure_rate": len(failed) / len(measured),
        "examples": [_example(*result) for _, result in failed[:EXAMPLES]],
    }


def _example(case: Case, before: float, after: float | None) -> Example:
    return {
        "title": case.title,
        "text": case.text,
        "probability": before,
        "changed": case.changed,
        "changed_probability": after,
        "expected": LABELS[case.expected] if case.expected is not None else None,
    }
