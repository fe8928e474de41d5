"""Which reviews a network is trained on: a random sample, or what a linear model doubts above all."""

from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

import tiny
from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.datasets.snapshot import read_split, read_with_products, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.training import doubt
from sentiment.training.config.train import TrainRequest
from sentiment.training.doubt import obtain_log_odds
from sentiment.training.models.encoders import encoder_tokenizer
from sentiment.training.selection import drawn, said_of_selection, training_sample, weights
from sentiment.training.settings import effective_settings
from sentiment.training.verbs import TRAIN
from taught import SNAPSHOT, deployed


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as settings:
        yield settings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


def folder_of(settings) -> str:
    return snapshot_folder(Lake(settings.lake_root), SNAPSHOT)


def test_what_a_model_doubts_weighs_most_and_nothing_weighs_nothing():
    log_odds = np.array([0.0, 2.0, -2.0, 4.0, 30.0, -30.0])
    found = weights(log_odds)
    assert np.all(np.diff(found[[0, 1, 3, 4]]) < 0)
    assert found[1] == pytest.approx(found[2])
    assert found.min() == pytest.approx(0.25)
    assert found.mean() == pytest.approx(1)


def test_a_review_is_drawn_as_often_as_it_weighs():
    weight = np.repeat([3.0, 1.0], 5_000)
    first = drawn(weight, 1_000, seed=17)
    assert len(set(first.tolist())) == 1_000
    assert (first < 5_000).mean() == pytest.approx(0.75, abs=0.05)


def test_a_smaller_sample_lies_within_a_larger_one_and_another_seed_draws_another():
    weight = np.linspace(0.2, 2, 500)
    assert list(drawn(weight, 50, 17)) == list(drawn(weight, 200, 17))[:50]
    assert set(drawn(weight, 50, 17)) != set(drawn(weight, 50, 18))


def test_what_a_model_says_of_a_review_it_says_without_having_seen_its_product(deployment, encoder):
    """Two products whose reviews contradict what every other product's say: a model that had seen them would know."""
    reviews = tiny.reviews(300)
    contrary = np.arange(300) >= 280
    labels = np.where(contrary, 1 - reviews.labels, reviews.labels)
    products = ["odd" if odd else f"P{row}" for row, odd in enumerate(contrary)]
    folder = folder_of(deployment)
    known = replace(reviews, keys=[f"{key} contrary" for key in reviews.keys], labels=labels)
    odds = doubt.out_of_fold(
        known, products, doubt.tokenizer_of(encoder_tokenizer(str(encoder))), a_context(deployment)
    )
    right = (odds > 0) == (labels == 1)
    assert right[~contrary].mean() > 0.9
    assert right[contrary].mean() < 0.2
    assert not list(Path(folder).glob("doubt-*"))


def test_it_is_asked_once_a_snapshot_and_kept_beside_it(deployment, encoder, monkeypatch):
    folder, context = folder_of(deployment), a_context(deployment)
    reviews, products = read_with_products(folder, "train")
    first = obtain_log_odds(folder, str(encoder), reviews, products, context)
    monkeypatch.setattr(doubt, "fit_gate", None)
    backwards = np.arange(len(reviews))[::-1]
    again = obtain_log_odds(folder, str(encoder), reviews.take(backwards), products[::-1], context)
    assert (again == first[backwards]).all()
    assert len(list(Path(folder).glob("doubt-*.parquet"))) == 1


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def garbled(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[8:400] = bytes(392)
    file.write_bytes(content)


def of_some_reviews(file: Path) -> None:
    parquet.write_table(parquet.read_table(file).slice(1), file)


def of_other_columns(file: Path) -> None:
    parquet.write_table(pa.table({"review_key": ["a"]}), file)


@pytest.mark.parametrize("spoilt", [cut, emptied, garbled, of_some_reviews, of_other_columns])
def test_what_was_kept_of_it_and_is_not_whole_is_computed_anew(spoilt, deployment, encoder):
    folder, context = folder_of(deployment), a_context(deployment)
    reviews, products = read_with_products(folder, "train")
    first = obtain_log_odds(folder, str(encoder), reviews, products, context)
    (file,) = Path(folder).glob("doubt-*.parquet")
    whole = file.read_bytes()
    spoilt(file)
    assert (obtain_log_odds(folder, str(encoder), reviews, products, context) == first).all()
    assert file.read_bytes() == whole


def test_where_it_cannot_be_kept_a_training_goes_on_and_says_so(deployment, encoder, tmp_path, caplog):
    reviews, products = read_with_products(folder_of(deployment), "train")
    (tmp_path / "a file").touch()
    odds = obtain_log_odds(str(tmp_path / "a file"), str(encoder), reviews, products, a_context(deployment))
    assert len(odds) == len(reviews)
    assert "cannot be kept" in caplog.text


def test_by_doubt_a_training_sees_above_all_what_a_linear_model_is_unsure_of(deployment, encoder):
    folder, context = folder_of(deployment), a_context(deployment)
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, train_reviews=100, selection="doubt")
    everything, products = read_with_products(folder, "train")
    odds = obtain_log_odds(folder, str(encoder), everything, products, context)
    certainty = dict(zip(everything.keys, abs(odds), strict=True))
    chosen = training_sample(config, folder, context)
    random = training_sample(config.model_copy(update={"selection": "random"}), folder, context)
    assert len(chosen) == len(set(chosen.keys)) == 100
    assert random.keys == read_split(folder, "train", 100, config.seed).keys
    assert np.mean([certainty[key] for key in chosen.keys]) < np.mean([certainty[key] for key in random.keys])


def test_what_takes_all_reviews_has_nothing_to_choose_and_says_so(deployment, encoder):
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, train_reviews=1_000, selection="doubt")
    folder = folder_of(deployment)
    assert training_sample(config, folder, a_context(deployment)).keys == read_split(folder, "train").keys
    assert said_of_selection(config, folder).startswith("all training reviews are taken")
    assert said_of_selection(config.model_copy(update={"train_reviews": 100}), folder) == ""
    assert said_of_selection(config.model_copy(update={"selection": "random"}), folder) == ""
    result = TRAIN.run(TrainRequest(**config.model_dump()), a_context(deployment))
    assert "so that selection doubt had none to choose" in result.note


def test_a_snapshot_whose_reviews_are_of_one_product_says_what_to_do(deployment, encoder):
    reviews, context = tiny.reviews(30), a_context(deployment)
    with pytest.raises(ContractError, match="no training reviews of both labels; take selection random"):
        obtain_log_odds(folder_of(deployment) + "/none", str(encoder), reviews, ["one"] * 30, context)


def test_the_run_of_a_chosen_training_says_so(deployment, encoder):
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, evaluations=1, train_reviews=200, selection="doubt")
    result = TRAIN.run(TrainRequest(**config.model_dump()), a_context(deployment))
    run = mlflow.get_run(result.run_id)
    assert run.data.params["selection"] == "doubt"
    assert run.data.metrics["train_reviews_used"] == 200
    assert run.info.run_name.endswith("-encoder-200-doubted")


@pytest.mark.parametrize("selection", ["random", "doubt"])
def test_a_network_without_an_encoder_names_and_needs_the_one_whose_words_choose_its_reviews(selection, deployment):
    config = TrainRequest(family="gru", selection=selection, encoder="./nowhere", snapshot="none")
    by_doubt = selection == "doubt"
    assert ("encoder" in effective_settings(config, 2_000)) is by_doubt
    with pytest.raises(ContractError, match="'./nowhere' cannot be loaded" if by_doubt else "no snapshot none"):
        TRAIN.run(config, a_context(deployment))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "linear"}, "the linear family is quick enough to take all reviews"),
        ({"imbalance": "oversampling"}, "doubt evens the labels out, and oversampling would on top"),
        ({"folds": 3}, "doubted reviews are harder than reviews are"),
    ],
)
def test_what_does_not_go_with_doubt_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainRequest(selection="doubt", **given)
