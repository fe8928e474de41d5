"""Encoders of every architecture under every head and pooling: trained, carried in a folder, exported."""

import pytest
import torch

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.evaluation.assessment import Decision
from sentiment.export.config import ExportConfig
from sentiment.export.engines import write_models
from sentiment.export.parity import check_parity
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.models.build import build_model
from sentiment.training.models.classifier import EncoderClassifier
from sentiment.training.models.encoders import build_encoder

TRAIN, VALIDATION = tiny.reviews(100), tiny.reviews(40, seed=1)
# Two steps leave weights near chance, where int8 turns some decisions over; the probabilities are what must agree.
LOOSE = ExportConfig(run_id="tiny", parity_reviews=40, max_accuracy_loss=1.0)
ARCHITECTURES = ["bert", "distilbert", "mpnet", "roberta"]
# The MiniLM kind is a BERT; each architecture, family, head and pooling is met at least once.
COMBINED = [
    ("bert", {"family": "lora", "lora_targets": "query", "head": "mlp", "pooling": "mean"}),
    ("distilbert", {"family": "lora", "lora_targets": "query_value", "head": "linear", "pooling": "first"}),
    ("mpnet", {"family": "lora", "lora_targets": "all_linear", "head": "mlp", "pooling": "first"}),
    ("roberta", {"family": "encoder", "head": "mlp", "pooling": "mean"}),
]


@pytest.mark.parametrize(("architecture", "options"), COMBINED, ids=[f"{a}-{o['family']}" for a, o in COMBINED])
def test_every_architecture_trains_survives_a_folder_and_passes_the_gate(architecture, options, tmp_path):
    encoder = tiny.write_architecture(tmp_path / "encoder", architecture)
    config = tiny.config(encoder, batch_size=50, evaluations=1, **options)
    fitted = fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
    assert sum("eval_macro_f1" in record for record in fitted.history) == 1

    fitted.save(tmp_path / "fitted")
    again = Fitted.load(tmp_path / "fitted")
    assert (predict_logits(again, VALIDATION) == predict_logits(fitted, VALIDATION)).all()
    assert (again.family, again.trainable, again.parameters) == (options["family"], fitted.trainable, fitted.parameters)

    models = write_models(again, tmp_path, VALIDATION)
    parity = check_parity(again, tmp_path, VALIDATION, LOOSE, Decision(1.0, 0.5), models.engines)
    assert (models.left_out, parity.left_out) == ({}, {})
    assert parity.figures["parity_probability_gap"] < 1e-5


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_does_not_change_a_reviews_logits(architecture, pooling, tmp_path):
    model = build_encoder(str(tiny.write_architecture(tmp_path, architecture)), pooling=pooling).eval()
    ids, pad = torch.randint(5, 60, (1, 9)), model.backbone.config.pad_token_id
    padded = torch.cat([ids, torch.full((1, 6), pad)], dim=1)
    with torch.inference_mode():
        alone = model(ids, torch.ones_like(ids))
        beside = model(padded, (padded != pad).long())
    assert torch.allclose(alone, beside, atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_window_may_fill_all_positions_of_an_encoder_and_not_one_more(architecture, tmp_path):
    encoder = tiny.write_architecture(tmp_path, architecture)
    model = build_encoder(str(encoder)).eval()
    assert model.positions == 64
    ids = torch.randint(5, 60, (1, 64))
    with torch.inference_mode():
        assert model(ids, torch.ones_like(ids)).shape == (1, 2)
    with pytest.raises(ContractError, match="exceeds the 64 positions"):
        build_model(tiny.config(encoder, max_length=65), TRAIN)


def test_the_mean_is_taken_over_real_tokens_and_the_first_is_the_first(tmp_path):
    states = torch.tensor([[[1.0, 5.0], [3.0, 1.0], [100.0, 100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    backbone = build_encoder(str(tiny.write_architecture(tmp_path, "bert"))).backbone
    assert EncoderClassifier(backbone, pooling="mean")._pooled(states, mask).tolist() == [[2.0, 3.0]]
    assert EncoderClassifier(backbone, pooling="first")._pooled(states, mask).tolist() == [[1.0, 5.0]]


def test_the_mlp_head_is_the_published_one(tmp_path):
    head = build_encoder(str(tiny.write_architecture(tmp_path, "bert")), head="mlp").head
    assert [type(layer).__name__ for layer in head] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [head[0].p, head[3].p] == [0.2, 0.1]
    assert [(head[1].in_features, head[1].out_features), (head[4].in_features, head[4].out_features)] == [
        (32, 256),
        (256, 2),
    ]
