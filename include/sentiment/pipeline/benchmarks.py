"""Benchmarks: what training, families, remedies, scoring and imports are worth here."""

from __future__ import annotations

from sentiment import config as c
from sentiment.pipeline.models import on_a_snapshot
from sentiment.pipeline.result import Result
from sentiment.progress import OnProgress, logged


def benchmark_training(config: c.BenchmarkTrainingConfig, on_progress: OnProgress = logged) -> Result:
    """Time training over several processes."""
    from sentiment.benchmarks.training import run_training_benchmark

    return run_training_benchmark(on_a_snapshot(config, on_progress), c.Settings(), on_progress)


def benchmark_models(config: c.BenchmarkModelsConfig, on_progress: OnProgress = logged) -> Result:
    """Train and measure every family on every data set given."""
    from sentiment.benchmarks.models import run_model_benchmark

    return run_model_benchmark(config, c.Settings(), on_progress)


def benchmark_imbalance(config: c.BenchmarkImbalanceConfig, on_progress: OnProgress = logged) -> Result:
    """Compare every remedy for the rare class on the same reviews."""
    from sentiment.benchmarks.imbalance import run_imbalance_benchmark

    return run_imbalance_benchmark(config, c.Settings(), on_progress)


def benchmark_scoring(config: c.BenchmarkScoringConfig, on_progress: OnProgress = logged) -> Result:
    """Measure scoring: against the peers, over workers and sizes, and for one review."""
    from sentiment.benchmarks.scoring.run import run_scoring_benchmark

    return run_scoring_benchmark(config, c.Settings(), on_progress)


def benchmark_preparation(config: c.BenchmarkPreparationConfig, on_progress: OnProgress = logged) -> Result:
    """Time the import and cleaning of a history beside pandas and Dask."""
    from sentiment.benchmarks.preparation.run import run_preparation_benchmark

    return run_preparation_benchmark(config, c.Settings(), on_progress)
