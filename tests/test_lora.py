"""Adapters: what they are put on, what trains, what is kept, and that merging them changes nothing."""

import json

import pytest
import torch
from safetensors.torch import load_file

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.models.adapters import add_adapters, merge_adapters
from sentiment.training.models.build import build_model
from sentiment.training.models.encoders import build_encoder

TRAIN, VALIDATION = tiny.reviews(96), tiny.reviews(60, seed=1)
TARGETS = {
    ("bert", "query"): {"query"},
    ("bert", "query_value"): {"query", "value"},
    ("bert", "all_linear"): {"query", "key", "value", "dense"},
    ("distilbert", "query"): {"q_lin"},
    ("distilbert", "query_value"): {"q_lin", "v_lin"},
    ("distilbert", "all_linear"): {"q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"},
    ("mpnet", "query_value"): {"q", "v"},
    ("mpnet", "all_linear"): {"q", "k", "v", "o", "dense"},
    ("roberta", "query_value"): {"query", "value"},
}


@pytest.mark.parametrize(("architecture", "targets"), TARGETS, ids=lambda value: value)
def test_each_architecture_gets_adapters_on_the_layers_of_its_own_names(architecture, targets, tmp_path):
    encoder = tiny.write_architecture(tmp_path, architecture)
    model, _ = build_model(tiny.config(encoder, "lora", lora_targets=targets, lora_rank=4), TRAIN)
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    adapters = {name: value for name, value in trained.items() if "lora_" in name}
    assert {name.split(".lora_")[0].split(".")[-1] for name in adapters} == TARGETS[architecture, targets]
    assert {min(value.shape) for value in adapters.values()} == {4}
    assert {name for name in trained if name not in adapters} == {"head.1.weight", "head.1.bias"}


def test_the_adapters_scale_is_alpha_by_rank_behind_the_dropout_asked_for(tmp_path):
    encoder = tiny.write_architecture(tmp_path, "bert")
    config = tiny.config(encoder, "lora", lora_targets="query", lora_rank=4, lora_alpha=32, lora_dropout=0.2)
    model, _ = build_model(config, TRAIN)
    layer = model.backbone.base_model.model.encoder.layer[0].attention.self.query
    assert (layer.scaling["default"], layer.lora_dropout["default"].p) == (8.0, 0.2)


def test_an_architecture_whose_attention_is_not_known_by_name_is_refused_with_the_way_out(tmp_path):
    model = build_encoder(str(tiny.write_architecture(tmp_path, "bert")))
    model.backbone.config.model_type = "novel"
    with pytest.raises(ContractError, match="take lora_targets=all_linear"):
        add_adapters(model, tiny.config(tmp_path, "lora"))
    add_adapters(model, tiny.config(tmp_path, "lora", lora_targets="all_linear"))
    assert any("lora_A" in name for name, _ in model.named_parameters())


def test_merging_keeps_the_logits_and_leaves_a_plain_encoder_and_the_adapter_as_files(tmp_path):
    encoder = tiny.write_architecture(tmp_path / "encoder", "bert")
    plain = build_encoder(str(encoder))
    model, _ = build_model(tiny.config(encoder, "lora"), TRAIN)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value)
    ids = torch.randint(5, 60, (3, 9))
    model.eval()
    with torch.inference_mode():
        before = model(ids, torch.ones_like(ids))
    merge_adapters(model, tmp_path / "adapter")
    with torch.inference_mode():
        assert torch.allclose(model(ids, torch.ones_like(ids)), before, atol=1e-5)
    assert set(model.state_dict()) == set(plain.state_dict())
    names = {"adapter_model.safetensors", "adapter_config.json", "head.safetensors"}
    assert {file.name for file in (tmp_path / "adapter").iterdir()} == names
    assert set(load_file(tmp_path / "adapter" / "head.safetensors")) == {"1.weight", "1.bias"}
    assert all("lora_" in name for name in load_file(tmp_path / "adapter" / "adapter_model.safetensors"))
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"] == 8


def test_of_several_processes_the_first_one_writes_the_adapter(tmp_path, monkeypatch):
    model, _ = build_model(tiny.config(tiny.write_architecture(tmp_path / "encoder", "bert"), "lora"), TRAIN)
    monkeypatch.setenv("RANK", "1")
    merge_adapters(model, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
    assert not any("lora_" in name for name in model.state_dict())


def test_a_lora_training_tells_its_trainable_share_and_goes_on_after_a_crash_to_the_same_model(tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    config = tiny.config(encoder, "lora", lora_targets="query", learning_rate=1e-2, epochs=2.0)

    def die(record):
        if record["step"] == 9:
            raise KeyboardInterrupt

    whole = fit(config, TRAIN, VALIDATION, tmp_path / "whole", Settings())
    with pytest.raises(KeyboardInterrupt):
        fit(config, TRAIN, VALIDATION, tmp_path / "cut", Settings(), die)
    records = []
    again = fit(config, TRAIN, VALIDATION, tmp_path / "cut", Settings(), records.append)
    assert records[0]["step"] == 9
    assert predict_logits(again, VALIDATION) == pytest.approx(predict_logits(whole, VALIDATION), abs=1e-4)

    adapters = 2 * 2 * 8 * 32  # layers x (A and B) x rank x width
    assert whole.trainable == adapters + 32 * 2 + 2
    assert whole.parameters == adapters + sum(value.numel() for value in whole.model.parameters())
    assert whole.adapter == tmp_path / "whole" / "adapter"
    frozen = dict(build_encoder(str(encoder)).backbone.named_parameters())
    changed = {
        name for name, value in whole.model.backbone.named_parameters() if not torch.allclose(value, frozen[name])
    }
    assert changed == {f"encoder.layer.{layer}.attention.self.query.weight" for layer in (0, 1)}
