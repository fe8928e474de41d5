"""How candidates are compared, and a version becomes the champion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sentiment.core.config import PROMOTION, Share, VerbConfig

# Macro F1 that may be lost without anybody minding; a point of it is about a review in a hundred.
Margin = Annotated[
    Share,
    Field(
        description="One is called equal to another, or no worse, when the 95 % interval of the difference ends within "
        "this; 0.01 is one point.",
        title="Macro F1 that an equal model may lose",
        json_schema_extra=PROMOTION,
    ),
]

# With 200,000 resamples the smallest p-value of the bootstrap is half of this.
Significance = Annotated[float, Field(ge=0.00002, le=1)]


class CompareConfig(VerbConfig):
    """Compare trained runs of one snapshot: over seeds, and on the same test reviews; choose one run a candidate."""

    runs: tuple[str, ...] = Field(min_length=1, description="MLflow runs of the trainings.")
    significance: Significance = Field(
        0.05, description="Largest p-value of a difference that counts as beyond chance."
    )
    margin: Margin = 0.01


class PromoteConfig(VerbConfig):
    """Compare candidates with the champion on the same test reviews and move the alias when one is better."""

    versions: tuple[int, ...] = Field((), description="Candidate versions; the newest one when empty.")
    tolerance: Share = Field(
        0.002,
        description="On validation, among candidates, and against the linear baseline; 0.002 is a fifth of a point.",
        title="Macro F1 difference that counts as a tie",
        json_schema_extra=PROMOTION,
    )
    margin: Margin = 0.01
    significance: Significance = Field(
        0.05,
        description="A difference with a larger p-value counts as chance.",
        title="Significance level (p-value)",
        json_schema_extra=PROMOTION,
    )
    cheaper: float = Field(
        1.5,
        ge=1,
        description="1.5 is half as fast again.",
        title="Speed-up that a tied model needs to win",
        json_schema_extra=PROMOTION,
    )
    max_slice_loss: Share = Field(
        0.03,
        description="A group is a category, a length, a year …; 0.03 is three points.",
        title="Accuracy that one group may lose",
        json_schema_extra=PROMOTION,
    )
    min_slice_reviews: int = Field(
        100,
        ge=1,
        description="Smaller groups are shown and do not decide.",
        title="Ignore groups smaller than (reviews)",
        json_schema_extra=PROMOTION,
    )


class RollbackConfig(VerbConfig):
    """Make an earlier model version champion again, without judging it, and write down why."""

    version: int | None = Field(
        None,
        ge=1,
        title="Version to go back to",
        description="Model version that becomes champion again; the champion before the present one when empty.",
    )
    reason: str = Field(
        min_length=1,
        title="Reason",
        description="Why, in a sentence; it stands in the table promotions beside your name.",
    )
