"""What the benchmarks return: their tables, and what they were measured on."""

from __future__ import annotations

from sentiment.core.verb import VerbResult
from sentiment_benchmarks.tables import Machine, Row


class BenchmarkResult(VerbResult):
    """A benchmark's run in MLflow and the folder of its files, "" where MLflow alone has them.

    Each further field is a table, a row a thing that was measured.
    """

    run_id: str
    output: str


class TrainingBenchmark(BenchmarkResult):
    """`training` has a row an arrangement of processes; see `scaling_rows`."""

    machine: Machine
    training: list[Row]


class ModelsBenchmark(BenchmarkResult):
    """`models` has a row a data set and candidate, `comparisons` one a pair of candidates; see `compare_all`."""

    models: list[Row]
    comparisons: list[Row]


class ImbalanceBenchmark(BenchmarkResult):
    """`imbalance` has a row a family, remedy and threshold: what `evaluate` finds on the test reviews."""

    imbalance: list[Row]


class ScoringBenchmark(BenchmarkResult):
    """A table for each part that was asked for; see the function `measure_…` of each."""

    machine: Machine
    peers: list[Row] | None = None
    engines: list[Row] | None = None
    workers: list[Row] | None = None
    sizes: list[Row] | None = None
    latency: list[Row] | None = None


class PreparationBenchmark(BenchmarkResult):
    """`preparation` has a row a contender, see `preparation_rows`; `cleaning` one a kind of text."""

    machine: Machine
    preparation: list[Row]
    cleaning: list[Row]
