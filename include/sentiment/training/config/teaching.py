"""What is learnt beside the labels: a teacher's soft ones, how they are made and taken, and the stars."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import LESSONS, LONGEST_PLACE, TEACHING, Share, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.config.optimisation import Imbalance


class TeachingOptions(VerbConfig):
    """How a student learns from a teacher, and from the stars."""

    teacher: str = Field(
        "",
        max_length=LONGEST_PLACE,
        description="Run of `sentiment soft-labels`, or a Parquet file with review_key and log_odds: the training "
        "learns from these soft labels beside the stars. Empty: from the stars alone.",
        title="Teacher",
        json_schema_extra=LESSONS,
    )
    teacher_weight: Share = Field(
        0.9,
        description="Share of the loss that the soft label has beside the star label, where there are both.",
        title="Weight of the teacher",
        json_schema_extra=LESSONS,
    )
    teacher_temperature: float = Field(
        2.0,
        ge=0.1,
        le=100,
        description="Log odds of teacher and student are divided by it before they are compared.",
        title="Temperature of the teacher",
        json_schema_extra=LESSONS,
    )
    star_weight: Share = Field(
        0.0,
        description="Encoder, lora: weight of the stars, one to five, in the loss beside the label; a second head "
        "learns them, and is left out of the model. 0: labels alone.",
        title="Weight of the stars",
        json_schema_extra=LESSONS,
    )

    def teacher_refused(self, family: Family, imbalance: Imbalance, folds: int) -> str:
        """Say why this training cannot be taught; nothing where it can."""
        if not self.teacher:
            return ""
        if family == "linear":
            return "the linear family learns from labels alone; choose another family, or leave teacher out"
        if imbalance != "none":
            return f"{imbalance} would bend what the teacher says; leave imbalance at none"
        if folds:
            return "the teacher knows the labels of every fold; leave folds at 0 beside a teacher"
        return ""

    def stars_refused(self, family: Family) -> str:
        """Say why this training learns no stars; nothing where it can."""
        if self.star_weight and family not in ENCODER_FAMILIES:
            return f"{family} has no second head; choose {' or '.join(ENCODER_FAMILIES)}, or leave star_weight at 0"
        return ""


class SoftLabelsConfig(VerbConfig):
    """Let the settings of a training, a large one's, label reviews for a smaller student: softly, and out of fold.

    Each fold's reviews are labelled by a model that was trained on the other folds, which share no product with it.
    What was interrupted, or killed, goes on when it is asked for again; what is done is not done again.
    """

    model: str = Field(
        min_length=1,
        description="Run of `sentiment train` whose settings and snapshot the teacher has.",
        title="Run of the teacher",
    )
    folds: int = Field(
        3,
        ge=2,
        le=20,
        description="Models that are trained, each without a part of the products.",
        title="Folds of the teacher",
        json_schema_extra=TEACHING,
    )
    train_reviews: int | None = Field(
        None,
        ge=100,
        description="At most so many of the snapshot's reviews are trained on; as many as the run's when empty.",
        title="Training reviews of the folds",
        json_schema_extra=TEACHING,
    )
    labelled_reviews: int | None = Field(
        None,
        ge=100,
        description="So many of them are labelled, which is quicker than to train on them, and never fewer than are "
        "trained on.",
        title="Reviews to label",
        json_schema_extra=TEACHING,
    )
    unlabelled_reviews: int | None = Field(
        None,
        ge=0,
        description="At most so many reviews of three stars, or of IMDb's folder unsup, are labelled beside them; in "
        "proportion when empty.",
        title="Reviews without a label",
        json_schema_extra=TEACHING,
    )
