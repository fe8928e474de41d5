"""What the benchmark measures in processes of its own, started as `python -m sentiment_benchmarks.scoring.child`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path


def first_answer(bundle: str, cascade: str) -> None:
    """Load a bundle and score the one review, title and text as a JSON list, that stands on standard input."""
    from sentiment.engine.scorer import Scorer

    title, text = json.load(sys.stdin)
    Scorer.load(Path(bundle), cascade=cascade == "on").probabilities([title], [text])


def score_day(day: str, version: str, times: str, result: str) -> None:
    """Score a day of the lake over and over in one Spark session; writes the seconds of each time as a JSON list.

    The first time is for warming up and not among them.
    """
    from sentiment.core.context import Context
    from sentiment.scoring.config import ScoreConfig
    from sentiment.scoring.verbs import SCORE
    from sentiment.stores.spark import session

    config = ScoreConfig(day=date.fromisoformat(day), model=version, reuse=False)
    seconds = []
    context = Context.of_process()
    with session(context.settings, "benchmark", light=True) as spark:
        context = replace(context, spark=spark)
        for _ in range(int(times) + 1):
            started = time.perf_counter()
            SCORE.run(config, context)
            seconds.append(time.perf_counter() - started)
    Path(result).write_text(json.dumps(seconds[1:]), encoding="utf-8")


if __name__ == "__main__":
    {work.__name__: work for work in (first_answer, score_day)}[sys.argv[1]](*sys.argv[2:])
