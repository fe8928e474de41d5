"""How days, ranges, texts and files are scored, and what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from sentiment.core.config import EXPERTS, MOST_DAYS, DayRange, ModelReference, OneDay, VerbConfig
from sentiment.core.names import CHAMPION, EngineChoice
from sentiment.readers.config import FILES, ColumnOfRole, FileOptions

# A scheduled run takes files of up to 60 days ago, with reviews of up to 60 days before them; the rest is for delays.
SCORES_LOOK_BACK = 180
# In place of a file: standard input, or standard output.
PIPE = "-"


class ScoringOptions(VerbConfig):
    """How a bundle is run."""

    engine: EngineChoice = Field(
        "auto",
        description="Leave auto: each worker takes the fastest that this model was built for.",
        title="Inference engine",
        json_schema_extra=EXPERTS,
    )
    cascade: bool = Field(
        True,
        description="On: a linear model answers the easy reviews and the network the rest, about ten times as fast. "
        "Off: the network answers all.",
        title="Cascade: a fast model answers first",
        json_schema_extra=EXPERTS,
    )
    review_below: float | None = Field(
        None,
        ge=0.5,
        le=1,
        description="A review needs a person below this confidence. Empty: below the limit that the model carries.",
        title="A person looks below this confidence",
        json_schema_extra=EXPERTS,
    )


class LakeScoringOptions(ScoringOptions):
    """How days of the lake are scored."""

    model: ModelReference = Field(
        CHAMPION,
        description="champion: the version in force now; champion_at_date: the one in force on that day; or a "
        "number from MLflow, such as 3. In a backfill of score_reviews tick Override parameters as well, or new "
        "days are scored by the champion and others as they were before.",
        title="Model version",
    )
    reuse: bool = Field(
        True,
        description="Keep the score of a review whose text and model version are unchanged, and whose engine is the "
        "one that is asked for, if any. Off: compute everything again.",
        title="Skip what this version has scored",
    )


class ScoreConfig(LakeScoringOptions, OneDay):
    """Score one day of the lake's reviews, and the days before it whose reviews changed after they were scored."""

    look_back: int = Field(
        SCORES_LOOK_BACK,
        ge=0,
        le=MOST_DAYS,
        description="Days before it whose reviews changed since, by late ones or a corrected file, are scored again; "
        "not with a version, an engine and so on of your choice, which are meant for this day alone.",
        title="Look back for changed days (days)",
        json_schema_extra=EXPERTS,
    )
    catch_up: bool = Field(
        False,
        description="Score as well what was ingested within the look-back and never scored; scheduled runs do.",
        title="Catch up on unscored days",
        json_schema_extra=EXPERTS,
    )

    @property
    def days_before(self) -> int:
        """Return how many days before it are looked at: none where how to score was chosen, which is meant for the day.

        A model that `resolve_model` pinned is no choice of a person's.
        """
        usual = {name: field.default for name, field in LakeScoringOptions.model_fields.items()}
        pinned = {"model": CHAMPION} if "@" in self.model else {}
        chosen = self.model_dump(include=set(usual)) | pinned != usual
        return 0 if chosen and not self.catch_up else self.look_back


class RescoreConfig(LakeScoringOptions, DayRange):
    """Score every day of a range again in one Spark session; its scores are replaced, up to 30 days at once."""


class PredictConfig(ScoringOptions, FileOptions):
    """Score texts given as arguments, or the rows of a file, a folder as Spark writes it, or a pipe.

    A file alone shows its first rows. What a pipe (-) carries is told by its content; rows go out to a pipe as they
    came in, and what is said of them goes to standard error.
    """

    texts: tuple[str, ...] = Field((), description="The texts to score.")
    input: Path | None = Field(
        None,
        description="JSONL, JSON, CSV, TSV or Parquet, packed or not (.gz, .bz2, .zst), or a folder of them; "
        "- reads a pipe.",
    )
    output: Path | None = Field(
        None,
        description="The file to write: .jsonl, .csv or .tsv, packed or not, or .parquet; rows keep their order; "
        "- writes to a pipe.",
    )
    columns: tuple[ColumnOfRole, ...] = Field(
        (),
        description="text=COLUMN and title=COLUMN, such as text=reviewText. What is not named is found.",
        title="Columns",
        json_schema_extra=FILES,
    )
    model: ModelReference = Field(CHAMPION, description="champion or a version number.")
    formulas_as_text: bool = Field(
        False,
        description="In a CSV or TSV put an apostrophe before values that a spreadsheet would run as formulas.",
    )

    @field_validator("input", "output", mode="before")
    @classmethod
    def _no_empty_name(cls, value: object) -> object:
        if value == "":
            raise ValueError("an empty text names no file")  # it would be the folder where one is
        return value

    @model_validator(mode="after")
    def _texts_or_files(self) -> Self:
        if bool(self.texts) == bool(self.input):
            raise ValueError("give either texts or --input FILE")
        if self.output and not self.input:
            raise ValueError("--output is for the rows of --input FILE")
        if self._writes_over():
            raise ValueError(
                "--output is the same file as --input, or lies in it; name another, so that nothing is written over"
            )
        if unread := sorted({*self.named} - {"text", "title"}):
            raise ValueError(f"--columns {unread[0]}=… has no use here; only text and title are read")
        return self

    def _writes_over(self) -> bool:
        if not (self.input and self.output) or PIPE in (str(self.input), str(self.output)):
            return False
        return self.output.resolve().is_relative_to(self.input.resolve())
