"""Every option of a neural training has the effect that its description promises."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import get_scheduler

import tiny
from sentiment.core.settings import Settings
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.models.classifier import EncoderClassifier
from sentiment.training.models.encoders import build_encoder
from sentiment.training.trainer import NeuralTrainer, adamw, evaluation_batch, training_arguments

TRAIN, VALIDATION = tiny.reviews(160), tiny.reviews(40, seed=1)


def logged(tmp_path, **options):
    """Train a small network for one epoch, ten steps unless the options say otherwise, and return its records."""
    records = []
    config = tiny.config(tmp_path, "gru", **{"epochs": 1.0, "evaluations": 1, "learning_rate": 1e-3, **options})
    fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    return records


@pytest.mark.parametrize(
    ("schedule", "name", "warmup", "steps"),
    [
        ("linear", "linear", {"warmup_share": 0.4}, 4),
        ("cosine", "cosine", {"warmup_steps": 2}, 2),
        ("constant", "constant_with_warmup", {"warmup_share": 0.3}, 3),
    ],
)
def test_the_learning_rate_rises_in_the_warm_up_and_follows_its_schedule(schedule, name, warmup, steps, tmp_path):
    rates = [r["learning_rate"] for r in logged(tmp_path, schedule=schedule, **warmup) if "learning_rate" in r]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    reference, expected = get_scheduler(name, optimizer, steps, 10), []
    for _ in range(10):
        expected.append(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()
    assert rates == pytest.approx(expected)


def test_the_rate_in_the_log_is_the_one_that_was_asked_for_whatever_layers_make_of_it(tmp_path):
    records, encoder = [], tiny.write_encoder(tmp_path / "encoder")
    config = tiny.config(
        encoder, schedule="constant", warmup_share=0.0, layer_decay=0.5, learning_rate=1e-3, epochs=0.2
    )
    fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    assert {record["learning_rate"] for record in records if "learning_rate" in record} == {1e-3}


@pytest.mark.parametrize(
    ("options", "validated"),
    [
        ({"evaluations": 2}, [5, 10]),
        ({"evaluate_every": 4}, [4, 8, 10]),
        ({"evaluate_every": 500}, [10]),
        ({"accumulation": 2, "evaluate_every": 2}, [2, 4, 5]),
        ({"accumulation": 500}, [1]),
        ({"epochs": 0.2, "evaluate_every": 1}, [1, 2]),
    ],
)
def test_validations_come_when_asked_for_and_always_at_the_end(options, validated, tmp_path):
    records = logged(tmp_path, **options)
    assert [record["step"] for record in records if "eval_macro_f1" in record] == validated


def test_accumulated_passes_make_the_same_step_as_one_large_batch(tmp_path):
    """No dropout and one order of reviews; only the last digits of the sums differ."""
    same = {"dropout": 0.0, "evaluate_every": 5}
    whole = logged(tmp_path / "whole", batch_size=160, epochs=5.0, **same)
    parts = logged(tmp_path / "parts", batch_size=40, accumulation=4, epochs=5.0, **same)
    norms = [[record["grad_norm"] for record in records if "grad_norm" in record] for records in (whole, parts)]
    assert len(norms[0]) == len(norms[1]) == 5
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def test_gradients_are_cut_to_the_longest_allowed_and_not_at_all_at_zero(tmp_path):
    seen = {}

    def largest(clip_norm):
        class Watching(NeuralTrainer):
            def create_optimizer(self, model=None):
                optimizer = super().create_optimizer(model)
                optimizer.register_step_pre_hook(lambda *_: seen.setdefault(clip_norm, []).append(_norm(self.model)))
                return optimizer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sentiment.training.neural.NeuralTrainer", Watching)
            logged(tmp_path / str(clip_norm), clip_norm=clip_norm)
        return max(seen[clip_norm])

    assert largest(0.01) == pytest.approx(0.01, rel=1e-3)
    assert largest(0.0) > 0.05


def _norm(model):
    return torch.cat([value.grad.flatten() for value in model.parameters()]).norm().item()


def test_adamw_gets_its_numbers_and_spares_biases_and_norms_the_decay(tmp_path):
    encoder = tiny.write_architecture(tmp_path, "bert")
    config = tiny.config(encoder, beta1=0.8, beta2=0.95, epsilon=1e-6, weight_decay=0.2, learning_rate=2e-4)
    model = build_encoder(str(encoder))
    optimizer = adamw(model, config)
    assert [optimizer.defaults[name] for name in ("lr", "betas", "eps")] == [2e-4, (0.8, 0.95), 1e-6]
    decay = {id(value): group["weight_decay"] for group in optimizer.param_groups for value in group["params"]}
    names = {name: decay[id(value)] for name, value in model.named_parameters()}
    assert {name for name, found in names.items() if not found} == {
        name for name in names if name.endswith("bias") or "LayerNorm" in name
    }
    assert set(names.values()) == {0.0, 0.2}


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "mpnet"])
def test_each_layer_learns_slower_than_the_one_above_it(architecture, tmp_path):
    encoder = tiny.write_architecture(tmp_path, architecture)
    model = build_encoder(str(encoder))
    optimizer = adamw(model, tiny.config(encoder, layer_decay=0.5, learning_rate=1e-3))
    rate = {id(value): group["lr"] for group in optimizer.param_groups for value in group["params"]}
    for name, value in model.named_parameters():
        below = 0 if name.startswith("head") else 1 if ".1." in name else 2 if ".0." in name else 3
        assert rate[id(value)] == pytest.approx(1e-3 * 0.5**below), name


def test_layers_that_share_their_weights_learn_as_one_layer(tmp_path):
    model = build_encoder(str(encoder := tiny.write_architecture(tmp_path, "albert")))
    optimizer = adamw(model, tiny.config(encoder, layer_decay=0.5, learning_rate=1e-3))
    rate = {id(value): group["lr"] for group in optimizer.param_groups for value in group["params"]}
    for name, value in model.named_parameters():
        below = 2 if "embedding" in name else 1 if "albert_layers.0" in name else 0
        assert rate[id(value)] == pytest.approx(1e-3 * 0.5**below), name


def test_computing_activations_twice_gives_the_same_model(tmp_path, monkeypatch):
    asked, original = [], EncoderClassifier.activation_checkpointing_enable
    monkeypatch.setattr(
        EncoderClassifier, "activation_checkpointing_enable", lambda *a, **k: asked.append(1) or original(*a, **k)
    )
    encoder = tiny.write_encoder(tmp_path / "encoder")
    logits = []
    for twice in (False, True):
        config = tiny.config(encoder, batch_size=80, evaluations=1, gradient_checkpointing=twice)
        fitted = fit(config, TRAIN, VALIDATION, tmp_path / f"work-{twice}", Settings())
        logits.append(predict_logits(fitted, VALIDATION))
    assert asked == [1]
    assert logits[0] == pytest.approx(logits[1], abs=1e-4)


def test_bf16_trains_on_a_cpu_and_stays_near_fp32(tmp_path):
    losses = {
        precision: [r["loss"] for r in logged(tmp_path / precision, precision=precision) if "loss" in r]
        for precision in ("fp32", "bf16")
    }
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    assert losses["bf16"] != losses["fp32"]


def test_number_formats_reach_the_trainer(tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment.training.trainer.training_precision", lambda wanted, _: wanted)
    for precision in ("fp32", "bf16"):
        arguments = training_arguments(tiny.config(tmp_path, precision=precision), 100, tmp_path)
        assert (arguments.bf16, arguments.fp16) == (precision == "bf16", False)


def test_one_process_takes_one_of_several_gpus_and_the_batch_that_was_asked_for(tmp_path, monkeypatch):
    faked = {"is_available": True, "device_count": 4, "set_device": None, "is_bf16_supported": True}
    for name, answer in faked.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
    config = tiny.config(tmp_path, precision="fp32", batch_size=16)
    arguments = training_arguments(config, 100, tmp_path)
    assert (arguments.device.type, arguments.n_gpu) == ("cuda", 1)
    assert (arguments.train_batch_size, arguments.eval_batch_size) == (16, evaluation_batch(config))


def test_the_seed_decides_weights_and_order(tmp_path):
    losses = [
        [r["loss"] for r in logged(tmp_path / str(run), seed=seed) if "loss" in r] for run, seed in enumerate([1, 1, 2])
    ]
    assert losses[0] == losses[1]
    assert not np.allclose(losses[0], losses[2])


@pytest.mark.parametrize(
    "option",
    [
        *({"seed": seed} for seed in (-1, 2**40)),
        *({"teacher": "soft", "teacher_temperature": temperature} for temperature in (1e-300, 1e300)),
        *({name: 1e300} for name in ("consistency", "learning_rate", "weight_decay", "epsilon", "focal_gamma")),
        {"inverse_regularisation": 1e300},
    ],
)
def test_a_number_with_which_nothing_can_be_computed_is_refused_before_a_training(option):
    with pytest.raises(ValidationError, match=r"should be (greater|less) than or equal to"):
        TrainConfig(**option)
