"""How a trained model becomes a version, and a version the champion."""

from __future__ import annotations

from pydantic import Field

from sentiment.config.verb import Share, VerbConfig


class ExportConfig(VerbConfig):
    """Export a trained run as an ONNX bundle, check its parity, and register it as a model version."""

    run_id: str = Field(min_length=1, description="MLflow run of the training.")
    parity_reviews: int = Field(1_000, ge=20, description="Validation reviews of the parity gate.")
    max_probability_gap: float = Field(1e-3, gt=0, description="Largest difference of fp32 ONNX from torch.")
    max_accuracy_loss: float = Field(0.005, ge=0, description="Largest loss of accuracy of int8 against fp32.")
    calibration_reviews: int = Field(300, ge=10, description="Training reviews that set static int8's scales.")
    gate: bool = Field(True, description="Put a linear gate before a neural model, where that costs no accuracy.")
    gate_reviews: int = Field(100_000, ge=100, description="Most training reviews that the gate learns from.")
    gate_validation: int = Field(6_000, ge=50, description="Most validation reviews that say where the gate is sure.")


class CompareConfig(VerbConfig):
    """Compare trained runs of one snapshot: over seeds, and on the same test reviews; choose one run a candidate."""

    runs: tuple[str, ...] = Field(min_length=1, description="MLflow runs of the trainings.")
    significance: Share = Field(0.05, description="Largest p-value of a difference that counts as beyond chance.")


class PromoteConfig(VerbConfig):
    """Compare candidates with the champion on the same test reviews and move the alias when one is better."""

    versions: tuple[int, ...] = Field((), description="Candidate versions; the newest one when empty.")
    tolerance: Share = Field(0.002, description="Macro F1 within which two models count as equal.")
    significance: Share = Field(0.05, description="Largest p-value of a difference that counts as beyond chance.")
    cheaper: float = Field(1.5, ge=1, description="How much faster an equal challenger must be to be promoted.")
    max_slice_loss: Share = Field(0.03, description="Most accuracy that any slice of the test reviews may lose.")
    min_slice_reviews: int = Field(100, ge=1, description="Smaller slices are shown and do not decide.")


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
