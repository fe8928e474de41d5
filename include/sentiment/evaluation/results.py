"""What tests of two models, or of two ways of training, give; light, for the parts that only show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Disagreement:
    """On how many reviews just one of two models is right, and McNemar's p-value of the two being equally good."""

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """A figure of a less that of b, its 95 % interval, and the p-value of there being no difference."""

    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Pair:
    """Two models on the same test reviews: macro F1 of a less b, both tests, who wins, and all of it in words.

    Corrected p-values are Bonferroni's for the number of pairs. `equal` says that the 95 % interval of the difference
    lies within the margin on both sides.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    bootstrap_p: float
    bootstrap_p_corrected: float
    only_a_right: int
    only_b_right: int
    mcnemar_p: float
    mcnemar_p_corrected: float
    winner: str | None
    equal: bool
    verdict: str


@dataclass(frozen=True)
class Repeated:
    """A figure of one way of training less that of another over n trainings of each, in pairs.

    `effect` is the mean difference in standard deviations of the differences (d_z of Cohen: Statistical Power Analysis,
    1988, page 48), None where the differences have none. `wilcoxon_p` is None where the test cannot decide anything.
    """

    pairs: int
    difference: float
    low: float
    high: float
    effect: float | None
    p_value: float
    wilcoxon_p: float | None
