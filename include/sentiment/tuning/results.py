"""What a search for better settings returns, as a whole and in its parts."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted, listed


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


@dataclass(frozen=True)
class GridRow:
    """One combination of a grid: its macro F1 on validation, how it ended, and after how many validations.

    What was stopped early has the figure of its last validation, what failed none.
    """

    settings: str
    macro_f1: float | None
    ended: str
    trial: int
    validations: int


class StudyResult(VerbResult):
    """A study's best settings: `best` are fields of a TrainConfig, `macro_f1` is on validation.

    `trials` counts the trials by how they ended; of a grid there is a row a combination, the best first.
    """

    study: str
    run_id: str
    macro_f1: float
    best_trial: int
    best: dict[str, JsonValue]
    trials: dict[str, int]
    grid: tuple[GridRow, ...] = ()

    def sentences(self) -> list[str]:
        """Say how good the best settings are, and which of a grid were not trained to the end."""
        said = [f"The best settings reach macro F1 {self.macro_f1:.3f} on validation."]
        early = [row.settings for row in self.grid if row.ended != "complete"]
        if not self.grid:
            return said
        others = f"; not to their end: {listed(early)}" if early else ""
        return [*said, f"{counted(len(self.grid), 'combination')} tried{others}."]
