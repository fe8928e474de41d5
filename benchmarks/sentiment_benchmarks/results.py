"""What the benchmarks return: their tables, and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sentiment.core.verb import VerbResult
from sentiment_benchmarks.tables import Machine, Row

# Four candidates make six pairs, on a page.
_VERDICTS = 6


class BenchmarkResult(VerbResult):
    """A benchmark's run in MLflow, the folder of its files, and the machine that it was made on.

    Each further field is a table, a row a thing that was measured.
    """

    run_id: str
    output: str
    machine: Machine


class TrainingBenchmark(BenchmarkResult):
    """`training` has a row an arrangement of processes, see `scaling_rows`; a `note` says why one is left out."""

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "training": ("mode", "processes", "precision", "seconds", "speed_up", "efficiency", "macro_f1", "note")
    }

    training: list[Row]


class ModelsBenchmark(BenchmarkResult):
    """`models` has a row a data set and candidate, `comparisons` one a pair of candidates; see `compare_all`."""

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "models": ("data", "model", "accuracy", "macro_f1", "trained_on", "reviews_per_second", "bundle_megabytes"),
        "comparisons": ("a", "b", "difference", "low", "high", "winner"),
    }

    models: list[Row]
    comparisons: list[Row]

    def sentences(self) -> list[str]:
        """Say of the first pairs who is better; the table names the winners of all."""
        return [f"{row['data']}: {row['verdict']}." for row in self.comparisons[:_VERDICTS]]


class ImbalanceBenchmark(BenchmarkResult):
    """`imbalance` has a row a family, remedy and threshold: what `evaluate` finds on the test reviews."""

    imbalance: list[Row]


class ScoringBenchmark(BenchmarkResult):
    """A table for each part that was asked for; see the function `measure_…` of each."""

    peers: list[Row] | None = None
    engines: list[Row] | None = None
    workers: list[Row] | None = None
    sizes: list[Row] | None = None
    masters: list[Row] | None = None
    latency: list[Row] | None = None


class StressBenchmark(BenchmarkResult):
    """`stress` has a row a data set and kind of text: `difference` is that of the pair to the network alone.

    `confident` is the share of confidences of 0.9 and more, `confident_error` the share of wrong labels among them.
    """

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "stress": ("data", "kind", "texts", "gate_share", "accuracy", "accuracy_alone", "confident_error")
    }

    version: int
    stress: list[Row]


class ScaleBenchmark(BenchmarkResult):
    """`scale` has a row a number of reviews and of cores, see `simulated`; the two figures are what it is made of."""

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "scale": ("reviews", "cores", "hours", "core_hours", "dollars", "efficiency", "driver_seconds")
    }

    start_seconds: float
    core_milliseconds_a_review: float
    scale: list[Row]


class PreparationBenchmark(BenchmarkResult):
    """`preparation` has a row a contender, see `preparation_rows`; `cleaning` one a kind of text."""

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "preparation": ("contender", "seconds", "reviews_per_second", "against_pandas", "unlike_ours", "note")
    }

    preparation: list[Row]
    cleaning: list[Row]
