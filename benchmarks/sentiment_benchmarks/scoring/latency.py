"""How long one answer takes: of one review, in a new process and in a warm one, and of a day in a running session."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from sentiment.core.context import Context
from sentiment.core.settings import Settings
from sentiment.engine.scorer import Scorer
from sentiment_benchmarks.config import BenchmarkScoringConfig
from sentiment_benchmarks.footprint import run_watched
from sentiment_benchmarks.scoring.material import Material
from sentiment_benchmarks.scoring.scratch_home import FIRST_DAY, VERSION, environment, make_home, on_this_machine
from sentiment_benchmarks.tables import Row

_CHILD = (sys.executable, "-m", "sentiment_benchmarks.scoring.child")
# A start takes a second; the percentiles of so few say no more than the slowest.
_COLD_STARTS = 5
_DAY_REVIEWS, _DAY_TIMES = 600, 10
_WARM_UP = 20


def measure_latency(config: BenchmarkScoringConfig, material: Material, context: Context) -> list[Row]:
    """Return a row for a cold and a warm answer, cascade on and off, and one for a day of 600 reviews."""
    rows = []
    for cascade in (True, False) if material.description.gate else (False,):
        named = f"one review, cascade {'on' if cascade else 'off'}"
        context.progress(f"{named}, cold")
        rows.append(latency_row(f"{named}, cold: a new process to its end", _cold(material, cascade)))
        context.progress(f"{named}, warm")
        rows.append(latency_row(f"{named}, warm", _warm(material, cascade, config.calls)))
    context.progress(f"a day of {_DAY_REVIEWS} reviews in a running session")
    rows.append(latency_row(f"a day of {_DAY_REVIEWS} reviews, running session", _days(material, context.settings)))
    return rows


def latency_row(what: str, seconds: Sequence[float]) -> Row:
    """Return median, 95th and 99th percentile in milliseconds."""
    p95, p99 = (float(np.percentile(seconds, share)) for share in (95, 99))
    figures = {"p50_milliseconds": median(seconds), "p95_milliseconds": p95, "p99_milliseconds": p99}
    return {"what": what, "times": len(seconds), **{name: 1_000 * value for name, value in figures.items()}}


def _warm(material: Material, cascade: bool, calls: int) -> list[float]:
    """One call a review, in a process that has answered some; reviews come again when they are not enough."""
    scorer = Scorer.load(material.bundle, cascade=cascade, threads=material.cores)
    reviews = list(zip(material.reviews.titles, material.reviews.texts, strict=True))
    for title, text in reviews[:_WARM_UP]:
        scorer.probabilities([title], [text])
    seconds = []
    for number in range(calls):
        title, text = reviews[number % len(reviews)]
        started = time.perf_counter()
        scorer.probabilities([title], [text])
        seconds.append(time.perf_counter() - started)
    return seconds


def _cold(material: Material, cascade: bool) -> list[float]:
    seconds = []
    for number in range(_COLD_STARTS):
        review = json.dumps([material.reviews.titles[number], material.reviews.texts[number]])
        started = time.perf_counter()
        command = [*_CHILD, "first_answer", str(material.bundle), "on" if cascade else "off"]
        subprocess.run(command, input=review, text=True, check=True)
        seconds.append(time.perf_counter() - started)
    return seconds


def _days(material: Material, settings: Settings) -> list[float]:
    home = material.scratch / "day"
    make_home(home, material, _DAY_REVIEWS, days=1)
    result = home / "seconds.json"
    command = [*_CHILD, "score_day", str(FIRST_DAY), VERSION, str(_DAY_TIMES), str(result)]
    run_watched(command, environment(home, settings, on_this_machine(settings, material.cores)), home / "output.log")
    seconds: list[float] = json.loads(result.read_text(encoding="utf-8"))
    return seconds
