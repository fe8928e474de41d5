"""What a version makes of texts unlike those that it learnt from, with its gate and without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sentiment.core.context import Context
from sentiment.core.labelled import LabelledReviews
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.engine.scorer import BY_GATE, Answers, Scorer
from sentiment.export.stress import FITTED_ON, JUDGED_ON, stress_texts, texts_without_opinion
from sentiment.promotion.resolution import bundle_of
from sentiment.stores.lake.tables import Lake
from sentiment_benchmarks.config import BenchmarkStressConfig
from sentiment_benchmarks.labelled_files import read_labelled
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import StressBenchmark
from sentiment_benchmarks.scoring.material import snapshot_of
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables

# From this confidence on a label is one that nobody will look at.
CONFIDENT = 0.9


def run_stress_benchmark(config: BenchmarkStressConfig, context: Context) -> StressBenchmark:
    """Judge a version on test reviews of its own snapshot and others, and on `config.files`; write and log a table."""
    own = {str(path): read_labelled(path, config) for path in config.files}
    watch, output = Watch(), output_folder(config.output, context, "stress")
    version, fetched = bundle_of(config.model, context.now.date(), context.settings)
    pair, alone = (Scorer.load(fetched.folder, cascade=cascade, threads=config.cores) for cascade in (True, False))
    with published("stress", config, output, context) as run:
        rows = _all_rows(config, fetched.folder, pair, alone, context)
        for data, texts in own.items():
            context.progress(f"{len(texts)} texts of {data}")
            rows.append({"data": data, "kind": "texts", **_both(pair, alone, texts)})
        nothing = texts_without_opinion(JUDGED_ON, without=FITTED_ON)
        rows.append({"data": "templates", "kind": "without opinion", **_without_opinion(pair, nothing)})
        machine = watch.machine()
        write_tables(run.written, {"stress": rows}, machine)
    return StressBenchmark(run_id=run.run_id, output=str(output), machine=machine, version=version, stress=rows)


def _all_rows(config: BenchmarkStressConfig, bundle: Path, pair: Scorer, alone: Scorer, context: Context) -> list[Row]:
    """Return a row for each kind of text of the version's own snapshot and of each other one."""
    lake = Lake(context.settings.lake_root)
    rows: list[Row] = []
    for snapshot in dict.fromkeys((snapshot_of(bundle), *config.snapshots)):
        test = read_split(snapshot_folder(lake, snapshot), "test", config.reviews)
        stressed = stress_texts(test, JUDGED_ON, without=FITTED_ON)
        if rows:  # templates are the same beside every data set
            del stressed["templates"]
        for kind, texts in {"reviews": test, **stressed}.items():
            if not len(texts):  # a data set without titles
                continue
            context.progress(f"{len(texts)} {kind} of {snapshot}")
            data = kind if kind == "templates" else snapshot
            rows.append({"data": data, "kind": kind, **_both(pair, alone, texts)})
    return rows


def _both(pair: Scorer, alone: Scorer, texts: LabelledReviews) -> Row:
    """Return the figures of gate and network together, and of the network alone, on the same texts."""
    answers, others = (scorer.answer(texts.titles, texts.texts) for scorer in (pair, alone))
    accuracy, of_network = (
        float(_right(scorer, given, texts.labels).mean()) for scorer, given in ((pair, answers), (alone, others))
    )
    decisions = pair.decide(answers)
    confident = decisions.confidence >= CONFIDENT
    wrong = ~_right(pair, answers, texts.labels)
    return {
        "texts": len(texts),
        "gate_share": float((answers.decided_by == BY_GATE).mean()),
        "accuracy": accuracy,
        "accuracy_alone": of_network,
        "difference": accuracy - of_network,
        "confident": float(confident.mean()),
        "confident_error": float(wrong[confident].mean()) if confident.any() else 0.0,
        "needs_review": float(decisions.needs_review.mean()),
    }


def _without_opinion(pair: Scorer, texts: Sequence[str]) -> Row:
    answers = pair.answer([""] * len(texts), texts)
    decisions = pair.decide(answers)
    return {
        "texts": len(texts),
        "gate_share": float((answers.decided_by == BY_GATE).mean()),
        "confident": float((decisions.confidence >= CONFIDENT).mean()),
        "needs_review": float(decisions.needs_review.mean()),
    }


def _right(scorer: Scorer, answers: Answers, labels: np.ndarray) -> np.ndarray:
    found: np.ndarray = (answers.positive_probability >= scorer.thresholds.positive) == (labels == 1)
    return found
