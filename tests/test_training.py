"""Training: it learns, tells how it goes, stops in time, survives a crash, and says what is wrong with its input."""

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training.batches import SimilarLengths
from sentiment.training.checkpoints import STATE, PlainCheckpointTrainer, last_checkpoint
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.hardware import training_precision
from sentiment.training.models import encoders, packaged

TRAIN, VALIDATION = tiny.reviews(320), tiny.reviews(80, seed=1)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def trained(encoder, tmp_path_factory):
    """One uninterrupted training of 20 steps: the model, every record that was logged, and its folder."""
    workdir, records = tmp_path_factory.mktemp("trained"), []
    config = tiny.config(encoder, epochs=2.0)
    return fit(config, TRAIN, VALIDATION, workdir, Settings(), records.append), records, workdir


def test_an_encoder_learns_the_sentiment_of_reviews_it_has_not_seen(trained):
    fitted, _, _ = trained
    test = tiny.reviews(200, seed=9)
    assert (predict_logits(fitted, test).argmax(1) == test.labels).mean() > 0.9
    assert fitted.parameters == fitted.trainable == sum(p.numel() for p in fitted.model.parameters())


def test_losses_learning_rates_and_validations_are_logged_as_they_come(trained):
    fitted, records, _ = trained
    losses = [record["loss"] for record in records if "loss" in record]
    assert losses[-1] < losses[0]
    assert all("learning_rate" in record for record in records if "loss" in record)
    assert [record["step"] for record in records if "eval_macro_f1" in record] == [14, 28, 40]
    assert [record["step"] for record in fitted.history if "eval_macro_f1" in record] == [14, 28, 40]
    assert records[-1]["train_runtime"] > 0


def test_the_best_checkpoint_is_what_comes_back(trained):
    fitted, records, _ = trained
    best = max(record["eval_macro_f1"] for record in records if "eval_macro_f1" in record)
    right = predict_logits(fitted, VALIDATION).argmax(1) == VALIDATION.labels
    accuracy = {r["eval_macro_f1"]: r["eval_accuracy"] for r in records if "eval_macro_f1" in r}[best]
    assert right.mean() == pytest.approx(accuracy)


def test_nothing_that_training_writes_is_a_pickle(trained):
    _, _, workdir = trained
    files = [file for file in workdir.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".safetensors"}


def test_a_training_that_died_goes_on_from_its_last_checkpoint_to_the_same_model(encoder, trained, tmp_path):
    def die(record):
        if record["step"] == 21:
            raise KeyboardInterrupt

    config, records = tiny.config(encoder, epochs=2.0), []
    with pytest.raises(KeyboardInterrupt):
        fit(config, TRAIN, VALIDATION, tmp_path, Settings(), die)
    (tmp_path / "checkpoint-20").mkdir()  # died while writing: no trainer_state.json yet
    again = fit(config, TRAIN, VALIDATION, tmp_path, Settings(), records.append)
    assert records[0]["step"] == 15
    whole, _, _ = trained
    test = tiny.reviews(50, seed=9)
    assert predict_logits(again, test) == pytest.approx(predict_logits(whole, test), abs=1e-4)


PARTS = ["model.safetensors", "optimizer.safetensors", "optimizer.json"]
SPOILT = [
    *((name, how) for name in (*PARTS, STATE) for how in ("empty", "cut", "missing")),
    *(("generators-0.json", how) for how in ("empty", "cut")),
]


def spoil(file: Path, how: str) -> None:
    """Leave of a file what a full disk, a torn write or a kill leaves."""
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 0 if how == "empty" else file.stat().st_size // 2])


@pytest.fixture
def checkpoints(trained, tmp_path) -> list[Path]:
    """The two checkpoints that a training left, the older first."""
    shutil.copytree(trained[2], tmp_path / "work")
    return sorted((tmp_path / "work").glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))


@pytest.mark.parametrize(("name", "how"), SPOILT)
def test_a_checkpoint_with_a_file_that_is_not_whole_is_none(checkpoints, name, how):
    older, newest = checkpoints
    assert last_checkpoint(newest.parent) == newest
    spoil(newest / name, how)
    assert last_checkpoint(newest.parent) == older


def test_a_checkpoint_that_counts_on_a_best_one_that_is_gone_is_none(checkpoints):
    older, newest = checkpoints
    (newest / STATE).write_text((newest / STATE).read_text().replace('_step": 40', '_step": 28'))
    spoil(older / "model.safetensors", "cut")
    assert last_checkpoint(newest.parent) is None


def test_a_training_goes_on_from_the_checkpoint_before_a_broken_one_and_says_so(encoder, trained, checkpoints, caplog):
    whole, all_records, _ = trained
    older, newest = checkpoints
    spoil(newest / "model.safetensors", "cut")
    records = []
    with caplog.at_level(logging.WARNING, "sentiment"):
        again = fit(tiny.config(encoder, epochs=2.0), TRAIN, VALIDATION, newest.parent, Settings(), records.append)
    assert f"{newest} is no whole checkpoint (model.safetensors breaks off)" in caplog.text
    assert records[0]["step"] == int(older.name.split("-")[1]) + 1
    assert records[-1]["step"] == all_records[-1]["step"] == 40
    assert (predict_logits(again, VALIDATION) == predict_logits(whole, VALIDATION)).all()


def test_a_training_that_had_ended_gives_the_same_model_at_once(encoder, trained):
    whole, _, workdir = trained
    again = fit(tiny.config(encoder, epochs=2.0), TRAIN, VALIDATION, workdir, Settings())
    assert predict_logits(again, VALIDATION) == pytest.approx(predict_logits(whole, VALIDATION), abs=1e-6)


def test_a_checkpoint_of_a_gpu_without_scaling_is_gone_on_from_on_one_that_scales(tmp_path):
    loaded: list[dict] = []
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(scaler=SimpleNamespace(load_state_dict=loaded.append)),
    )
    PlainCheckpointTrainer._load_scaler(trainer, str(tmp_path))
    assert loaded == []
    (tmp_path / "scaler.json").write_text('{"scale": 1024.0}')
    PlainCheckpointTrainer._load_scaler(trainer, str(tmp_path))
    assert loaded == [{"scale": 1024.0}]


def test_a_checkpoint_of_a_version_that_grouped_its_parameters_otherwise_is_refused_with_what_to_do(
    encoder, checkpoints
):
    older, newest = checkpoints
    shutil.rmtree(newest)
    groups, schedule = json.loads((older / "optimizer.json").read_text())
    groups[0]["params"].append(groups[1]["params"].pop())
    (older / "optimizer.json").write_text(json.dumps([groups, schedule]))
    with pytest.raises(ContractError, match=f"was written by another version.*; remove {older.parent} and train anew"):
        fit(tiny.config(encoder, epochs=2.0), TRAIN, VALIDATION, older.parent, Settings())


@pytest.mark.parametrize("changed", ["config", "reviews"])
def test_checkpoints_of_another_training_are_not_gone_on_from(encoder, trained, changed):
    _, _, workdir = trained
    config = tiny.config(encoder, epochs=3.0 if changed == "config" else 2.0)
    with pytest.raises(ContractError, match="holds checkpoints of another training"):
        fit(config, tiny.reviews(320, seed=2) if changed == "reviews" else TRAIN, VALIDATION, workdir, Settings())


def test_training_stops_when_validations_bring_nothing_better(encoder, tmp_path):
    records = []
    config = tiny.config(encoder, learning_rate=1e-9, evaluations=10, patience=2)
    fit(config, TRAIN, VALIDATION, tmp_path, Settings(), records.append)
    assert sum("eval_macro_f1" in record for record in records) == 3


@pytest.mark.parametrize(
    "ended", [{"learning_rate": 1e-9, "evaluations": 10, "patience": 2}, {"epochs": 0.5}], ids=["patience", "half"]
)
def test_a_training_that_had_ended_takes_no_step_more(encoder, ended, tmp_path):
    records, config = [], tiny.config(encoder, **{"schedule": "constant", **ended})
    whole = fit(config, TRAIN, VALIDATION, tmp_path, Settings())
    again = fit(config, TRAIN, VALIDATION, tmp_path, Settings(), records.append)
    assert records == []
    assert (predict_logits(again, VALIDATION) == predict_logits(whole, VALIDATION)).all()
    assert [one["step"] for one in again.history] == [one["step"] for one in whole.history if "train_loss" not in one]


def test_what_was_trained_in_half_precision_computes_as_it_is_saved(encoder, tmp_path):
    fitted = fit(tiny.config(encoder, precision="bf16"), TRAIN, VALIDATION, tmp_path / "work", Settings())
    fitted.save(tmp_path / "fitted")
    exact, half = predict_logits(fitted, VALIDATION), predict_logits(fitted, VALIDATION, "bf16")
    assert (predict_logits(Fitted.load(tmp_path / "fitted"), VALIDATION) == exact).all()
    assert (exact != half).any()
    assert half == pytest.approx(exact, abs=0.1)


def test_a_trained_encoder_survives_a_folder(trained, tmp_path):
    fitted, _, _ = trained
    fitted.save(tmp_path / "fitted")
    again = Fitted.load(tmp_path / "fitted")
    assert (predict_logits(again, VALIDATION) == predict_logits(fitted, VALIDATION)).all()
    assert (again.history, again.parameters, again.tokenizer_json) == (
        fitted.history,
        fitted.parameters,
        fitted.tokenizer_json,
    )
    with pytest.raises(ContractError, match="holds no trained model"):
        Fitted.load(tmp_path)


def test_batches_hold_similar_lengths_in_a_new_order_every_epoch():
    lengths = np.random.default_rng(0).integers(3, 128, 330).tolist()
    sampler = SimilarLengths(lengths, 16, seed=5)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(330))
    assert first != second
    assert list(SimilarLengths(lengths, 16, seed=5)) == first
    spreads = [np.ptp([lengths[row] for row in first[start : start + 16]]) for start in range(0, 320, 16)]
    longest = [max(lengths[row] for row in first[start : start + 16]) for start in range(0, 320, 16)]
    assert max(spreads) < 20
    assert longest != sorted(longest)


@pytest.mark.parametrize("label", [0, 1])
def test_reviews_of_one_label_cannot_train(label):
    one = TRAIN.take(np.flatnonzero(TRAIN.labels == label))
    with pytest.raises(ContractError, match="needs reviews of both labels"):
        fit(TrainConfig(family="linear"), one, VALIDATION, None, Settings())


def test_training_without_validation_reviews_is_refused():
    with pytest.raises(ContractError, match="no validation reviews"):
        fit(TrainConfig(family="linear"), TRAIN, TRAIN.take(np.array([], int)), None, Settings())


def test_a_window_beyond_the_encoders_positions_is_refused(encoder, tmp_path):
    with pytest.raises(ContractError, match="exceeds the 128 positions"):
        fit(tiny.config(encoder, max_length=129), TRAIN, VALIDATION, tmp_path, Settings())


def test_an_encoder_that_is_nowhere_is_refused_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ContractError, match=r"'nobody/no-such-encoder' cannot be loaded.*Give a folder"):
        fit(TrainConfig(family="linear", encoder="nobody/no-such-encoder"), TRAIN, VALIDATION, tmp_path, Settings())


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_packaged_encoder_is_found_without_a_network(name):
    assert (Path(encoders.at_hand(name, Settings())) / "model.safetensors").is_file()


def test_a_packaged_encoder_with_other_weights_is_refused(monkeypatch):
    other = packaged.Packaged(packaged.PACKAGED["all-MiniLM-L6-v2"].modules, "0" * 64)
    monkeypatch.setitem(packaged.PACKAGED, "all-MiniLM-L6-v2", other)
    packaged.packaged_folder.cache_clear()
    with pytest.raises(ContractError, match="reinstall what carries it"):
        encoders.at_hand("all-MiniLM-L6-v2", Settings())
    packaged.packaged_folder.cache_clear()


def test_a_folder_or_a_hub_name_is_taken_as_it_is(tmp_path):
    assert encoders.at_hand(str(tmp_path), Settings()) == str(tmp_path)
    assert encoders.at_hand("FacebookAI/roberta-base", Settings()) == "FacebookAI/roberta-base"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_number_format_that_the_machine_lacks_is_refused():
    with pytest.raises(ContractError, match="needs a GPU"):
        training_precision("fp16")
    assert training_precision("fp32") == "fp32"
    assert training_precision("auto") in {"bf16", "fp32"}
    assert training_precision("auto", "lstm") == "fp32"
