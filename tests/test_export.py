"""What leaves as a bundle decides as the trained model does, on every engine, or it does not leave."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

import tiny
from sentiment.core.errors import ContractError
from sentiment.engine.bundle import FP16_MODEL, FP32_MODEL, INT8_MODEL, STATIC_INT8_MODEL, read_bundle
from sentiment.engine.calibration import Calibration, positive_probability
from sentiment.engine.engines import open_onnx
from sentiment.engine.scorer import Scorer, infer
from sentiment.evaluation.assessment import Decision
from sentiment.export.build import build_bundle
from sentiment.export.config import ExportConfig
from sentiment.export.engines import fastest_first, write_models
from sentiment.export.formats import quantise, write_fp16
from sentiment.export.parity import check_parity
from sentiment.training.fitted import predict_logits

CONFIG = ExportConfig(run_id="tiny", parity_reviews=60, max_accuracy_loss=0.05)
PLAIN = Decision(1.0, 0.5)


@pytest.fixture(scope="module", params=["linear", "encoder", "bilstm", "lstm", "gru"])
def exported(request, tmp_path_factory):
    """A trained model of each family, the folder with its models, and the engines that they are for."""
    folder = tmp_path_factory.mktemp(request.param)
    fitted = tiny.fitted(folder, request.param)
    return fitted, folder, write_models(fitted, folder, tiny.reviews(50, seed=9))


@pytest.mark.parametrize("count", [1, 2, 33])
def test_onnx_agrees_with_torch_for_any_number_and_length_of_reviews(exported, count):
    fitted, folder, _ = exported
    reviews = tiny.reviews(count, seed=count)
    texts = [text * (row % 3) for row, text in enumerate(reviews.texts)]
    reviews = replace(reviews, texts=texts)
    ids = fitted.tokenizer.whole(reviews.titles, reviews.texts)
    onnx = infer(open_onnx(folder / FP32_MODEL, 1), fitted.tokenizer, ids)
    assert onnx == pytest.approx(predict_logits(fitted, reviews), abs=1e-5)


def test_every_engine_decides_nearly_as_the_model_does(exported):
    fitted, folder, built = exported
    assert (folder / INT8_MODEL).stat().st_size < (folder / FP32_MODEL).stat().st_size
    parity = check_parity(fitted, folder, tiny.reviews(120, seed=5), CONFIG, PLAIN, built)
    assert set(parity.engines) == set(built) >= {"onnxruntime-fp32", "onnxruntime-int8"}
    assert parity.figures["parity_reviews"] == 60
    assert parity.figures["parity_probability_gap"] < 1e-5
    assert all(parity.figures[f"parity_accuracy_{name}"] > 0.9 for name in built)
    assert all(parity.figures[f"parity_gap_{name}"] < 0.1 for name in built if name != "onnxruntime-fp32")


def test_encoders_are_built_for_openvino_too(exported):
    fitted, folder, built = exported
    assert ("openvino-int8" in built) == (fitted.family == "encoder") == (folder / STATIC_INT8_MODEL).exists()


def test_engines_are_ordered_by_the_speed_that_was_measured(exported):
    fitted, folder, built = exported
    speeds = fastest_first(folder, built, fitted.tokenizer, tiny.reviews(20))
    assert set(speeds) == set(built)
    assert list(speeds.values()) == sorted(speeds.values(), reverse=True)
    assert min(speeds.values()) > 0


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_fp16_for_gpus_keeps_its_decisions_in_a_smaller_file(exported, tmp_path):
    fitted, folder, _ = exported
    reviews, whole, halved = tiny.reviews(60, seed=5), folder / FP32_MODEL, tmp_path / FP16_MODEL
    write_fp16(whole, halved)
    assert halved.stat().st_size < whole.stat().st_size
    ids = fitted.tokenizer.whole(reviews.titles, reviews.texts)
    full, half = (infer(open_onnx(model, 1), fitted.tokenizer, ids) for model in (whole, halved))
    assert np.abs(positive_probability(half) - positive_probability(full)).max() < 0.02


def test_a_model_that_is_not_the_trained_one_is_refused_with_the_figures(exported, tmp_path):
    fitted, folder, _ = exported
    shutil.copy(folder / INT8_MODEL, tmp_path / INT8_MODEL)
    shutil.copy(folder / INT8_MODEL, tmp_path / FP32_MODEL)
    strict = CONFIG.model_copy(update={"max_probability_gap": 1e-7})
    with pytest.raises(ContractError, match=r"differs from the trained one by .* more than 1\.00e-07"):
        check_parity(fitted, tmp_path, tiny.reviews(60), strict, PLAIN)


@pytest.fixture
def contrary(exported, tmp_path):
    """A model, and a folder in which its int8 copy decides the other way round; the model must be linear."""
    fitted, folder, _ = exported
    shutil.copy(folder / FP32_MODEL, tmp_path / FP32_MODEL)
    turned = onnx.load(tmp_path / FP32_MODEL)
    (weights,) = (tensor for tensor in turned.graph.initializer if tensor.name == "coefficients")
    weights.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weights), weights.name))
    onnx.save(turned, tmp_path / INT8_MODEL)
    return fitted, tmp_path


@pytest.mark.parametrize("exported", ["linear"], indirect=True)
def test_an_int8_copy_that_loses_accuracy_is_refused_with_the_figures(contrary):
    fitted, folder = contrary
    with pytest.raises(ContractError, match=r"onnxruntime-int8 costs 0.* of accuracy on 60 validation reviews"):
        check_parity(fitted, folder, tiny.reviews(60), CONFIG, PLAIN)


@pytest.mark.parametrize("exported", ["linear"], indirect=True)
def test_an_optional_engine_that_loses_accuracy_is_left_out(contrary, caplog):
    fitted, folder = contrary
    (folder / INT8_MODEL).rename(folder / FP16_MODEL)
    quantise(folder / FP32_MODEL, folder / INT8_MODEL)
    with pytest.MonkeyPatch.context() as patch:
        # The fp16 file runs on the CPU too, so that a machine without a GPU can judge one.
        patch.setattr("sentiment.engine.engines._providers", lambda name: ["CPUExecutionProvider"])
        parity = check_parity(fitted, folder, tiny.reviews(60), CONFIG, PLAIN, ["cuda-fp16"])
    assert parity.engines == ("onnxruntime-fp32", "onnxruntime-int8")
    assert parity.figures["parity_accuracy_cuda-fp16"] < 0.2
    assert "cuda-fp16 costs" in caplog.text


def test_a_bundle_that_fails_the_check_never_exists(tmp_path):
    fitted = tiny.fitted(tmp_path)
    impossible = CONFIG.model_copy(update={"max_probability_gap": 1e-30})
    fitted.model.eval()
    with pytest.raises(ContractError):
        build_bundle(fitted, tiny.export_data(), impossible, tmp_path / "out" / "bundle", {}, PLAIN)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("wish", "name"), [({"review_share": 0.2}, "review_share"), ({"review_error": 0.01}, "error")])
@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_what_needs_a_person_is_fitted_to_the_wish_for_the_pair_and_for_the_network_alone(
    exported, tmp_path, wish, name
):
    config = CONFIG.model_copy(update=wish)
    metrics = build_bundle(exported[0], tiny.export_data(), config, tmp_path / "bundle", {}, Decision(8.0, 0.5))
    bundle = read_bundle(tmp_path / "bundle")
    for cascade, whose in ((True, "cascade"), (False, "alone")):
        thresholds = bundle.thresholds_of(cascade)
        assert getattr(thresholds, next(iter(wish))) == next(iter(wish.values()))
        assert metrics[f"{whose}_review_below"] == thresholds.needs_review
        assert metrics[f"{whose}_review_share"] <= wish.get("review_share", 1)
        assert metrics[f"{whose}_unreviewed_error"] <= wish.get("review_error", 1)
        scorer, seen = Scorer.load(tmp_path / "bundle", cascade=cascade), tiny.export_data().validation
        looked_at = scorer.decide(scorer.answer(seen.titles, seen.texts)).needs_review.mean()
        assert looked_at == pytest.approx(metrics[f"{whose}_review_share"], abs=0.03)
    at_hand = Scorer.load(tmp_path / "bundle", review_below=1.0)
    assert at_hand.decide(at_hand.answer([""], ["the camera was bought for work"])).needs_review.all()


def test_two_wishes_of_what_needs_a_person_are_refused():
    with pytest.raises(ValidationError, match="give either review_error or review_share"):
        ExportConfig(run_id="tiny", review_error=0.02, review_share=0.1)


def test_a_bundle_carries_its_figures_and_scores_as_the_model(tmp_path):
    fitted, reviews = tiny.fitted(tmp_path), tiny.reviews(50, seed=7)
    data = replace(tiny.export_data(), validation=reviews)
    metrics = build_bundle(fitted, data, CONFIG, tmp_path / "bundle", {"run_id": "r7"}, Decision(1.5, 0.9))
    bundle = read_bundle(tmp_path / "bundle")
    assert (bundle.metrics, bundle.provenance) == (metrics, {"run_id": "r7"})
    assert (bundle.temperature, bundle.thresholds.positive) == (1.5, 0.9)
    expected = Calibration(1.5).probability(predict_logits(fitted, reviews))
    scored = Scorer.load(tmp_path / "bundle", "onnxruntime-fp32").probabilities(reviews.titles, reviews.texts)
    assert np.abs(scored - expected).max() < 1e-6
    called_positive = expected >= 0.9
    assert 0 < called_positive.mean() < (expected >= 0.5).mean()
    assert metrics["parity_accuracy_torch"] == pytest.approx((called_positive == reviews.labels).mean())
    assert set(bundle.engines) == {"onnxruntime-fp32", "onnxruntime-int8"}
    assert bundle.gate is None
