"""Which reviews a network is trained on when a proxy draws them."""

import mlflow
import numpy as np
import pytest
from pydantic import ValidationError

import tiny
from conftest import asking_mlflow, without_server
from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment.training.selection import drawn, training_sample, weights
from sentiment.training.teaching.table import as_table, write_table
from sentiment.training.verbs import TRAIN
from taught import SIZES, SNAPSHOT, write_snapshot


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, lake="", mlflow_uri=without_server(home), artifacts="", experiment="chosen")
    write_snapshot(settings)
    with asking_mlflow(settings.tracking_uri):
        yield settings


def folder_of(settings) -> str:
    return snapshot_folder(Lake(settings.lake_root), SNAPSHOT)


def proxy(settings, path, doubted=60, missing=0) -> str:
    """Write what a proxy says of the training reviews: of the last `doubted` it is unsure, of the others sure."""
    keys = read_split(folder_of(settings), "train").keys
    odds = np.where(np.arange(len(keys)) >= len(keys) - doubted, 0.1, 9.0)
    write_table(path, as_table(keys[missing:], odds[missing:], "linear", 1))
    return str(path)


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


def test_with_a_proxy_a_training_sees_what_that_doubts_and_without_one_a_random_sample(deployment, tmp_path):
    config = TrainConfig(family="gru", snapshot=SNAPSHOT, train_reviews=100, proxy=proxy(deployment, tmp_path / "p"))
    folder, context = folder_of(deployment), a_context(deployment)
    everything = read_split(folder, "train").keys
    chosen = training_sample(config, folder, context)
    doubted = set(everything[-60:]) & set(chosen.keys)
    assert len(chosen) == 100
    assert len(doubted) > 40  # of a random sample there would be some 17
    assert set(chosen.keys) - set(everything[-60:])
    alone = training_sample(config.model_copy(update={"proxy": ""}), folder, context)
    assert alone.keys == read_split(folder, "train", 100, config.seed).keys


def test_a_proxy_that_does_not_know_all_training_reviews_is_refused(deployment, tmp_path):
    config = TrainConfig(family="gru", snapshot=SNAPSHOT, proxy=proxy(deployment, tmp_path / "p", missing=7))
    sentence = f"no soft label for 7 of the {SIZES['train']} training reviews .* --labelled-reviews {SIZES['train']}"
    with pytest.raises(ContractError, match=sentence):
        training_sample(config, folder_of(deployment), a_context(deployment))


def test_the_run_of_a_chosen_training_names_its_proxy(deployment, tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    file = proxy(deployment, tmp_path / "p")
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, evaluations=1, train_reviews=200, proxy=file)
    result = TRAIN.run(TrainRequest(**config.model_dump()), a_context(deployment))
    run = mlflow.get_run(result.run_id)
    assert run.data.params["proxy"] == file
    assert run.data.metrics["train_reviews_used"] == 200
    assert run.info.run_name.endswith("-encoder-200-chosen")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "linear"}, "the linear family is quick enough to take all reviews"),
        ({"imbalance": "oversampling"}, "a proxy draws as it doubts, and oversampling on top"),
        ({"folds": 3}, "what a proxy draws is harder than reviews are"),
    ],
)
def test_what_does_not_go_with_a_proxy_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainRequest(proxy="t.parquet", **given)
