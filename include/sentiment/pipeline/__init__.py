"""The verbs: one function each, a frozen configuration in, a small dict out that JSON can hold.

Airflow's tasks, the command line and the tests call these same functions. Each opens what it needs and closes it; no
review passes through what it returns.
"""

from sentiment.pipeline.benchmarks import (
    benchmark_imbalance,
    benchmark_models,
    benchmark_preparation,
    benchmark_scoring,
    benchmark_training,
)
from sentiment.pipeline.machine import demo, doctor, down, status, up
from sentiment.pipeline.models import (
    compare,
    conclude_study,
    export,
    open_study,
    promote,
    rollback,
    search,
    train,
    tune,
)
from sentiment.pipeline.reviews import (
    import_history,
    ingest,
    late_days,
    missing_files,
    missing_reviews,
    sample,
    snapshot,
)
from sentiment.pipeline.scores import predict, report, rescore, resolve_model, score

__all__ = [
    "benchmark_imbalance",
    "benchmark_models",
    "benchmark_preparation",
    "benchmark_scoring",
    "benchmark_training",
    "compare",
    "conclude_study",
    "demo",
    "doctor",
    "down",
    "export",
    "import_history",
    "ingest",
    "late_days",
    "missing_files",
    "missing_reviews",
    "open_study",
    "predict",
    "promote",
    "report",
    "rescore",
    "resolve_model",
    "rollback",
    "sample",
    "score",
    "search",
    "snapshot",
    "status",
    "train",
    "tune",
    "up",
]
