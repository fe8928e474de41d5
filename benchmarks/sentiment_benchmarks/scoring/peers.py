"""Ours and the peers on the same reviews: who is asked, in turn, how long each took, and how right each was."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median

import numpy as np

from sentiment.core.context import Context
from sentiment.core.labelled import LabelledReviews
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.engine.bundle import Bundle
from sentiment.evaluation.metrics import evaluate
from sentiment_benchmarks.config import BenchmarkScoringConfig
from sentiment_benchmarks.scoring.contenders import Contender, Decides, LeftOutError, Score
from sentiment_benchmarks.scoring.lexical import lexical_contenders
from sentiment_benchmarks.scoring.material import Material
from sentiment_benchmarks.scoring.networks import network_contenders, our_contenders
from sentiment_benchmarks.scoring.spark_contenders import spark_contenders
from sentiment_benchmarks.tables import Row

# Scored before every timed pass: caches are warm, and Spark's workers, which leave after an idle minute, are there.
_WARM_UP = 64
_REMEDY = "not installed: pip install -r requirements-bench.txt"


@dataclass
class Entry:
    """A contender in the benchmark: ready to score `reviews`, or not, with the reason in `note`."""

    contender: Contender
    reviews: LabelledReviews
    score: Score | None = None
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    probability: np.ndarray | None = None


def measure_peers(config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    """Prepare every contender, let them take turns, and return a row for each; see `peer_rows`."""
    with ExitStack() as stack:
        contenders = all_contenders(material, context.settings)
        entries = prepared(contenders, material, config.peer_reviews, stack, context.progress)
        take_turns(entries, config.repeats, context.progress)
    return peer_rows(entries, thresholds_in(material.description))


def all_contenders(material: Material, settings: Settings) -> list[Contender]:
    """Return everybody, ours first."""
    bundle = material.description
    return [*our_contenders(bundle), *network_contenders(bundle), *spark_contenders(settings), *lexical_contenders()]


def prepared(
    contenders: Sequence[Contender],
    material: Material,
    peer_reviews: int,
    stack: ExitStack,
    on_progress: OnProgress,
) -> list[Entry]:
    """Get everybody ready; who lacks a package or cannot run this model stays in the list with the reason."""
    few = material.reviews.take(np.arange(min(peer_reviews, len(material.reviews))))
    entries = []
    for at, contender in enumerate(contenders):
        on_progress(f"preparing {contender.name}", at, len(contenders))
        entry = Entry(contender, few if contender.slow else material.reviews, note=contender.note)
        entries.append(entry)
        if contender.package and find_spec(contender.package) is None:
            entry.note = _REMEDY
            continue
        try:
            entry.score = contender.prepare(material, stack)
        except LeftOutError as reason:
            entry.note = f"left out: {reason}"
    return entries


def take_turns(
    entries: Sequence[Entry],
    repeats: int,
    on_progress: OnProgress,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Time everybody once, then everybody again: a busy minute of the machine falls on all."""
    running = [entry for entry in entries if entry.score]
    for turn in range(repeats):
        for at, entry in enumerate(running):
            on_progress(f"scoring with {entry.contender.name}", turn * len(running) + at, repeats * len(running))
            _take_turn(entry, clock)


def thresholds_in(bundle: Bundle) -> dict[Decides, float]:
    """Return from which probability on a review is positive, by who says so."""
    by_bundle, by_network = (bundle.thresholds_of(cascade).positive for cascade in (True, False))
    return {"bundle": by_bundle, "network": by_network, "itself": 0.5}


def peer_rows(entries: Sequence[Entry], thresholds: Mapping[Decides, float]) -> list[Row]:
    """Return a row a contender, medians over its turns.

    `ours_is_faster` is how many times the reviews a second of the fastest of ours are those of the row, under Spark of
    the fastest there. Probabilities are judged at the threshold of who decides.
    """
    speeds = {id(entry): len(entry.reviews) / median(entry.seconds) for entry in entries if entry.seconds}
    best: dict[bool, float] = defaultdict(lambda: float("nan"))
    for entry in entries:
        if entry.contender.ours and entry.seconds:
            best[entry.contender.under_spark] = max(speeds[id(entry)], best.get(entry.contender.under_spark, 0.0))
    return [_row(entry, speeds.get(id(entry)), best[entry.contender.under_spark], thresholds) for entry in entries]


def _take_turn(entry: Entry, clock: Callable[[], float]) -> None:
    if entry.score is None:
        return
    titles, texts = entry.reviews.titles, entry.reviews.texts
    entry.score(titles[:_WARM_UP], texts[:_WARM_UP])
    started = clock()
    entry.probability = entry.score(titles, texts)
    entry.seconds.append(clock() - started)


def _row(entry: Entry, speed: float | None, best: float, thresholds: Mapping[Decides, float]) -> Row:
    row: Row = {"contender": entry.contender.name, "ours": entry.contender.ours}
    if speed is not None and entry.probability is not None:
        quality = evaluate(entry.reviews.labels, entry.probability, thresholds[entry.contender.decides])
        row |= {"reviews": len(entry.reviews), **_times(entry.seconds), "reviews_per_second": speed}
        row |= {"ours_is_faster": best / speed, **{name: quality[name] for name in ("accuracy", "macro_f1")}}
    return row | ({"note": entry.note} if entry.note else {})


def _times(seconds: Sequence[float]) -> Mapping[str, float]:
    return {"seconds": median(seconds), "fastest": min(seconds), "slowest": max(seconds)}
