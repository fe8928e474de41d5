"""What a worker process of the scoring job does: it opens the bundle once, and scores what is not known already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Semaphore

import pyarrow as pa
from pyarrow import compute

from sentiment.core.names import EngineChoice
from sentiment.engine.scorer import Scorer
from sentiment.scoring.scored import SCORED
from sentiment.stores.spark import ARROW_BATCH_ROWS
from sentiment.stores.spark_jobs import Tally

_Which = tuple[Path, EngineChoice, bool, float | None]
# The open scorers of the run that is at work in this process, as far as no task has one.
_free: dict[_Which, list[Scorer]] = {}


# Follows the bundle's identity where its gate was not asked: with it the network's answers are blends of both.
BY_NETWORK = "/network"
# How many reviews this process has scored.
TALLY = Tally()


@dataclass(frozen=True)
class Scoring:
    """What one scoring run uses and leaves as its trace in the lake.

    `content` is the bundle's identity, with `BY_NETWORK` behind it or not; without one, no score of this run is ever
    taken for that of another. Without `review_below` the bundle's own limit of confidence tells what needs a person.
    Its commits name `provenance`.
    """

    bundle: Path
    version: int
    run_id: str
    now: datetime
    engine: EngineChoice = "auto"
    cascade: bool = True
    reuse: bool = True
    content: str = ""
    review_below: float | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def lent(bundle: Path, run: Scoring, at_once: int) -> Iterator[Scorer]:
    """Lend a scorer of a run, opened once a core from where the bundle lies on this machine.

    A process of Spark's works at one task. Where all tasks are threads of one process, `at_once` of them score, and
    the others wait: a scorer is for one caller at a time, and opened as often it would cost what it saves.
    """
    which = (bundle, run.engine, run.cascade, run.review_below)
    with _seats(at_once):
        if which not in _free:
            _free.clear()
        free = _free.setdefault(which, [])
        try:
            scorer = free.pop()
        except IndexError:
            scorer = _opened(*which)
        try:
            yield scorer
        finally:
            free.append(scorer)


def in_order(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the rows of a partition, which is of some thousands, in batches of an order of their own.

    What a review is batched with moves the last digits of its probability, and more than those under dynamic int8,
    whose scale is the batch's. So the same days give the same scores, run after run.
    """
    found = list(batches)
    if found:
        rows = pa.Table.from_batches(found).sort_by([("review_date", "ascending"), ("review_key", "ascending")])
        yield from rows.combine_chunks().to_batches(ARROW_BATCH_ROWS)


def score_batch(scorer: Scorer, batch: pa.RecordBatch, run: Scoring) -> pa.RecordBatch:
    """Return the batch as SCORED: rows that are not `reused` get a score of this run.

    The others stay as they are, but for `needs_review`, which this run's limit says of their confidence.
    The batch holds the columns of SCORED, and `title` and `text`, which may be null where a row is reused.
    """
    new = compute.invert(batch["reused"])
    scores = _scores(scorer, batch.filter(new), run)
    limit = pa.scalar(scorer.thresholds.needs_review, pa.float32())
    known = {name: batch[name] for name in SCORED.names}
    known["needs_review"] = compute.less(batch["confidence"], limit)
    columns = [
        compute.replace_with_mask(column, new, scores[name]) if name in scores else column
        for name, column in known.items()
    ]
    TALLY.add(batch.num_rows)
    return pa.RecordBatch.from_arrays(columns, schema=SCORED)


def _scores(scorer: Scorer, reviews: pa.RecordBatch, run: Scoring) -> dict[str, pa.Array]:
    # Rows of another program may lack either.
    answers = scorer.answer(*(compute.fill_null(reviews[name], "").to_pylist() for name in ("title", "text")))
    decisions = scorer.decide(answers)
    found = {**vars(decisions), "decided_by": answers.decided_by, "language": answers.language}
    # The lake holds a version as text.
    constant: dict[str, object] = {"model_version": str(run.version), "bundle": run.content or None}
    constant |= {"engine": scorer.engine_name, "scored_at": run.now, "run_id": run.run_id}
    return {
        **{name: pa.array(values, SCORED.field(name).type) for name, values in found.items()},
        **{
            name: pa.repeat(pa.scalar(value, SCORED.field(name).type), reviews.num_rows)
            for name, value in constant.items()
        },
    }


@cache
def _seats(at_once: int) -> Semaphore:
    return Semaphore(at_once)


def _opened(bundle: Path, engine: EngineChoice, cascade: bool, review_below: float | None) -> Scorer:
    # One thread a scorer, because there is one a core; the tokenizer would take all cores for each of them.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    return Scorer.load(bundle, engine=engine, cascade=cascade, threads=1, review_below=review_below)
