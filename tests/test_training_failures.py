"""What goes wrong while a network learns ends as promised: named, mended, or both."""

import logging

import pytest
import torch

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.hardware import with_smaller_batches
from sentiment.training.trainer import NeuralTrainer

TRAIN, VALIDATION = tiny.reviews(320), tiny.reviews(80, seed=1)


@pytest.fixture
def config(tmp_path):
    """A training of 20 steps with validations after 5, 10, 15 and 20."""
    return tiny.config(tmp_path, "gru", epochs=1.0, evaluations=4)


def use(patch, compute_loss):
    """Let the Trainer compute its loss by `compute_loss(trainer, original, model, inputs)` while it trains."""
    original = NeuralTrainer.compute_loss

    def computed(self, model, inputs, *args, **kwargs):
        def usual():
            return original(self, model, inputs, *args, **kwargs)

        return compute_loss(self, usual, inputs) if model.training else usual()

    patch.setattr(NeuralTrainer, "compute_loss", computed)


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_loss_that_is_no_number_ends_the_training_with_its_step_and_settings(config, number, tmp_path, monkeypatch):
    use(monkeypatch, lambda self, usual, _: usual() * (float(number) if self.state.global_step == 6 else 1.0))
    named = rf"the loss became {number} at step 7 with learning_rate=0.02, .*batch_size=16, .*precision=fp32"
    with pytest.raises(ContractError, match=named):
        fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
    assert (tmp_path / "work" / "checkpoint-5").is_dir()
    assert not (tmp_path / "work" / "checkpoint-10").exists()


def test_a_training_that_diverges_is_stopped_without_any_planting(tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    config = tiny.config(encoder, learning_rate=1e30, warmup_share=0.0)
    with pytest.raises(ContractError, match=r"became .* at step \d+ with learning_rate=1e\+30"):
        fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())


def test_weights_that_are_no_numbers_are_found_by_the_validation_too(config, tmp_path, monkeypatch):
    def spoilt(self, usual, _):
        loss = usual()
        if self.state.global_step == 4:  # the last step before a validation: no training loss sees it
            loss.register_hook(lambda gradient: gradient * float("nan"))
        return loss

    use(monkeypatch, spoilt)
    with pytest.raises(ContractError, match=r"a validation logit became NaN or infinite at step 5 with"):
        fit(config.model_copy(update={"clip_norm": 0.0}), TRAIN, VALIDATION, tmp_path / "work", Settings())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("planted"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:1] . DefaultCPUAllocator: can't allocate memory: 9 bytes"),
    ],
    ids=["device", "host"],
)
def test_too_little_memory_halves_the_batch_and_goes_on_from_the_last_checkpoint(
    config, error, tmp_path, monkeypatch, caplog
):
    batches, seen = [], []

    def full(self, usual, inputs):
        reviews = len(inputs["labels"])
        if self.state.global_step == 12 and reviews > 8:
            raise error
        batches.append(reviews)
        seen.append([ids[ids != 0].tolist() for ids in inputs["input_ids"]])
        return usual()

    use(monkeypatch, full)
    records = []
    with caplog.at_level(logging.WARNING, "sentiment"):
        fitted = fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    assert batches == [16] * 12 + [8] * 20  # steps 1 to 12, then 11 to 20 from the checkpoint of step 10
    assert sorted(seen[10]) == sorted(seen[12] + seen[13])  # step 11, before and after
    steps = [record["step"] for record in records if "loss" in record]
    assert steps == [*range(1, 13), *range(11, 21)]
    assert [record["step"] for record in fitted.history if "eval_macro_f1" in record] == [5, 10, 15, 20]
    assert "out of memory with batches of 16; going on with {'batch_size': 8, 'accumulation': 2}" in caplog.text


def test_a_single_review_that_does_not_fit_is_refused_with_the_remedies(config, tmp_path, monkeypatch):
    sizes = []

    def full(self, usual, inputs):
        sizes.append(len(inputs["labels"]))
        raise torch.OutOfMemoryError("planted")

    use(monkeypatch, full)
    with pytest.raises(ContractError, match=r"one review does not fit .* lower max_length"):
        fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
    assert sizes == [16, 8, 4, 2, 1]


@pytest.mark.parametrize(
    ("family", "changes", "remedies"),
    [
        ("gru", {}, "lower max_length, hidden_size, embedding_size or vocabulary"),
        ("encoder", {}, "smaller encoder, or turn gradient_checkpointing on"),
        ("lora", {"gradient_checkpointing": True}, "smaller encoder$"),
    ],
)
def test_too_little_memory_for_one_review_names_remedies_that_the_family_has(family, changes, remedies):
    with pytest.raises(ContractError, match=remedies):
        with_smaller_batches(TrainConfig(family=family, batch_size=1, **changes), MemoryError())


def test_any_other_error_of_torch_is_not_taken_for_too_little_memory(config, tmp_path, monkeypatch):
    def broken(self, usual, inputs):
        raise RuntimeError("shapes do not match")

    use(monkeypatch, broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
