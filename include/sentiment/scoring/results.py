"""What scoring returns, of days, of ranges, of texts and of files; light, for the parts that only show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted, listed, percent


@dataclass(frozen=True)
class ScoreCounts:
    """How many reviews were scored; of them how many are positive, are for a person, and kept a known score."""

    reviews: int = 0
    positive: int = 0
    needs_review: int = 0
    reused: int = 0

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        """Add up."""
        return ScoreCounts(
            reviews=self.reviews + other.reviews,
            positive=self.positive + other.positive,
            needs_review=self.needs_review + other.needs_review,
            reused=self.reused + other.reused,
        )


@dataclass(frozen=True)
class FileCounts:
    """How many rows of a file there are, are positive, are for a person, have no text; and what there is to know."""

    rows: int
    positive: int
    needs_review: int
    unscored: int
    notes: tuple[str, ...] = ()


class ResolvedModel(VerbResult):
    """Which versions score: `pinned` is what the next task scores with, the version and its content.

    `champion_at_date` stays as it is, because each day has its own.
    """

    model: str
    versions: tuple[int, ...]
    pinned: str

    def sentences(self) -> list[str]:
        """Name the version."""
        return [f"The model that scores: version {self.model}."]

    def version_named(self) -> int | None:
        """Return the version, where one scores all days."""
        return self.versions[0] if len(self.versions) == 1 else None


class _ScoredResult(VerbResult):
    """What scoring some days came to; `touched` are the days that were written, `reused` the scores that were kept."""

    days: int
    touched: tuple[date, ...]
    reviews: int
    positive: int
    needs_review: int
    reused: int
    model_versions: tuple[int, ...]

    def said_of(self, what: str) -> str:
        """Say what was scored and by what, of a day or of a range."""
        by = f"version {', '.join(map(str, self.model_versions))}" if self.model_versions else "no version"
        if not self.reviews:
            return f"{what}: no reviews to score ({by})."
        return (
            f"{what}: {counted(self.reviews, 'review')} scored by {by}, {percent(self.positive / self.reviews)} "
            f"positive, {self.needs_review:,} for a person to look at, {self.reused:,} scores kept."
        )


class ScoreResult(_ScoredResult):
    """A scored day; `also` are the days before it that were scored again by the way."""

    day: date
    also: tuple[date, ...]

    def sentences(self) -> list[str]:
        """Count the reviews of the day, and of those that were scored with it."""
        before = f" and {counted(len(self.also), 'day')} before it ({listed([str(day) for day in self.also])})"
        return [self.said_of(f"{self.day}{before if self.also else ''}")]


class RescoreResult(_ScoredResult):
    """A scored range; `missing` are its days that were never ingested."""

    from_day: date
    to_day: date
    missing: tuple[date, ...]

    def sentences(self) -> list[str]:
        """Count the range's reviews, and name the days that are missing."""
        missing = [f"Not ingested, and so not scored: {listed([str(day) for day in self.missing])}."]
        return [self.said_of(f"{self.from_day} to {self.to_day}"), *(missing if self.missing else [])]


class PredictResult(VerbResult):
    """Decisions of texts, or of the first rows of a file (`predictions`), or where all of them went (`output`).

    `rows`, `positive`, `needs_review` and `unscored` count the rows of a file or a pipe.
    """

    output: str | None = None
    predictions: tuple[dict[str, Any], ...] | None = None
    rows: int | None = None
    positive: int | None = None
    needs_review: int | None = None
    unscored: int | None = None
    notes: tuple[str, ...] | None = None
    model_version: int | None = None
    more: str | None = None
