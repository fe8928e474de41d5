"""What leaves as a bundle decides as the trained model does, on every engine, or it does not leave."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

import tiny
from sentiment.core.errors import ContractError
from sentiment.engine.bundle import (
    FP16_MODEL,
    FP32_MODEL,
    GATE,
    INT8_MODEL,
    STATIC_INT8_MODEL,
    TOKENIZER,
    read_bundle,
)
from sentiment.engine.calibration import Calibration, positive_probability
from sentiment.engine.engines import Engine, open_engine, open_onnx
from sentiment.engine.scorer import Scorer, infer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import evaluate
from sentiment.export.build import build_bundle
from sentiment.export.config import ExportConfig
from sentiment.export.engines import fastest_first, require_buildable, write_models
from sentiment.export.formats import quantise_static, write_fp16
from sentiment.export.parity import check_parity, loss_of
from sentiment.export.results import GATE_JUDGED_ON, ExportResult
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.models.build import build_model

CONFIG = ExportConfig(run_id="tiny", parity_reviews=60, max_accuracy_loss=0.05)
PLAIN = Decision(1.0, 0.5)


@pytest.fixture(scope="module", params=["linear", "encoder", "bilstm", "lstm", "gru"])
def exported(request, tmp_path_factory):
    """A trained model of each family, the folder with its models, and the engines that they are for."""
    folder = tmp_path_factory.mktemp(request.param)
    fitted = tiny.fitted(folder, request.param)
    models = write_models(fitted, folder, tiny.reviews(50, seed=9))
    assert models.left_out == {}
    return fitted, folder, models.engines


@pytest.mark.parametrize("count", [1, 2, 33])
def test_onnx_agrees_with_torch_for_any_number_and_length_of_reviews(exported, count):
    fitted, folder, _ = exported
    reviews = tiny.reviews(count, seed=count)
    texts = [text * (row % 3) for row, text in enumerate(reviews.texts)]
    reviews = replace(reviews, texts=texts)
    ids = fitted.tokenizer.whole(reviews.titles, reviews.texts)
    onnx = infer(open_engine(folder, "onnxruntime-fp32", 1), fitted.tokenizer, ids)
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


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_nothing_is_printed_where_a_program_reads_the_result_of_an_export(exported, tmp_path, capfd):
    fitted, folder, _ = exported
    reviews = tiny.reviews(8)
    batch = fitted.tokenizer.pad(fitted.tokenizer.encode(reviews.titles, reviews.texts))
    quantise_static(folder / FP32_MODEL, tmp_path / STATIC_INT8_MODEL, [batch])
    assert (tmp_path / STATIC_INT8_MODEL).is_file()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_several_threads_may_ask_an_engine_at_once(exported):
    fitted, folder, built = exported
    ids = fitted.tokenizer.whole(tiny.reviews(6).titles, tiny.reviews(6).texts)
    for name in built:
        engine = open_engine(folder, name, 1)
        alone = [infer(engine, fitted.tokenizer, [one]) for one in ids]
        with ThreadPoolExecutor(6) as threads:
            found = [*threads.map(lambda one, engine=engine: infer(engine, fitted.tokenizer, [one]), ids * 30)]
        assert all((there == here).all() for there, here in zip(found, alone * 30, strict=True)), name


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
    full, half = (infer(Engine(open_onnx(model, 1), 256), fitted.tokenizer, ids) for model in (whole, halved))
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
def test_an_engine_that_loses_accuracy_is_left_out_with_the_figures(contrary):
    fitted, folder = contrary
    parity = check_parity(fitted, folder, tiny.reviews(60), CONFIG, PLAIN)
    assert parity.engines == ("onnxruntime-fp32",)
    assert parity.figures["parity_accuracy_onnxruntime-int8"] < 0.2
    assert "of accuracy on 60 validation reviews" in parity.left_out["onnxruntime-int8"]


def refuse(*_given):
    raise RuntimeError("Exception from core.cpp:132:\nCheck failed")


def numberless(*_given):
    return lambda input_ids, attention_mask: np.full((len(input_ids), 2), np.nan, np.float32)


def test_an_engine_that_cannot_be_built_is_left_out_with_what_its_library_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment.export.engines.quantise", refuse)
    models = write_models(tiny.fitted(tmp_path), tmp_path, tiny.reviews(20))
    assert models.engines == ("onnxruntime-fp32",)
    assert models.left_out == {
        "onnxruntime-int8": "it cannot be built: Exception from core.cpp:132: Check failed",
    }


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
@pytest.mark.parametrize(("engine", "said"), [(refuse, "does not run its model"), (numberless, "are no numbers")])
def test_an_engine_that_cannot_be_opened_or_gives_no_numbers_is_left_out(exported, engine, said, monkeypatch):
    fitted, folder, engines = exported
    monkeypatch.setattr("sentiment.engine.engines._openvino", engine)
    parity = check_parity(fitted, folder, tiny.reviews(60), CONFIG, PLAIN, engines)
    assert {*parity.engines} == {*engines} - {"openvino-int8"}
    assert said in parity.left_out["openvino-int8"]


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
@pytest.mark.parametrize("engine", [refuse, numberless])
def test_a_bundle_can_be_read_and_holds_no_model_of_an_engine_that_was_left_out(
    exported, engine, monkeypatch, tmp_path
):
    fitted, _, engines = exported
    monkeypatch.setattr("sentiment.engine.engines._openvino", engine)
    built = build_bundle(fitted, tiny.export_data(), CONFIG, tmp_path / "bundle", {}, PLAIN)
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.metrics == built.figures
    assert {*built.left_out} == {"openvino-int8"} == {*engines} - {*bundle.engines}
    assert {*bundle.sha256} == {FP32_MODEL, INT8_MODEL, TOKENIZER, GATE}


def test_only_the_engines_that_are_asked_for_are_built(tmp_path):
    fitted = tiny.fitted(tmp_path)
    asked = CONFIG.model_copy(update={"engines": ("onnxruntime-fp32",)})
    built = build_bundle(fitted, tiny.export_data(), asked, tmp_path / "bundle", {}, PLAIN)
    bundle = read_bundle(tmp_path / "bundle")
    assert (bundle.engines, built.left_out) == (("onnxruntime-fp32",), {})
    assert not (tmp_path / "bundle" / INT8_MODEL).exists()
    of_encoders = write_models(fitted, tmp_path, tiny.reviews(20), ("openvino-int8",))
    assert of_encoders.engines == ("onnxruntime-fp32",)
    assert "only encoders" in of_encoders.left_out["openvino-int8"]


def test_an_engine_that_is_asked_for_and_cannot_be_built_on_this_machine_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("sentiment.engine.engines.find_spec", lambda name: None)
    with pytest.raises(ContractError, match="openvino-int8 does not run on this machine: install"):
        require_buildable(("onnxruntime-int8", "openvino-int8"))


REAL_SHAPES = {
    "roberta": {"max_position_embeddings": 514, "hidden_size": 768, "num_attention_heads": 12},
    "distilbert": {"max_position_embeddings": 512, "dim": 768, "n_heads": 12},
}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("architecture", REAL_SHAPES)
def test_encoders_of_real_width_run_on_every_engine_as_they_do_in_torch(architecture, tmp_path):
    """As published in all but depth, words and inner width: position offsets, pad ids, token types of their own."""
    encoder = tiny.write_architecture(tmp_path / "encoder", architecture, **REAL_SHAPES[architecture])
    model, tokenizer_json = build_model(tiny.config(encoder, max_length=512), tiny.reviews(2))
    assert model.positions == 512
    fitted, reviews = Fitted(model, tokenizer_json, "encoder", 512, 0.5, [], 0, 0), tiny.reviews(16)
    models = write_models(fitted, tmp_path, reviews)
    random_weights = CONFIG.model_copy(update={"parity_reviews": 20, "max_accuracy_loss": 1.0})
    parity = check_parity(fitted, tmp_path, reviews, random_weights, PLAIN, models.engines)
    assert {"onnxruntime-fp32", "onnxruntime-int8", "openvino-int8"} <= {*parity.engines}
    assert (models.left_out, parity.left_out) == ({}, {})
    assert parity.figures["parity_probability_gap"] < 1e-5
    assert all(parity.figures[f"parity_gap_{name}"] < 0.02 for name in parity.engines if name != "onnxruntime-fp32")


@pytest.mark.parametrize("right", [500, 614, 953, 1000])
@pytest.mark.parametrize(("lost", "left_out"), [(5, False), (6, True)])
def test_an_engine_may_lose_as_many_reviews_as_is_allowed_whatever_is_right_before(right, lost, left_out):
    figures = {"parity_reviews": 1000.0, "parity_gap_onnxruntime-int8": 0.0}
    figures |= {
        "parity_accuracy_onnxruntime-fp32": right / 1000,
        "parity_accuracy_onnxruntime-int8": (right - lost) / 1000,
    }
    said = loss_of("onnxruntime-int8", figures, CONFIG.model_copy(update={"max_accuracy_loss": 0.005}))
    assert bool(said) is left_out


def test_a_bundle_that_fails_the_check_never_exists(tmp_path):
    fitted = tiny.fitted(tmp_path)
    impossible = CONFIG.model_copy(update={"max_probability_gap": 1e-30})
    fitted.model.eval()
    with pytest.raises(ContractError, match="differs from the trained one by"):
        build_bundle(fitted, tiny.export_data(), impossible, tmp_path / "out" / "bundle", {}, PLAIN)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_a_gate_of_one_label_alone_is_refused_in_a_sentence(exported, tmp_path):
    data = tiny.export_data()
    positive = data.train.take(np.flatnonzero(data.train.labels == 1))
    with pytest.raises(ContractError, match="reviews are all of one label; raise cascade_reviews"):
        build_bundle(exported[0], replace(data, train=positive), CONFIG, tmp_path / "bundle", {}, PLAIN)


@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_of_texts_that_there_are_none_of_no_figure_is_given(exported, tmp_path):
    data = tiny.export_data()
    untitled = replace(data.validation, titles=[""] * len(data.validation))
    figures = build_bundle(exported[0], replace(data, validation=untitled), CONFIG, tmp_path / "b", {}, PLAIN).figures
    kinds = {name.split("_")[1] for name in figures if name.startswith("stress_")}
    assert kinds == {"sentences", "templates"}


@pytest.mark.parametrize(("wish", "name"), [({"review_share": 0.2}, "review_share"), ({"review_error": 0.01}, "error")])
@pytest.mark.parametrize("exported", ["encoder"], indirect=True)
def test_what_needs_a_person_is_fitted_to_the_wish_for_the_pair_and_for_the_network_alone(
    exported, tmp_path, wish, name
):
    config = CONFIG.model_copy(update=wish)
    metrics = build_bundle(exported[0], tiny.export_data(), config, tmp_path / "bundle", {}, Decision(8.0, 0.5)).figures
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


@pytest.mark.parametrize(("validation", "gated", "said"), [(30, False, "It has no gate: "), (150, True, "are few")])
def test_on_few_validation_reviews_of_a_label_no_gate_is_judged_and_on_some_that_is_said(
    validation, gated, said, tmp_path
):
    data = replace(tiny.export_data(), validation=tiny.reviews(validation, seed=1))
    config = CONFIG.model_copy(update={"cascade": True})
    metrics = build_bundle(
        tiny.fitted(tmp_path, "encoder"), data, config, tmp_path / "bundle", {}, Decision(1.0, 0.5)
    ).figures
    assert (read_bundle(tmp_path / "bundle").gate is not None) is gated
    assert (metrics[GATE_JUDGED_ON] >= 20) is gated
    assert said in " ".join(ExportResult.model_construct(bundle=metrics)._judged_on_few())


def test_a_bundle_carries_its_figures_and_scores_as_the_model(tmp_path):
    fitted, reviews = tiny.fitted(tmp_path), tiny.reviews(50, seed=7)
    data = replace(tiny.export_data(), validation=reviews)
    metrics = build_bundle(
        fitted, data, CONFIG, tmp_path / "bundle", {"run_id": "r7"}, Decision(1.5, 0.9, bias=0.3)
    ).figures
    bundle = read_bundle(tmp_path / "bundle")
    assert (bundle.metrics, bundle.provenance) == (metrics, {"run_id": "r7"})
    assert (bundle.calibration, bundle.thresholds.positive) == (Calibration(1.5, 0.3), 0.9)
    expected = Calibration(1.5, 0.3).probability(predict_logits(fitted, reviews))
    scored = Scorer.load(tmp_path / "bundle", "onnxruntime-fp32").probabilities(reviews.titles, reviews.texts)
    assert np.abs(scored - expected).max() < 1e-6
    called_positive = expected >= 0.9
    assert 0 < called_positive.mean() < (expected >= 0.5).mean()
    assert metrics["parity_accuracy_torch"] == pytest.approx((called_positive == reviews.labels).mean())
    quantised = Scorer.load(tmp_path / "bundle").probabilities(reviews.titles, reviews.texts)
    assert metrics["validation_macro_f1"] == pytest.approx(evaluate(reviews.labels, quantised, 0.9)["macro_f1"])
    assert set(bundle.engines) == {"onnxruntime-fp32", "onnxruntime-int8"}
    assert bundle.gate is None
