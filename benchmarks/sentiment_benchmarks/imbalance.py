"""What each answer to the rare class is worth: one training set, every technique, at 0.5 and at a tuned threshold.

The same command goes on where it was stopped; checkpoints go once the table is written.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
from pydantic import ValidationError

from sentiment.core.context import Context
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import read_split
from sentiment.engine.calibration import positive_probability
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.training.config.optimisation import Imbalance
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment_benchmarks.config import BenchmarkImbalanceConfig
from sentiment_benchmarks.held_out import BenchmarkData
from sentiment_benchmarks.models import keyed_folder
from sentiment_benchmarks.publishing import published
from sentiment_benchmarks.results import ImbalanceBenchmark
from sentiment_benchmarks.tables import Row, Watch, output_folder, write_tables


def run_imbalance_benchmark(config: BenchmarkImbalanceConfig, context: Context) -> ImbalanceBenchmark:
    """Train each family with each technique that it knows on the same reviews; write and log the table."""
    watch, output = Watch(), output_folder(config.output, context, "imbalance")
    data = BenchmarkData.read(context.settings, config.snapshot, config)
    candidates = _candidates(config)
    asked = [candidate.model_dump(mode="json") for candidate in candidates]
    rows: list[Row] = []
    with published("imbalance", config, output, context) as run:
        work = keyed_folder(output, "work", {"trainings": asked, "validation": len(data.validation)})
        for candidate in candidates:
            context.progress(f"{candidate.family} with {candidate.imbalance}")
            rows += _measured(candidate, data, work, context.settings)
        machine = watch.machine()
        write_tables(run.written, {"imbalance": rows}, machine)
    shutil.rmtree(work)
    return ImbalanceBenchmark(run_id=run.run_id, output=str(output), machine=machine, imbalance=rows)


def _candidates(config: BenchmarkImbalanceConfig) -> list[TrainConfig]:
    """Return the training of each family with each technique that it knows."""
    shared = config.model_dump(include={"snapshot", "train_reviews", "seed"})
    candidates = []
    for family, technique in product(config.families, get_args(Imbalance)):
        with suppress(ValidationError):
            candidates.append(TrainConfig.model_validate({"family": family, "imbalance": technique, **shared}))
    return candidates


def _measured(candidate: TrainConfig, data: BenchmarkData, work: Path, settings: Settings) -> list[Row]:
    train = read_split(data.folder, "train", candidate.train_reviews, candidate.seed)
    fitted = fit(candidate, train, data.validation, work / f"{candidate.family}-{candidate.imbalance}", settings)
    validation = positive_probability(predict_logits(fitted, data.validation, candidate.precision))
    test = positive_probability(predict_logits(fitted, data.test, candidate.precision))
    tuned = fit_threshold(validation, data.validation.labels)
    return [
        {
            "family": candidate.family,
            "technique": candidate.imbalance,
            "threshold": threshold,
            **_figures(data.test.labels, test, threshold),
        }
        for threshold in (0.5, tuned)
    ]


def _figures(labels: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    figures = evaluate(labels, probability, threshold)
    shown = ("accuracy", "macro_f1", "precision_negative", "recall_negative", "f1_negative", "pr_auc_negatives")
    return {name: figures[name] for name in shown}
