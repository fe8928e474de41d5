"""The verbs of the command line: what each takes, its function in `pipeline`, and where the help shows it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel

from sentiment import config as c


class Verb(NamedTuple):
    """A subcommand: its configuration, the function's name in `pipeline`, an example, and a field given by position.

    `text` says what it does where the configuration's own words serve several verbs. A verb without a group is not
    listed: it is called by the platform itself.
    """

    config: type[BaseModel]
    function: str
    group: str | None
    example: str
    positional: str | None = None
    text: str = ""

    @property
    def description(self) -> str:
        """What it does, in its configuration's words where it has none of its own."""
        return self.text or (self.config.__doc__ or "").strip()


# In the order in which a person needs them.
GROUPS = {
    "Platform": "this machine's Airflow, MLflow and PostgreSQL",
    "Data": "reviews in",
    "Models": "train, judge, put in force, go back",
    "Scoring": "sentiment out",
    "Measure": "tables and pictures of speed and accuracy",
}

VERBS = {
    "doctor": Verb(c.DoctorConfig, "doctor", "Platform", ""),
    "demo": Verb(c.DemoConfig, "demo", "Platform", "--reviews FOLDER"),
    "up": Verb(c.PlatformConfig, "up", "Platform", "", text="Start the platform on this machine."),
    "down": Verb(c.PlatformConfig, "down", "Platform", "", text="Stop the platform on this machine."),
    "status": Verb(c.StatusConfig, "status", "Platform", ""),
    "import-history": Verb(c.ImportHistoryConfig, "import_history", "Data", "--source more_reviews.jsonl.gz"),
    "ingest": Verb(c.IngestConfig, "ingest", "Data", "--day 2026-03-01"),
    "snapshot": Verb(c.SnapshotConfig, "snapshot", "Data", "--from-day 2025-01-01"),
    "sample": Verb(c.SampleConfig, "sample", "Data", "--output reviews --reviews 5000"),
    "train": Verb(c.TrainConfig, "train", "Models", "--family encoder --train-reviews 12000 --epochs 2"),
    "tune": Verb(c.TuneConfig, "tune", "Models", "--family lora --lora-ranks 4 8 16 --trials 12"),
    "compare": Verb(c.CompareConfig, "compare", "Models", "RUN RUN", "runs"),
    "export": Verb(c.ExportConfig, "export", "Models", "--run-id RUN"),
    "promote": Verb(c.PromoteConfig, "promote", "Models", "--versions 3"),
    "rollback": Verb(c.RollbackConfig, "rollback", "Models", '--reason "complaints about speakers"'),
    "score": Verb(c.ScoreConfig, "score", "Scoring", "--day 2026-03-01"),
    "rescore": Verb(c.RescoreConfig, "rescore", "Scoring", "--from-day 2026-03-01 --to-day 2026-03-31 --model 2"),
    "predict": Verb(c.PredictConfig, "predict", "Scoring", '"Broke after a week. Avoid."', "texts"),
    "report": Verb(c.ReportConfig, "report", "Scoring", "--days 14"),
    "benchmark training": Verb(c.BenchmarkTrainingConfig, "benchmark_training", "Measure", "--processes 1 2"),
    "benchmark models": Verb(c.BenchmarkModelsConfig, "benchmark_models", "Measure", "--snapshots SNAPSHOT"),
    "benchmark imbalance": Verb(c.BenchmarkImbalanceConfig, "benchmark_imbalance", "Measure", "--snapshot SNAPSHOT"),
    "benchmark scoring": Verb(c.BenchmarkScoringConfig, "benchmark_scoring", "Measure", "--parts latency"),
    "benchmark preparation": Verb(
        c.BenchmarkPreparationConfig, "benchmark_preparation", "Measure", "--source reviews.jsonl.gz"
    ),
    "search": Verb(c.StudyConfig, "search", None, "--study STUDY"),
}


def name_of(function: str) -> str:
    """Return the verb whose function in `pipeline` this is."""
    return next(name for name, one in VERBS.items() if one.function == function)
