"""Write a trained model as the engines read it: as ONNX at fp32, int8 and fp16, and as int8 for OpenVINO.

OpenVINO and its NNCF are optional.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.training.fitted import Fitted

log = logging.getLogger(__name__)

EXAMPLE_REVIEWS, EXAMPLE_TOKENS = 2, 16
# They tell of every node that they looked at, a hundred lines in the log of a task.
_TALKATIVE = ("onnx_ir", "onnxscript", "torch.onnx._internal.exporter._registration")


def export_onnx(fitted: Fitted, path: Path) -> None:
    """Write the model at fp32, in one file, for any number of reviews and any length up to its window.

    Inputs are `input_ids` and `attention_mask`, int64 [reviews, tokens]; the output is `logits`, float32 [reviews, 2].
    """
    import torch

    # Two reviews, because the exporter takes a dimension of one for a constant.
    input_ids = torch.randint(3, 9, (EXAMPLE_REVIEWS, EXAMPLE_TOKENS))
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, EXAMPLE_TOKENS // 2 :] = 0
    shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    _forget_recurrent_kernels()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    program = torch.onnx.export(
        fitted.model.cpu().eval(),
        (input_ids, attention_mask),
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": shape, "attention_mask": shape},
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    _fold_weights(program)
    program.save(path, external_data=False)
    log.info("wrote %s, %.1f MB", path.name, path.stat().st_size / 1e6)


def quantise(fp32_path: Path, int8_path: Path) -> None:
    """Write a copy with int8 weights and activations quantised as they come (dynamic quantisation).

    A GRU has no int8 form and stays as it is between an int8 embedding and an int8 output; an LSTM becomes int8.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(fp32_path)
    # The exporter's shapes of inner values stop the quantiser's own shape inference.
    del model.graph.value_info[:]
    # A scale for every output channel halves the mean gap in probability (0.010 to 0.005 on MiniLM) at the same speed.
    quantize_dynamic(
        model, int8_path, per_channel=True, weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": 1}
    )
    log.info("wrote %s, %.1f MB", int8_path.name, int8_path.stat().st_size / 1e6)


def write_fp16(fp32_path: Path, fp16_path: Path) -> None:
    """Write a copy with fp16 weights and arithmetic, for GPUs; its logits stay float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(fp32_path), keep_io_types=True), fp16_path)
    log.info("wrote %s, %.1f MB", fp16_path.name, fp16_path.stat().st_size / 1e6)


def can_quantise_static() -> bool:
    """Say whether this machine has what static quantisation needs."""
    return find_spec("openvino") is not None and find_spec("nncf") is not None


def quantise_static(fp32_path: Path, destination: Path, batches: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write int8 weights and activations whose scales are fixed beforehand (static quantisation), for OpenVINO.

    `destination` (.xml, and .bin beside it) is made of an ONNX file.

    `batches` are `(input_ids, attention_mask)` of real reviews, int64 [reviews, tokens]: what passes between the layers
    for them sets the scales. Activations that a transformer spreads unevenly over channels are evened out into the
    weights first (Xiao and others: SmoothQuant, ICML 2023).
    """
    # A product that scores hostile texts tells nobody what it does.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf
    import openvino

    model = openvino.Core().read_model(fp32_path)
    # OpenVINO opens no model in which the only row of a table is int8, as that of RoBERTa's one token type would be.
    of_one_row = [node.get_friendly_name() for node in model.get_ops() if _reads_one_row(node)]
    samples = nncf.Dataset(batches, lambda batch: {"input_ids": batch[0], "attention_mask": batch[1]})
    with redirect_stdout(io.StringIO()):  # it draws bars there, where `--json` has one line for a program
        quantised = nncf.quantize(
            model,
            samples,
            subset_size=len(batches),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=of_one_row),
        )
    openvino.save_model(quantised, destination)
    log.info("wrote %s, %.1f MB", destination.name, destination.with_suffix(".bin").stat().st_size / 1e6)


def _reads_one_row(node: Any) -> bool:
    """Say whether a node of OpenVINO's graph looks rows up in a table that has but one."""
    if node.get_type_name() != "Gather":
        return False
    table = node.input(0).get_partial_shape()
    return table.rank.is_static and len(table) == 2 and table[0] == 1


def _forget_recurrent_kernels() -> None:
    # torch 2.13 exchanges these kernels for its exporter and back and leaves them in the operators' caches. The second
    # recurrent layer that a process exports would be written out step by step, for one length alone.
    import torch

    for operator in (torch.ops.aten.lstm.input, torch.ops.aten.gru.input):
        operator._dispatch_cache.clear()


def _fold_weights(program: Any) -> None:
    """Put a recurrent layer's weights, which torch orders by other gates than ONNX, in their order once and for all.

    The exporter leaves large ones to be sliced and joined at every start, where the quantiser finds no weights.
    """
    from onnxscript.optimizer import optimize_ir

    if any(node.op_type in {"LSTM", "GRU"} for node in program.model.graph):
        orders = {"Slice", "Concat", "Unsqueeze"}
        optimize_ir(program.model, should_fold=lambda node: True if node.op_type in orders else None)
