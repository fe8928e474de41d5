"""Encoders of every architecture under every head and pooling: trained, carried in a folder, exported."""

import json

import pytest
import torch
from transformers import AutoConfig, AutoModel

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
from sentiment.training.models.classifier import NUMBERED_AFTER_PADDING, EncoderClassifier
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


def _without_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


def _cut_short(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _a_pointer(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def _of_another_size(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 48, "dim": 48}))


def _without_padding(folder):
    file = folder / "tokenizer_config.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in known.items() if name != "pad_token"}))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_without_tokenizer, "it has no tokenizer|UNK"),
        (_cut_short, ""),
        (_a_pointer, ""),
        (_of_another_size, ""),
    ],
)
def test_a_folder_that_is_no_whole_encoder_is_refused_by_its_name(architecture, broken, said, tmp_path):
    encoder = tiny.write_architecture(tmp_path / "mine", architecture)
    broken(encoder)
    with pytest.raises(ContractError, match=f"mine' cannot be loaded: .*({said}).*Give a folder with"):
        build_model(tiny.config(encoder, max_length=32), TRAIN)


def test_a_tokenizer_without_a_padding_token_is_refused(tmp_path):
    encoder = tiny.write_architecture(tmp_path, "roberta")
    _without_padding(encoder)
    with pytest.raises(ContractError, match="its tokenizer has no padding token"):
        build_model(tiny.config(encoder, max_length=32), TRAIN)


def test_a_tokenizer_of_another_model_is_refused_before_the_first_step(tmp_path):
    encoder = tiny.write_architecture(tmp_path, "bert", vocab_size=20)
    with pytest.raises(ContractError, match="tokens and the encoder knows 20: they are not of one model"):
        build_model(tiny.config(encoder, max_length=32), TRAIN)


@pytest.mark.parametrize("architecture", sorted(NUMBERED_AFTER_PADDING - {"mpnet", "roberta"}))
def test_an_encoder_that_numbers_after_padding_reads_as_many_tokens_as_it_says(architecture):
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    more = {"esm": {"position_embedding_type": "absolute", "mask_token_id": 4}, "longformer": {"attention_window": [8]}}
    more["luke"] = {"entity_vocab_size": 10, "entity_emb_size": 8}
    given = shape | more.get(architecture, {}) | {"vocab_size": 100, "max_position_embeddings": 66, "pad_token_id": 1}
    model = EncoderClassifier(AutoModel.from_config(AutoConfig.for_model(architecture, **given))).eval()
    if architecture == "xmod":
        model.backbone.set_default_language("en_XX")
    ids = torch.randint(5, 60, (1, model.positions))
    with torch.inference_mode():
        assert model(ids, torch.ones_like(ids)).shape == (1, 2)


def test_an_encoder_of_relative_positions_has_no_longest_review_and_one_with_a_decoder_is_refused(tmp_path):
    shape = {"d_model": 32, "n_layer": 1, "n_head": 2, "d_inner": 64, "vocab_size": 100}
    assert EncoderClassifier(AutoModel.from_config(AutoConfig.for_model("xlnet", **shape))).positions > 10**6
    shape = {"d_model": 32, "num_layers": 1, "num_heads": 2, "d_ff": 64, "d_kv": 16, "vocab_size": 100}
    AutoModel.from_config(AutoConfig.for_model("t5", **shape)).save_pretrained(tmp_path)
    with pytest.raises(ContractError, match="it has a decoder"):
        build_encoder(str(tmp_path))
