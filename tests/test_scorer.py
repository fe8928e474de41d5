"""Scoring with a bundle: the order of the reviews, calibrated probabilities, decisions, and no training library."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tiny
from sentiment.core.errors import ContractError
from sentiment.engine.bundle import DESCRIPTION, FP32_MODEL, Thresholds
from sentiment.engine.calibration import confidence, probability_of
from sentiment.engine.engines import Engine, choose_engine, open_chosen, open_onnx
from sentiment.engine.scorer import Answers, Scorer
from sentiment.scoring.files import predict_rows
from sentiment.scoring.scored import SCORED
from sentiment.scoring.worker import Scoring, score_batch


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny.write_bundle(tmp_path_factory.mktemp("engine"), temperature=2.0)


@pytest.fixture(scope="module")
def cascaded(tmp_path_factory):
    """An encoder's bundle with a gate."""
    return tiny.write_bundle(tmp_path_factory.mktemp("cascade"), family="encoder")


def answers(probabilities) -> Answers:
    """Answers of the network about texts that are known."""
    count = len(probabilities)
    return Answers(
        np.array(probabilities, np.float32), np.full(count, "encoder"), np.full(count, True), np.full(count, None)
    )


@pytest.fixture
def scorer(bundle):
    return Scorer.load(bundle)


def test_reviews_keep_their_order_whatever_their_length(scorer):
    reviews = tiny.reviews(80, seed=3)
    together = scorer.logits(reviews.titles, reviews.texts)
    alone = [scorer.logits([title], [text])[0] for title, text in zip(reviews.titles, reviews.texts, strict=True)]
    assert together == pytest.approx(np.array(alone), abs=1e-5)
    assert (together.shape, together.dtype) == ((80, 2), np.float32)


@pytest.mark.parametrize("engine", ["onnxruntime-int8", "onnxruntime-fp32"])
def test_a_learnt_sentiment_is_told(bundle, engine):
    reviews = tiny.reviews(200, seed=4)
    probabilities = Scorer.load(bundle, engine, threads=2).probabilities(reviews.titles, reviews.texts)
    assert ((probabilities >= 0.5) == reviews.labels).mean() > 0.95


def test_the_bundles_temperature_softens_probabilities(scorer):
    reviews = tiny.reviews(20)
    logits = scorer.logits(reviews.titles, reviews.texts)
    odds = np.exp((logits[:, 1] - logits[:, 0]) / 2.0)
    assert scorer.probabilities(reviews.titles, reviews.texts) == pytest.approx(odds / (1 + odds), abs=1e-6)


def test_decisions_follow_the_bundles_thresholds(scorer):
    decisions = scorer.decide(answers([0.0, 0.31, 0.49, 0.5, 0.69, 0.7, 1.0]))
    assert decisions.label.tolist() == ["negative"] * 3 + ["positive"] * 4
    assert decisions.confidence == pytest.approx([1, 0.69, 0.51, 0.5, 0.69, 0.7, 1])
    assert decisions.needs_review.tolist() == [False, True, True, True, True, False, False]


def tuned(scorer, threshold):
    """A scorer whose bundle calls a review positive from another probability on."""
    bundle = scorer.bundle.model_copy(update={"thresholds": Thresholds(positive=threshold)})
    return Scorer(bundle, scorer._tokenizer, Engine(Counting(), 64))


def test_with_a_tuned_threshold_confidence_is_the_labels_and_who_is_near_the_threshold_is_looked_at(scorer):
    decisions = tuned(scorer, 0.85).decide(answers([0.5, 0.7, 0.8, 0.85, 0.92, 0.94]))
    assert decisions.label.tolist() == ["negative"] * 3 + ["positive"] * 3
    # The odds of 0.5 are 1, those of 0.85 are 17/3: 17 to 3 for negative.
    assert decisions.confidence == pytest.approx([0.85, 0.708333, 0.586207, 0.5, 0.669903, 0.734375], abs=1e-6)
    # Near is what 0.3 to 0.7 is around 0.5: 0.71 to 0.93 around 0.85.
    assert decisions.needs_review.tolist() == [False, False, True, True, True, False]


@pytest.mark.parametrize("threshold", [0.0, 1e-6, 0.17, 0.5, 0.85, 1.0])
def test_confidence_is_least_at_the_threshold_and_never_below_one_half(threshold):
    probability = np.linspace(0, 1, 201, dtype=np.float32)
    sure = confidence(probability, threshold)
    assert (sure >= 0.5).all()
    assert (sure <= 1).all()
    below, above = sure[probability < threshold], sure[probability > threshold]
    assert (np.diff(below) <= 0).all()
    assert (np.diff(above) >= 0).all()
    if 0 < threshold < 1:
        assert confidence(np.array([threshold]), threshold) == pytest.approx([0.5])
        assert confidence(np.array(probability_of(0.9, threshold)), threshold) == pytest.approx([0.9, 0.9])


def test_no_reviews_give_no_decisions(scorer):
    none = scorer.answer([], [])
    assert (none.positive_probability.shape, none.positive_probability.dtype) == ((0,), np.float32)
    assert scorer.decide(none).label.tolist() == []


# Pieces of words, no words, and letters of another alphabet that look like "great".
NO_TEXT = [
    "",
    " ",
    "!!!",
    "!" * 3_000,
    "12345",
    "10/10",
    "iVBORw0KGgoAAAANSUhEUgAAAAUA",
    "gr\u0435\u0430t l\u043ev\u0435",
    "😀",
]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("cascade", [True, False])
def test_nobody_is_sure_about_what_is_no_text(cascaded, cascade, threshold):
    scorer = Scorer.load(cascaded, cascade=cascade)
    scorer.thresholds = Thresholds(positive=threshold)
    found = scorer.answer([""] * len(NO_TEXT), NO_TEXT)
    decisions = scorer.decide(found)
    assert decisions.needs_review.all()
    assert decisions.confidence.max() <= 0.6 + 1e-6
    assert set(found.decided_by) == {"encoder"}


def by_predict(bundle, texts):
    return predict_rows(Scorer.load(bundle), [{"text": text} for text in texts], 1)


def by_the_job(bundle, texts):
    reviews = [dict.fromkeys(SCORED.names) | {"reused": False, "title": None, "text": text} for text in texts]
    schema = pa.schema([*SCORED, pa.field("title", pa.string()), pa.field("text", pa.string())])
    run = Scoring(bundle, 1, "run", datetime(2014, 5, 6, tzinfo=UTC))
    return score_batch(Scorer.load(bundle), pa.RecordBatch.from_pylist(reviews, schema=schema), run).to_pylist()


def by_mlflow(bundle, texts):
    from sentiment.stores.registry.served_model import ReviewModel

    served = ReviewModel()
    served.load_context(SimpleNamespace(artifacts={"bundle": str(bundle)}))
    return served.predict(None, pd.DataFrame({"text": texts})).to_dict("records")


@pytest.mark.parametrize("way", [by_predict, by_the_job, by_mlflow])
def test_no_way_of_scoring_gives_what_is_no_text_a_sure_label(cascaded, way):
    found = way(cascaded, [*NO_TEXT, None, "a great camera that i love"])
    assert len(found) == len(NO_TEXT) + 2
    for row in found[:-1]:
        assert row["needs_review"]
        assert row["label"] is None or row["confidence"] <= 0.6 + 1e-6
    assert (found[-1]["label"], bool(found[-1]["needs_review"])) == ("positive", False)


def test_real_texts_stay_sure(cascaded):
    scorer, reviews = Scorer.load(cascaded), tiny.reviews(100, seed=9)
    found = scorer.answer(reviews.titles, reviews.texts)
    assert found.known.all()
    assert (scorer.decide(found).confidence > 0.9).mean() > 0.8
    assert "gate" in found.decided_by


def test_a_bundle_made_before_there_was_a_share_has_the_documented_one(cascaded, tmp_path):
    shutil.copytree(cascaded, tmp_path / "old")
    description = json.loads((tmp_path / "old" / DESCRIPTION).read_text())
    assert description.pop("known_share") > 0.25
    (tmp_path / "old" / DESCRIPTION).write_text(json.dumps(description))
    old = Scorer.load(tmp_path / "old")
    assert old.bundle.known_share == 0.25
    assert old.answer(["", ""], ["!!!", "a great camera"]).known.tolist() == [False, True]


def test_empty_and_strange_texts_get_a_probability(scorer):
    texts = ["", " ", "😀" * 9, "\ud800", "\x00", "x" * 1_000_000]
    assert np.isfinite(scorer.probabilities([""] * 6, texts)).all()


def test_a_bundle_that_was_tampered_with_is_not_loaded(bundle, tmp_path):
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.int8.onnx").write_bytes(b"other weights")
    with pytest.raises(ContractError, match=r"model\.int8\.onnx"):
        Scorer.load(tmp_path)


def test_a_scoring_worker_imports_no_training_library(bundle):
    program = (
        "import sys, json; from pathlib import Path; from sentiment.engine.scorer import Scorer\n"
        "s = Scorer.load(Path(sys.argv[1])); s.decide(s.answer(['Great'], ['I love it']))\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'scipy', 'pandas', 'pyspark', 'mlflow', 'onnx', 'airflow'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(bundle)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


class Counting:
    """A network that counts the reviews it is given; its logits are the first token's id."""

    def __init__(self):
        self.reviews = 0

    def __call__(self, input_ids, attention_mask):
        self.reviews += len(input_ids)
        return np.stack([-input_ids[:, 1], input_ids[:, 1]], 1).astype(np.float32)


def test_equal_reviews_are_scored_once_and_all_get_their_score(scorer):
    engine = Counting()
    counting = Scorer(scorer.bundle, scorer._tokenizer, Engine(engine, 64))
    titles, texts = ["", "great", "", "", "great"], ["great one", "one", "great one", "awful", "one"]
    probability = counting.probabilities(titles, texts)
    assert engine.reviews == 3
    assert (probability[0], probability[1]) == (probability[2], probability[4])
    # The same words parted otherwise are another review.
    assert counting.probabilities(["a", ""], ["b", "a. b"]).shape == (2,)
    assert engine.reviews == 5


def test_an_answer_that_is_no_number_is_no_label(scorer):
    def overflowing(input_ids, attention_mask):
        return np.where(attention_mask.sum(1, keepdims=True) > 3, np.nan, [[1.0, 2.0]]).astype(np.float32)

    broken = Scorer(scorer.bundle, scorer._tokenizer, Engine(overflowing, 4096), engine_name="cuda-fp16")
    with pytest.raises(ContractError, match=r"cuda-fp16 gave no number for 1 of 3 texts; .*onnxruntime-fp32"):
        broken.answer(["", "", ""], ["great one", "one", "awful"])


def test_the_engine_asked_for_is_taken_or_refused_with_a_remedy():
    offered = ("openvino-int8", "onnxruntime-int8", "onnxruntime-fp32")
    assert choose_engine("onnxruntime-fp32", offered) == "onnxruntime-fp32"
    with pytest.raises(ContractError, match=r"the bundle has no tensorrt-fp16 .* export the model anew"):
        choose_engine("tensorrt-fp16", offered)
    with pytest.raises(ContractError, match=r"cuda-fp16 does not run on this machine: install onnxruntime-gpu"):
        choose_engine("cuda-fp16", ("cuda-fp16", *offered))


def test_auto_takes_the_fastest_engine_that_runs_here(monkeypatch):
    offered = ("openvino-int8", "onnxruntime-int8", "onnxruntime-fp32")
    assert choose_engine("auto", offered) == "openvino-int8"
    monkeypatch.setattr("sentiment.engine.engines.find_spec", lambda name: None)
    assert choose_engine("auto", offered) == "onnxruntime-int8"


def test_auto_goes_on_to_the_engine_that_opens_and_one_that_is_asked_for_is_refused(bundle, monkeypatch, caplog):
    offered = ("openvino-int8", "onnxruntime-int8", "onnxruntime-fp32")
    assert open_chosen(bundle, "auto", offered, 1)[0] == "onnxruntime-int8"  # the bundle has no model for the first
    assert "openvino-int8 does not open here, and the next engine is tried" in caplog.text
    (damaged := bundle.with_name("damaged")).mkdir()
    with pytest.raises(Exception, match=FP32_MODEL):
        open_chosen(damaged, "auto", offered, 1)
    for asked in offered:
        with pytest.raises(ContractError, match=rf"{asked} does not open here: .*; choose another engine or auto"):
            open_chosen(damaged, asked, offered, 1)
    # What parity left out of a bundle is not opened, though its file is another engine's too.
    with pytest.raises(ContractError, match="the bundle has no onnxruntime-fp32"):
        open_chosen(bundle, "onnxruntime-fp32", offered[:2], 1)


def test_an_engine_of_a_gpu_that_cannot_be_used_is_none_that_runs_on_the_cpu(bundle):
    with pytest.raises(ContractError, match="cannot use CUDAExecutionProvider here and would run on CPUExecutionProv"):
        open_onnx(bundle / FP32_MODEL, 1, ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(ContractError, match="cannot use TensorrtExecutionProvider here"):
        open_onnx(bundle / FP32_MODEL, 1, [("TensorrtExecutionProvider", {}), "CPUExecutionProvider"])
