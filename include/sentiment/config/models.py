"""How a trained model becomes a version, and a version the champion."""

from __future__ import annotations

from pydantic import Field

from sentiment.config.sections import EXPORT, PROMOTION
from sentiment.config.verb import Share, VerbConfig


class ExportConfig(VerbConfig):
    """Export a trained run as an ONNX bundle, check its parity, and register it as a model version."""

    run_id: str = Field(min_length=1, description="MLflow run of the training.")
    parity_reviews: int = Field(
        1_000,
        ge=20,
        description="Validation reviews on which the exported model is compared with the trained one.",
        title="Reviews of the parity check",
        json_schema_extra=EXPORT,
    )
    max_probability_gap: float = Field(
        1e-3,
        gt=0,
        description="The export fails if a probability of the ONNX model (fp32) differs by more.",
        title="Largest difference from the trained model",
        json_schema_extra=EXPORT,
    )
    max_accuracy_loss: float = Field(
        0.005, ge=0, description="0.005 is half a point.", title="Accuracy that int8 may lose", json_schema_extra=EXPORT
    )
    calibration_reviews: int = Field(
        300,
        ge=10,
        description="Training reviews that set the scales of static int8.",
        title="Reviews to calibrate int8",
        json_schema_extra=EXPORT,
    )
    gate: bool = Field(
        True,
        description="Put a linear model before the network, where that costs no accuracy.",
        title="Build the fast pre-filter",
        json_schema_extra=EXPORT,
    )
    gate_reviews: int = Field(
        100_000,
        ge=100,
        description="At most so many training reviews.",
        title="Reviews the pre-filter learns from",
        json_schema_extra=EXPORT,
    )
    gate_validation: int = Field(
        6_000,
        ge=50,
        description="At most so many validation reviews say where the pre-filter is sure.",
        title="Reviews its threshold is set on",
        json_schema_extra=EXPORT,
    )


class CompareConfig(VerbConfig):
    """Compare trained runs of one snapshot: over seeds, and on the same test reviews; choose one run a candidate."""

    runs: tuple[str, ...] = Field(min_length=1, description="MLflow runs of the trainings.")
    significance: Share = Field(0.05, description="Largest p-value of a difference that counts as beyond chance.")


class PromoteConfig(VerbConfig):
    """Compare candidates with the champion on the same test reviews and move the alias when one is better."""

    versions: tuple[int, ...] = Field((), description="Candidate versions; the newest one when empty.")
    tolerance: Share = Field(
        0.002,
        description="0.002 is a fifth of a point.",
        title="Macro F1 difference that counts as a tie",
        json_schema_extra=PROMOTION,
    )
    significance: Share = Field(
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
