"""How fast bundles are beside one another: in turn, in one process, on the same reviews. It judges nobody.

A speed that was measured at another hour says more of that hour than of the model: the same model measured 952 and
1,553 reviews a second on two afternoons of one machine, a ratio that the rules take for a cheaper model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.scorer import Scorer

# 2 s a pass of a small encoder on one thread; of seven passes the median bears three that something disturbed.
TIMED_REVIEWS, PASSES = 200, 7


def side_by_side(bundles: Mapping[int, Path], reviews: LabelledReviews) -> dict[int, float]:
    """Return reviews a second of each version's bundle on one thread, tokenising counted, on at most 200 reviews."""
    sample = reviews.take(np.arange(min(TIMED_REVIEWS, len(reviews))))
    seconds = in_turn({number: _pass(bundle, sample) for number, bundle in bundles.items()})
    return {number: len(sample) / taken for number, taken in seconds.items()}


def in_turn(
    works: Mapping[int, Callable[[], object]], passes: int = PASSES, clock: Callable[[], float] = time.perf_counter
) -> dict[int, float]:
    """Return the median seconds of each work, done pass by pass in turn, every other pass backwards.

    So a machine that gets busier or slower meanwhile does so for all of them alike.
    """
    seconds: dict[int, list[float]] = {number: [] for number in works}
    for number in range(passes):
        for name in list(works)[:: -1 if number % 2 else 1]:
            began = clock()
            works[name]()
            seconds[name].append(clock() - began)
    return {name: median(taken) for name, taken in seconds.items()}


def _pass(bundle: Path, sample: LabelledReviews) -> Callable[[], object]:
    scorer = Scorer.load(bundle, threads=1)
    scorer.probabilities(sample.titles[:8], sample.texts[:8])
    return lambda: scorer.probabilities(sample.titles, sample.texts)
