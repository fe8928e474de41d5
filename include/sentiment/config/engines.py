"""The engines that can run a bundle, by the names that forms, flags, bundles and tables give them."""

from __future__ import annotations

from typing import Literal

# onnxruntime on a CPU, OpenVINO on a CPU, and onnxruntime's providers for NVIDIA GPUs.
EngineName = Literal["onnxruntime-fp32", "onnxruntime-int8", "openvino-int8", "cuda-fp16", "tensorrt-fp16"]
EngineChoice = Literal["auto", "onnxruntime-fp32", "onnxruntime-int8", "openvino-int8", "cuda-fp16", "tensorrt-fp16"]
