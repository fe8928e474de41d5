"""What training, families, remedies, scoring and imports are worth on this machine: tables and pictures."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import AnyVerb, Verb
from sentiment.datasets.verbs import on_a_snapshot, require_snapshots
from sentiment_benchmarks.config import (
    BenchmarkImbalanceConfig,
    BenchmarkModelsConfig,
    BenchmarkPreparationConfig,
    BenchmarkScaleConfig,
    BenchmarkScoringConfig,
    BenchmarkStressConfig,
    BenchmarkTrainingConfig,
)
from sentiment_benchmarks.results import (
    ImbalanceBenchmark,
    ModelsBenchmark,
    PreparationBenchmark,
    ScaleBenchmark,
    ScoringBenchmark,
    StressBenchmark,
    TrainingBenchmark,
)


def benchmark_training(config: BenchmarkTrainingConfig, context: Context) -> TrainingBenchmark:
    """Time training over several processes."""
    pinned = on_a_snapshot(config, context)
    from sentiment_benchmarks.training import run_training_benchmark

    return run_training_benchmark(pinned, context)


def benchmark_models(config: BenchmarkModelsConfig, context: Context) -> ModelsBenchmark:
    """Train and measure every family on every data set given."""
    require_snapshots(config.snapshots, context)
    from sentiment_benchmarks.models import run_model_benchmark

    return run_model_benchmark(config, context)


def benchmark_imbalance(config: BenchmarkImbalanceConfig, context: Context) -> ImbalanceBenchmark:
    """Compare every remedy for the rare class on the same reviews."""
    require_snapshots([config.snapshot], context)
    from sentiment_benchmarks.imbalance import run_imbalance_benchmark

    return run_imbalance_benchmark(config, context)


def benchmark_scoring(config: BenchmarkScoringConfig, context: Context) -> ScoringBenchmark:
    """Measure scoring: against the peers, over workers and sizes, and for one review."""
    if "masters" in config.parts:
        from sentiment.stores.spark import require_answer

        for master in config.masters:
            require_answer(master)
    from sentiment_benchmarks.scoring.run import run_scoring_benchmark

    return run_scoring_benchmark(config, context)


def benchmark_scale(config: BenchmarkScaleConfig, context: Context) -> ScaleBenchmark:
    """Say what scoring would take at sizes and on clusters that were not measured."""
    from sentiment_benchmarks.scale import run_scale_benchmark

    return run_scale_benchmark(config, context)


def benchmark_stress(config: BenchmarkStressConfig, context: Context) -> StressBenchmark:
    """Judge a version on texts unlike those that it learnt from, with its gate and without."""
    require_snapshots(config.snapshots, context)
    from sentiment_benchmarks.stress import run_stress_benchmark

    return run_stress_benchmark(config, context)


def benchmark_preparation(config: BenchmarkPreparationConfig, context: Context) -> PreparationBenchmark:
    """Time the import and cleaning of a history beside pandas and Dask."""
    from sentiment_benchmarks.preparation.run import run_preparation_benchmark

    return run_preparation_benchmark(config, context)


BENCHMARK_TRAINING = Verb(
    name="benchmark training",
    config=BenchmarkTrainingConfig,
    result=TrainingBenchmark,
    run=benchmark_training,
    group="Measure",
    heavy=True,
    example="--processes 1 2",
)
BENCHMARK_MODELS = Verb(
    name="benchmark models",
    config=BenchmarkModelsConfig,
    result=ModelsBenchmark,
    run=benchmark_models,
    group="Measure",
    heavy=True,
    example="--snapshots SNAPSHOT",
)
BENCHMARK_IMBALANCE = Verb(
    name="benchmark imbalance",
    config=BenchmarkImbalanceConfig,
    result=ImbalanceBenchmark,
    run=benchmark_imbalance,
    group="Measure",
    heavy=True,
    example="--snapshot SNAPSHOT",
)
BENCHMARK_SCORING = Verb(
    name="benchmark scoring",
    config=BenchmarkScoringConfig,
    result=ScoringBenchmark,
    run=benchmark_scoring,
    group="Measure",
    heavy=True,
    example="--parts latency",
)
BENCHMARK_SCALE = Verb(
    name="benchmark scale",
    config=BenchmarkScaleConfig,
    result=ScaleBenchmark,
    run=benchmark_scale,
    group="Measure",
    example="--reviews 1000000000 --cores 128 1000",
)
BENCHMARK_STRESS = Verb(
    name="benchmark stress",
    config=BenchmarkStressConfig,
    result=StressBenchmark,
    run=benchmark_stress,
    group="Measure",
    heavy=True,
    example="--model 2",
)
BENCHMARK_PREPARATION = Verb(
    name="benchmark preparation",
    config=BenchmarkPreparationConfig,
    result=PreparationBenchmark,
    run=benchmark_preparation,
    group="Measure",
    heavy=True,
    example="--source reviews.jsonl.gz",
)
VERBS: tuple[AnyVerb, ...] = (
    BENCHMARK_TRAINING,
    BENCHMARK_MODELS,
    BENCHMARK_IMBALANCE,
    BENCHMARK_SCORING,
    BENCHMARK_SCALE,
    BENCHMARK_STRESS,
    BENCHMARK_PREPARATION,
)
