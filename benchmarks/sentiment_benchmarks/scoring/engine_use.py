"""How much of an engine's speed reaches the reviews: tokens a second of `Scorer` against those of the engine alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.core.progress import OnProgress
from sentiment.engine.engines import open_engine, runs_here
from sentiment.engine.scorer import Scorer
from sentiment.engine.tokens import ReviewTokenizer
from sentiment_benchmarks.scoring.contenders import BATCH
from sentiment_benchmarks.scoring.material import Material
from sentiment_benchmarks.tables import Row

# Some seconds of a small encoder at fp32.
_REVIEWS = 600


@dataclass
class _Timed:
    """One engine: alone on full batches, and under `Scorer` without the cascade; seconds of both by turn."""

    engine: EngineName
    alone: Callable[[], Any]
    with_reviews: Callable[[], Any]
    seconds_alone: list[float] = field(default_factory=list)
    seconds_with_reviews: list[float] = field(default_factory=list)


def measure_engine_use(material: Material, repeats: int, on_progress: OnProgress) -> list[Row]:
    """Return a row an engine that runs here.

    Alone it computes batches of 32 x max_length real token ids without padding, about as many tokens as the reviews
    have. `Scorer` tokenises, sorts, pads and computes every review; the tokens of padding do not count for it.
    """
    reviews = material.reviews.take(np.arange(min(_REVIEWS, len(material.reviews))))
    tokenizer = ReviewTokenizer.from_json(
        material.tokenizer_json, material.description.max_length, material.description.head_share
    )
    windows = tokenizer.encode(reviews.titles, reviews.texts)
    batches = full_batches(np.concatenate(windows), material.description.max_length)
    names = [engine for engine in material.description.engines if runs_here(engine)]
    engines = [_timed(engine, material, reviews, batches) for engine in names]
    for turn in range(repeats):
        for at, timed in enumerate(engines):
            on_progress(
                f"engine {timed.engine} alone and with reviews", turn * len(engines) + at, repeats * len(engines)
            )
            timed.seconds_alone.append(_seconds(timed.alone))
            timed.seconds_with_reviews.append(_seconds(timed.with_reviews))
    return [_row(timed, batches.size, sum(map(len, windows))) for timed in engines]


def full_batches(ids: np.ndarray, max_length: int) -> np.ndarray:
    """Lay token ids out as int64 [batches, 32, max_length], at least one; what fills no batch is left out."""
    batch = BATCH * max_length
    count = max(len(ids) // batch, 1)
    return np.resize(ids, count * batch).reshape(count, BATCH, max_length)


def _timed(engine: EngineName, material: Material, reviews: LabelledReviews, batches: np.ndarray) -> _Timed:
    run = open_engine(material.bundle, engine, material.cores).run
    scorer = Scorer.load(material.bundle, engine, cascade=False, threads=material.cores)
    mask = np.ones(batches.shape[1:], np.int64)
    run(batches[0], mask)
    scorer.probabilities(reviews.titles[:BATCH], reviews.texts[:BATCH])
    return _Timed(
        engine,
        lambda: [run(batch, mask) for batch in batches],
        lambda: scorer.probabilities(reviews.titles, reviews.texts),
    )


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(timed: _Timed, tokens_alone: int, tokens: int) -> Row:
    alone = tokens_alone / median(timed.seconds_alone)
    with_reviews = tokens / median(timed.seconds_with_reviews)
    return {
        "engine": timed.engine,
        "tokens_per_second_alone": alone,
        "tokens_per_second_with_reviews": with_reviews,
        "share_reached": with_reviews / alone,
        "tokens": tokens,
    }
