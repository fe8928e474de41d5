"""Models: train, search, compare, export, promote, roll back."""

from __future__ import annotations

from typing import TypeVar

from sentiment import config as c
from sentiment.pipeline.result import Result
from sentiment.pipeline.reviews import snapshot
from sentiment.progress import OnProgress, logged

OnSnapshot = TypeVar("OnSnapshot", c.TrainConfig, c.TuneConfig, c.BenchmarkTrainingConfig)


def train(config: c.TrainConfig, on_progress: OnProgress = logged) -> Result:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.candidate import train_candidate

    return train_candidate(on_a_snapshot(config, on_progress), c.Settings(), on_progress)


def tune(config: c.TuneConfig, on_progress: OnProgress = logged) -> Result:
    """Search for better settings on this machine, to the end; the same search again goes on where it stopped."""
    from sentiment.tuning.processes import tune as tune_here

    return tune_here(on_a_snapshot(config, on_progress), c.Settings(), on_progress)


def open_study(config: c.TuneConfig) -> Result:
    """Open the study of a search, or go on with it."""
    from sentiment.tuning.study import open_study as open_it

    return open_it(on_a_snapshot(config, logged), c.Settings())


def search(config: c.StudyConfig, on_progress: OnProgress = logged) -> Result:
    """Work on an open study as one of its workers, until it has all its trials."""
    from sentiment.tuning.search import search as search_study

    return search_study(config, c.Settings(), on_progress)


def conclude_study(config: c.StudyConfig, on_progress: OnProgress = logged) -> Result:
    """Return the best settings of a study, and leave its table and pictures in MLflow."""
    from sentiment.tuning.study import conclude_study as conclude

    return conclude(config, c.Settings(), on_progress)


def compare(config: c.CompareConfig, on_progress: OnProgress = logged) -> Result:
    """Say which of several trained candidates is better beyond chance, and choose one run of each."""
    from sentiment.comparison import compare_runs

    return compare_runs(config, c.Settings(), on_progress)


def export(config: c.ExportConfig, on_progress: OnProgress = logged) -> Result:
    """Export a trained run as a bundle that passed its gate, measure what will run, and register it."""
    from sentiment.export.register import export_and_register

    return export_and_register(config, c.Settings(), on_progress)


def promote(config: c.PromoteConfig, on_progress: OnProgress = logged) -> Result:
    """Compare the best candidate with baseline and champion on the same test reviews, and move the alias if due."""
    from sentiment.promotion import promote_best

    return promote_best(config, c.Settings(), on_progress)


def rollback(config: c.RollbackConfig, on_progress: OnProgress = logged) -> Result:
    """Make an earlier version champion again, in ledger and alias, and say how to score its days anew."""
    from sentiment.promotion import roll_back

    return roll_back(config, c.Settings(), on_progress)


def on_a_snapshot(config: OnSnapshot, on_progress: OnProgress) -> OnSnapshot:
    """Name a snapshot where none is named: one of the whole lake."""
    if config.snapshot:
        return config
    return config.model_copy(update={"snapshot": snapshot(c.SnapshotConfig(), on_progress)["snapshot"]})
