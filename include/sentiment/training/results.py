"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sentiment.core.names import Family
from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted, interval, percent

Interval = tuple[float, float]


@dataclass(frozen=True)
class SeedRun:
    """One of several trainings that differ in the seed alone: its run, and its figures."""

    seed: int
    run_id: str
    validation_macro_f1: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class OverFolds:
    """Mean and standard deviation (k - 1) over the folds of a cross-validation, decided as the training decides."""

    folds: int
    reviews: int
    accuracy: float
    accuracy_std: float
    macro_f1: float
    macro_f1_std: float
    recall_negative: float
    recall_negative_std: float

    def sentence(self) -> str:
        """Say accuracy and macro F1."""
        return (
            f"Cross-validated over {self.folds} folds of {self.reviews:,} reviews: accuracy {percent(self.accuracy)}, "
            f"standard deviation {percent(self.accuracy_std)}; macro F1 {self.macro_f1:.3f}, standard deviation "
            f"{self.macro_f1_std:.3f}."
        )


class TrainResult(VerbResult):
    """A finished training: its run in MLflow, and its figures on the test reviews with 95 % intervals [low, high].

    An interval is None where no resample has the figure, as where all test reviews are of one class. `seconds` are
    those of the fit. `warning` says that it learnt nothing, `note` what of it is not as it was asked for, or as one
    would think; `report` and `experiment` are addresses of MLflow, where there is a server. `runs` are those of several
    seeds, of which the result is that of the best on validation; `cross_validation` came before the training.
    """

    run_id: str
    family: Family
    snapshot: str
    train_reviews: int
    test_reviews: int
    accuracy: float
    accuracy_interval: Interval | None = None
    macro_f1: float
    macro_f1_interval: Interval | None = None
    seconds: float
    warning: str | None = None
    note: str | None = None
    report: str | None = None
    experiment: str | None = None
    runs: tuple[SeedRun, ...] = ()
    cross_validation: OverFolds | None = None

    def sentences(self) -> list[str]:
        """Say the figures, the warning and the note."""
        accuracy = percent(self.accuracy) + interval(self.accuracy_interval, 100, "%")
        macro_f1 = f"{self.macro_f1:.3f}" + interval(self.macro_f1_interval)
        line = f"{self.family}: accuracy {accuracy}, macro F1 {macro_f1} on the test reviews."
        folds = self.cross_validation.sentence() if self.cross_validation else ""
        note = f"Note: {self.note}." if self.note else ""
        return [line, *filter(None, (folds, self._over_seeds(), self.warning, note))]

    def _over_seeds(self) -> str:
        if not self.runs:
            return ""
        figures = [run.macro_f1 for run in self.runs]
        return (
            f"Over {len(figures)} seeds macro F1 is {mean(figures):.3f}, standard deviation {stdev(figures):.3f}; the "
            "run above is the best of them on validation."
        )


class SoftLabelsResult(VerbResult):
    """Soft labels that were made: the run that made them, whose settings the teacher has, and where the table lies.

    Accuracy and macro F1 are those of the soft labels of reviews with a star label, out of fold.
    """

    run_id: str
    teacher: str
    family: Family
    snapshot: str
    table: str
    folds: int
    train_reviews: int
    unlabelled_reviews: int
    accuracy: float
    macro_f1: float
    seconds: float

    def sentences(self) -> list[str]:
        """Say how good they are, and how a student takes them."""
        more = counted(self.unlabelled_reviews, "review")
        labelled = counted(self.train_reviews, "training review")
        labelled += f" and {more} without a star label" if self.unlabelled_reviews else ""
        return [
            f"{labelled} have a soft label; out of {self.folds} folds "
            f"by product the teacher ({self.family}) has accuracy {percent(self.accuracy)}, "
            f"macro F1 {self.macro_f1:.3f}.",
            f"A student learns from them: `sentiment train --teacher {self.run_id} --snapshot {self.snapshot}`.",
        ]


class UnfinishedTraining(BaseModel):
    """What a training keeps to go on from: its last checkpoint's step, 0 for none, its size, and hours since then."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    state: Literal["training", "interrupted"]
    family: str
    train_reviews: int | None
    step: int
    megabytes: float
    hours: float


class TrainingsResult(VerbResult):
    """The trainings that have not come to their end, the newest first, and those whose left-overs were removed."""

    trainings: list[UnfinishedTraining]
    removed: list[str]
    freed_megabytes: float

    def sentences(self) -> list[str]:
        """Say what is left, and how it goes on or goes away."""
        if self.removed:
            return [f"Removed {self.freed_megabytes:,.1f} MB, kept by {', '.join(self.removed)}."]
        left = [one for one in self.trainings if one.state == "interrupted"]
        if not left:
            return ["No training has left anything."]
        size = sum(one.megabytes for one in left)
        kept = f"An interrupted training keeps {size:,.1f} MB" if len(left) == 1 else ""
        kept = kept or f"{len(left)} interrupted trainings keep {size:,.1f} MB"
        return [
            f"{kept}: `sentiment train --resume RUN` goes on with one, `sentiment trainings --remove RUN` removes what "
            "it keeps."
        ]
