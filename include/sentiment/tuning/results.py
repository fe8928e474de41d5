"""What a search for better settings returns, as a whole and in its parts."""

from __future__ import annotations

from typing import Any

from sentiment.core.verb import VerbResult


class OpenStudyResult(VerbResult):
    """An open study: its name, by which workers find it, its run in MLflow, and how many trials and workers it has."""

    study: str
    snapshot: str
    run_id: str
    trials: int
    workers: int


class SearchResult(VerbResult):
    """How many trials a worker has trained."""

    study: str
    run_id: str
    trained: int


class StudyResult(VerbResult):
    """A study's best settings: `best` are fields of a TrainConfig, `macro_f1` is on validation.

    `trials` counts the trials by how they ended.
    """

    study: str
    run_id: str
    macro_f1: float
    best_trial: int
    best: dict[str, Any]
    trials: dict[str, int]

    def sentences(self) -> list[str]:
        """Say how good the best settings are."""
        return [f"The best settings reach macro F1 {self.macro_f1:.3f} on validation."]
