"""How a trained model becomes a bundle and a version."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from sentiment.core.config import EXPORT, Share, VerbConfig
from sentiment.core.names import EngineName


class ExportConfig(VerbConfig):
    """Export a trained run as an ONNX bundle, check its parity, and register it as a model version."""

    run_id: str = Field(min_length=1, description="MLflow run of the training.")
    engines: tuple[EngineName, ...] = Field(
        (),
        description="What the bundle can be run with: onnxruntime-fp32 in any case, and those named of "
        "onnxruntime-int8, openvino-int8, cuda-fp16 and tensorrt-fp16; when empty all that can be built here.",
        title="Inference engines",
        json_schema_extra=EXPORT,
    )
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
        0.005,
        ge=0,
        description="0.005 is half a point; an engine that loses more is left out.",
        title="Accuracy that an engine may lose",
        json_schema_extra=EXPORT,
    )
    calibration_reviews: int = Field(
        300,
        ge=10,
        description="Training reviews that set the scales of static int8.",
        title="Reviews to calibrate int8",
        json_schema_extra=EXPORT,
    )
    cascade: bool = Field(
        True,
        description="Put a linear model before the network, where that costs no accuracy.",
        title="Build the cascade",
        json_schema_extra=EXPORT,
    )
    cascade_reviews: int = Field(
        100_000,
        ge=100,
        description="At most so many training reviews.",
        title="Reviews its fast model learns from",
        json_schema_extra=EXPORT,
    )
    cascade_validation: int = Field(
        6_000,
        ge=50,
        description="At most so many validation reviews say where the fast model is sure, from which probability on a "
        "review is positive, and at which a person should look.",
        title="Reviews its threshold is set on",
        json_schema_extra=EXPORT,
    )
    review_error: Share | None = Field(
        None,
        description="0.02: as few reviews need a person as leave 2 % wrong labels among the others, on validation. "
        "Empty, and without a share: those whose confidence is below 0.70.",
        title="Wrong labels that nobody looks at (share)",
        json_schema_extra=EXPORT,
    )
    review_share: Share | None = Field(
        None,
        description="0.1: a tenth of the reviews need a person, on validation; the least sure ones.",
        title="Reviews that a person looks at (share)",
        json_schema_extra=EXPORT,
    )

    @model_validator(mode="after")
    def _one_wish(self) -> Self:
        if self.review_error is not None and self.review_share is not None:
            raise ValueError("give either review_error or review_share; each of them sets the limit alone")
        return self
