"""Names that the whole platform agrees on: labels, stars, the model and its aliases, families, engines."""

from __future__ import annotations

from typing import Literal

NEGATIVE, POSITIVE = 0, 1
LABELS = ("negative", "positive")
# In the place of a label, of a review that has none: three stars, or IMDb's folder unsup.
UNLABELLED = -1
POSITIVE_STARS = 4.0
NEGATIVE_STARS = 2.5
# What lies between one to five stars: a review has more than one, than two, than three, than four.
STAR_THRESHOLDS = (1.0, 2.0, 3.0, 4.0)
NEEDS_REVIEW_BELOW = 0.70
REGISTERED_MODEL = "review-sentiment"
CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"

Family = Literal["linear", "encoder", "lora", "bilstm", "lstm", "gru"]

# onnxruntime on a CPU, OpenVINO on a CPU, and onnxruntime's providers for NVIDIA GPUs.
EngineName = Literal["onnxruntime-fp32", "onnxruntime-int8", "openvino-int8", "cuda-fp16", "tensorrt-fp16"]
EngineChoice = Literal["auto", EngineName]

# The seed of a training that names none; its sample of reviews is the beginning of their order.
FIRST_SEED = 17
