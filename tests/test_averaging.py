"""Averages of weights: over the steps of a training, and between a fine-tuned encoder and the pretrained one."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import nn
from transformers import TrainingArguments

import tiny
from sentiment.core.settings import Settings
from sentiment.training.averaging import AveragingTrainer, MovingAverage
from sentiment.training.checkpoints import last_checkpoint
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.models.encoders import build_encoder
from sentiment.training.settings import effective_settings

TRAIN, VALIDATION = tiny.reviews(160), tiny.reviews(60, seed=1)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


def trained(encoder, workdir, family="gru", on_log=None, **options):
    """Train ten steps, validated twice."""
    config = tiny.config(encoder, family, **{"epochs": 1.0, "evaluations": 2, **options})
    return fit(config, TRAIN, VALIDATION, workdir, Settings(), on_log)


def test_the_average_follows_the_weights_quickly_at_first_and_slowly_in_the_end():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    average, expected = MovingAverage(model, 0.3), 0.0
    for step, decay in ((1, 2 / 11), (2, 3 / 12), (3, 0.3)):  # (1 + 3) / (10 + 3) is more than 0.3
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update(step)
        expected = decay * expected + (1 - decay) * step
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 3.0


def test_what_does_not_train_is_not_kept_twice():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    assert set(MovingAverage(model, 0.9)._kept) == {"1.weight", "1.bias"}


def test_an_average_that_forgets_at_once_is_the_training_itself(encoder, tmp_path):
    plain = trained(encoder, tmp_path / "plain")
    averaged = trained(encoder, tmp_path / "averaged", averaging=1e-12)
    assert predict_logits(averaged, VALIDATION) == pytest.approx(predict_logits(plain, VALIDATION), abs=1e-5)
    assert (tmp_path / "averaged" / "checkpoint-10" / "weights.safetensors").is_file()
    assert not (tmp_path / "plain" / "checkpoint-10" / "weights.safetensors").exists()


def test_the_average_is_what_is_validated_and_what_comes_out(encoder, tmp_path):
    fitted = trained(encoder, tmp_path, averaging=0.9)
    validated = {record["step"]: record for record in fitted.history if "eval_macro_f1" in record}
    best = max(validated.values(), key=lambda record: record["eval_macro_f1"])
    right = predict_logits(fitted, VALIDATION).argmax(1) == VALIDATION.labels
    assert right.mean() == pytest.approx(best["eval_accuracy"])
    kept = load_file(tmp_path / f"checkpoint-{best['step']}" / "model.safetensors")
    assert all(torch.equal(value, kept[name]) for name, value in fitted.model.state_dict().items())
    weights = load_file(tmp_path / f"checkpoint-{best['step']}" / "weights.safetensors")
    assert any(not torch.equal(value, kept[name]) for name, value in weights.items())


def test_averaging_changes_nothing_of_how_is_learnt(encoder, tmp_path):
    plain, averaged = (trained(encoder, tmp_path / str(decay), averaging=decay).history for decay in (0.0, 0.99))
    losses = [record["loss"] for record in plain if "loss" in record]
    assert losses == [record["loss"] for record in averaged if "loss" in record]
    assert losses


@pytest.mark.parametrize("family", ["gru", "lora"])
def test_an_averaged_training_that_died_goes_on_to_the_same_model(family, encoder, tmp_path):
    def die(record):
        if record["step"] == 7:
            raise KeyboardInterrupt

    options = {"family": family, "averaging": 0.9, "epochs": 1.0}
    with pytest.raises(KeyboardInterrupt):
        trained(encoder, tmp_path / "cut", on_log=die, **options)
    assert last_checkpoint(tmp_path / "cut").name == "checkpoint-5"
    again = trained(encoder, tmp_path / "cut", **options)
    whole = trained(encoder, tmp_path / "whole", **options)
    assert (predict_logits(again, VALIDATION) == predict_logits(whole, VALIDATION)).all()


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_alone_writes_the_weights(first, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingArguments, "should_save", property(lambda _: first))
    trainer = AveragingTrainer(0.9, model=nn.Linear(1, 1), args=TrainingArguments(str(tmp_path), use_cpu=True))
    trainer._save(str(tmp_path / "checkpoint-1"))  # which is made by the first
    assert (tmp_path / "checkpoint-1" / "weights.safetensors").exists() is first


def distances(fitted, encoder) -> dict[str, torch.Tensor]:
    """How far each weight of a trained encoder lies from the pretrained one's."""
    pretrained = build_encoder(str(encoder)).backbone.state_dict()
    return {name: value - pretrained[name] for name, value in fitted.model.backbone.state_dict().items()}


@pytest.mark.parametrize("family", ["encoder", "lora"])
def test_a_share_of_the_pretrained_weights_takes_that_share_of_what_was_learnt_and_leaves_the_head(
    family, encoder, tmp_path
):
    options = {"family": family, "evaluations": 1}
    whole = trained(encoder, tmp_path / "whole", **options)
    mixed = trained(encoder, tmp_path / "mixed", pretrained_share=0.25, **options)
    before, after = distances(whole, encoder), distances(mixed, encoder)
    assert max(value.abs().max() for value in before.values()) > 1e-3
    for name, value in before.items():
        torch.testing.assert_close(after[name], 0.75 * value, atol=1e-5, rtol=1e-3)
    head = mixed.model.head.state_dict()
    assert all(torch.equal(value, head[name]) for name, value in whole.model.head.state_dict().items())


@pytest.mark.slow
def test_two_processes_average_as_one(encoder, home, tmp_path):
    options = {"vocabulary": 400, "dropout": 0.0, "averaging": 0.9}
    alone = trained(encoder, tmp_path / "alone", **options)
    shared = trained(encoder, tmp_path / "shared", processes=2, batch_size=8, **options)
    assert predict_logits(shared, VALIDATION) == pytest.approx(predict_logits(alone, VALIDATION), abs=1e-3)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "linear", "averaging": 0.9}, "has no steps to average over"),
        ({"family": "gru", "stages": 2, "averaging": 0.9}, "a network in stages is not averaged"),
        ({"family": "linear", "pretrained_share": 0.2}, "linear has no pretrained weights"),
        ({"family": "bilstm", "pretrained_share": 0.2}, "bilstm has no pretrained weights"),
        ({"averaging": 1.0}, "less than 1"),
    ],
)
def test_an_average_that_a_family_does_not_have_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainConfig(**given)


def test_a_run_names_the_averages_that_its_family_has():
    names = {"averaging", "pretrained_share"}
    for family, has in {"linear": set(), "gru": {"averaging"}, "lora": names}.items():
        assert names & effective_settings(TrainConfig(family=family), 2_000).keys() == has
    assert np.isclose(effective_settings(TrainConfig(averaging=0.99), 2_000)["averaging"], 0.99)
