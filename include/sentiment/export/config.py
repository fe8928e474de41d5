"""How a trained model becomes a bundle and a version."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import EXPORT, VerbConfig
from sentiment.core.names import EngineName


class ExportConfig(VerbConfig):
    """Export a trained run as an ONNX bundle, check its parity, and register it as a model version."""

    run_id: str = Field(min_length=1, description="MLflow run of the training.")
    engines: tuple[EngineName, ...] = Field(
        (),
        description="What the bundle can be run with: onnxruntime-fp32 in any case, and those named of "
        "onnxruntime-int8, openvino-int8, cuda-fp16 and tensorrt-fp16. When empty all that can be built on the machine.",
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
        description="At most so many validation reviews say where the fast model is sure.",
        title="Reviews its threshold is set on",
        json_schema_extra=EXPORT,
    )
