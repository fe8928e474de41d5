"""The check of a GPU, gone on the CPU with small sizes as far as it can be, and with what a GPU would do planted."""

import pytest
import torch

import gpu_check
import tiny
from gpu_check import Ground, engine, gone, out_of_memory, resumed, trained
from sentiment.training.trainer import NeuralTrainer


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    return Small(*vars(Ground.of(folder, str(tiny.write_encoder(folder / "encoder")), reviews=320)).values())


class Small(Ground):
    """With trainings of a tiny encoder in fp32, whatever was asked for that a CPU has not."""

    def config(self, **changes):
        known = {"precision": "fp32", "learning_rate": 3e-3, "batch_size": 16, "epochs": 1.0}
        return super().config(**{**changes, **known})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_cuda_is_told_so_in_a_sentence(capsys):
    assert gpu_check.main() == 1
    assert capsys.readouterr() == ("", f"{gpu_check.NO_CUDA}\n")


def test_each_way_has_a_row_and_one_that_fails_says_why_and_stops_no_other(ground):
    def broken(_):
        raise RuntimeError("no kernel image\nmore words")

    ways = {"encoder, bf16": trained(precision="bf16"), "broken": broken, "gone on with": resumed}
    first, second, third = gone(ways, ground)
    assert (first["outcome"], third["outcome"]) == ("works", "works")
    assert first["accuracy"] > gpu_check.LEARNT
    assert first["reviews_per_second"] > 0
    assert second == {"way": "broken", "outcome": "failed: RuntimeError: no kernel image", "seconds": second["seconds"]}


def test_a_model_that_learnt_nothing_is_no_way_that_works(ground, monkeypatch):
    monkeypatch.setattr(gpu_check, "LEARNT", 1.01)
    (row,) = gone({"encoder": trained(precision="auto")}, ground)
    assert row["outcome"].startswith("failed: RuntimeError: the model learnt too little")


def test_batches_that_are_too_large_count_as_checked_only_when_they_were_halved(ground, monkeypatch):
    (row,) = gone({"memory": out_of_memory}, ground)
    assert row["outcome"] == "failed: RuntimeError: no batch was halved: the device held them all"
    usual = NeuralTrainer.compute_loss

    def full(self, model, inputs, *args, **kwargs):
        if model.training and len(inputs["labels"]) > 8:
            raise torch.OutOfMemoryError("planted")
        return usual(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(NeuralTrainer, "compute_loss", full)
    other = Small(ground.folder / "small", *list(vars(ground).values())[1:])
    (row,) = gone({"memory": out_of_memory}, other)
    assert row["outcome"] == "works, halved 1 times"


@pytest.mark.slow
def test_an_engine_is_held_against_torch_and_one_that_is_not_installed_is_told(ground):
    here, absent = gone({name: engine(name) for name in ("onnxruntime-int8", "tensorrt-fp16")}, ground)
    assert here["outcome"] == "works"
    assert here["accuracy"] > gpu_check.LEARNT
    if not torch.cuda.is_available():
        assert absent["outcome"].startswith("not checked: tensorrt-fp16 does not run on this machine: install")


@pytest.mark.slow
def test_an_engine_that_falls_back_to_the_processor_is_no_way_that_works(ground, monkeypatch):
    monkeypatch.setattr(
        "sentiment.engine.engines._providers", lambda name: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    other = Small(ground.folder / "fallback", *list(vars(ground).values())[1:])
    other.folder.mkdir()
    (row,) = gone({"engine": engine("onnxruntime-int8")}, other)
    assert row["outcome"].startswith("failed: ContractError: onnxruntime cannot use CUDAExecutionProvider here")
