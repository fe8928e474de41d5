"""What leaves as ONNX decides as the trained model does, or it does not leave."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest

import tiny
from sentiment.config import ExportConfig
from sentiment.errors import ContractError
from sentiment.evaluation.calibration import positive_probability
from sentiment.export.build import build_bundle
from sentiment.export.bundle import FP32_MODEL, INT8_MODEL, read_bundle
from sentiment.export.onnx import export_onnx, quantise
from sentiment.export.parity import check_parity
from sentiment.scoring.engine import Scorer, infer, open_session
from sentiment.training.fitted import predict_logits

CONFIG = ExportConfig(run_id="tiny", parity_reviews=60, max_accuracy_loss=0.05)


@pytest.fixture(scope="module", params=["linear", "encoder", "bilstm", "lstm", "gru"])
def exported(request, tmp_path_factory):
    """A trained model of each family, and the folder with its two ONNX files."""
    folder = tmp_path_factory.mktemp(request.param)
    fitted = tiny.fitted(folder, request.param)
    export_onnx(fitted, folder / FP32_MODEL)
    quantise(folder / FP32_MODEL, folder / INT8_MODEL)
    return fitted, folder


@pytest.mark.parametrize("count", [1, 2, 33])
def test_onnx_agrees_with_torch_for_any_number_and_length_of_reviews(exported, count):
    fitted, folder = exported
    reviews = tiny.reviews(count, seed=count)
    texts = [text * (row % 3) for row, text in enumerate(reviews.texts)]
    reviews = replace(reviews, texts=texts)
    onnx = infer(open_session(folder / FP32_MODEL, 1), fitted.tokenizer, reviews.titles, reviews.texts)
    assert onnx == pytest.approx(predict_logits(fitted, reviews), abs=1e-5)


def test_int8_is_a_smaller_file_of_nearly_the_same_decisions(exported):
    fitted, folder = exported
    assert (folder / INT8_MODEL).stat().st_size < (folder / FP32_MODEL).stat().st_size
    figures = check_parity(fitted, folder, tiny.reviews(120, seed=5), CONFIG)
    assert figures["parity_reviews"] == 60
    assert figures["parity_probability_gap"] < 1e-5
    assert figures["parity_accuracy_int8"] > 0.9


def test_a_model_that_is_not_the_trained_one_is_refused_with_the_figures(exported, tmp_path):
    fitted, folder = exported
    shutil.copy(folder / INT8_MODEL, tmp_path / INT8_MODEL)
    shutil.copy(folder / INT8_MODEL, tmp_path / FP32_MODEL)
    strict = CONFIG.model_copy(update={"max_probability_gap": 1e-7})
    with pytest.raises(ContractError, match=r"differs from the trained one by .* more than 1\.00e-07"):
        check_parity(fitted, tmp_path, tiny.reviews(60), strict)


def test_an_int8_copy_that_loses_accuracy_is_refused_with_the_figures(tmp_path):
    fitted = tiny.fitted(tmp_path)
    export_onnx(fitted, tmp_path / FP32_MODEL)
    contrary = onnx.load(tmp_path / FP32_MODEL)
    (weights,) = (tensor for tensor in contrary.graph.initializer if tensor.name == "coefficients")
    weights.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weights), weights.name))
    onnx.save(contrary, tmp_path / INT8_MODEL)
    with pytest.raises(ContractError, match=r"int8 costs 0.* of accuracy on 60 validation reviews"):
        check_parity(fitted, tmp_path, tiny.reviews(60), CONFIG)


def test_a_bundle_that_fails_the_gate_never_exists(tmp_path):
    fitted = tiny.fitted(tmp_path)
    impossible = CONFIG.model_copy(update={"max_probability_gap": 1e-30})
    fitted.model.eval()
    with pytest.raises(ContractError):
        build_bundle(fitted, tiny.reviews(60), impossible, tmp_path / "out" / "bundle", {})
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bundle_carries_its_figures_and_scores_as_the_model(tmp_path):
    fitted, reviews = tiny.fitted(tmp_path), tiny.reviews(50, seed=7)
    metrics = build_bundle(fitted, reviews, CONFIG, tmp_path / "bundle", {"run_id": "r7"}, 1.5, threshold=0.9)
    bundle = read_bundle(tmp_path / "bundle")
    assert (bundle.metrics, bundle.provenance) == (metrics, {"run_id": "r7"})
    assert (bundle.temperature, bundle.thresholds.positive) == (1.5, 0.9)
    expected = positive_probability(predict_logits(fitted, reviews), 1.5)
    scored = Scorer.load(tmp_path / "bundle", "fp32").probabilities(reviews.titles, reviews.texts)
    assert np.abs(scored - expected).max() < 1e-6
    called_positive = expected >= 0.9
    assert 0 < called_positive.mean() < (expected >= 0.5).mean()
    assert metrics["parity_accuracy_torch"] == pytest.approx((called_positive == reviews.labels).mean())
