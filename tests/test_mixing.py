"""Reviews of other snapshots among those that are trained on: which, how many, and what says so."""

import mlflow
import numpy as np
import pytest
from pydantic import ValidationError

import tiny
from conftest import use_home
from contexts import a_context
from sentiment import cli
from sentiment.training import mixing
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment.training.mixing import drawn, said_of_mixed, with_mixed
from sentiment.training.settings import effective_settings
from sentiment.training.verbs import TRAIN
from taught import OTHER, SIZES, SNAPSHOT, deployed, write_snapshot

THIRD = "00112233aabb"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home"), OTHER, THIRD) as settings:
        yield settings


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"snapshot": SNAPSHOT, "mixed_snapshots": (OTHER, THIRD), "mixed_share": 0.5, **changes})


def test_each_snapshot_gives_an_equal_part_of_its_training_reviews_drawn_by_the_seed(deployment):
    mixed, again, other = (drawn(config(seed=seed), 100, a_context(deployment)) for seed in (17, 17, 18))
    assert [(one.snapshot, len(one.reviews)) for one in mixed] == [(OTHER, 25), (THIRD, 25)]
    assert set(mixed[0].reviews.keys) <= set(tiny.reviews(SIZES["train"], seed=10).keys)
    assert [one.reviews.keys for one in mixed] == [one.reviews.keys for one in again]
    assert mixed[0].reviews.keys != other[0].reviews.keys
    assert drawn(config(mixed_snapshots=()), 100, a_context(deployment)) == ()


def test_mixed_reviews_stand_after_the_snapshots_own_under_keys_of_their_own(deployment):
    train = tiny.reviews(40)
    mixed = drawn(config(), 40, a_context(deployment))
    found = with_mixed(train.taught(np.zeros(40)), mixed)
    assert found.keys[:40] == train.keys
    assert found.keys[40:50] == [f"{OTHER} {key}" for key in mixed[0].reviews.keys]
    assert found.texts[50:] == mixed[1].reviews.texts
    assert np.isnan(found.log_odds[40:]).all()
    assert with_mixed(train, ()) is train


def test_a_text_that_judges_is_not_learnt_from_whatever_its_key(deployment, monkeypatch):
    before = drawn(config(), 100, a_context(deployment))
    known = before[0].reviews.texts[3].upper().replace(".", " !")
    monkeypatch.setattr(mixing, "read_texts", lambda folder, split: iter([known] if split == "test" else []))
    after = drawn(config(), 100, a_context(deployment))
    assert set(before[0].reviews.keys) - set(after[0].reviews.keys) == {before[0].reviews.keys[3]}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_review_of_a_product_that_judges_is_not_learnt_from(split, deployment, monkeypatch):
    before = drawn(config(), 100, a_context(deployment))
    at = tiny.reviews(SIZES["train"], seed=10).keys.index(before[0].reviews.keys[3])
    known = f"10-P{at // 3}"
    monkeypatch.setattr(mixing, "read_products", lambda folder, asked: {known} if asked == split else set())
    after = drawn(config(), 100, a_context(deployment))
    left_out = set(before[0].reviews.keys) - set(after[0].reviews.keys)
    assert before[0].reviews.keys[3] in left_out
    assert left_out <= {f"10-{row}" for row in range(at // 3 * 3, at // 3 * 3 + 3)}


def test_the_run_says_what_was_mixed_in_and_judges_by_its_own_reviews(deployment, tmp_path):
    asked = tiny.config(
        tiny.write_encoder(tmp_path), "linear", snapshot=SNAPSHOT, train_reviews=200, mixed_snapshots=(OTHER, THIRD)
    )
    result = TRAIN.run(TrainRequest(**asked.model_dump()), a_context(deployment))
    assert f"are mixed in: 20 of lake-{OTHER} and 20 of lake-{THIRD}" in result.note
    run = mlflow.get_run(result.run_id)
    assert (run.data.params["mixed_share"], run.data.metrics["mixed_reviews"]) == ("0.2", 40)
    assert OTHER in run.data.params["mixed_snapshots"]
    assert (run.data.metrics["train_reviews_used"], result.test_reviews) == (200, SIZES["test"])
    inputs = {one.dataset.name for one in run.inputs.dataset_inputs}
    own = {f"lake-{SNAPSHOT}-{split}" for split in SIZES}
    assert inputs == own | {f"lake-{OTHER}-train", f"lake-{THIRD}-train"}
    assert run.info.run_name.endswith("linear-200-mixed")


def refused(deployment, monkeypatch, capsys, *others) -> str:
    """Return what the command line says of snapshots that are to be mixed in."""
    use_home(deployment.home, monkeypatch)
    asked = ["train", "--family", "gru", "--snapshot", SNAPSHOT, "--mixed-snapshots", *others]
    assert cli.main(asked) != 0
    return capsys.readouterr().err


def test_a_snapshot_that_is_not_there_or_shares_reviews_is_refused(deployment, monkeypatch, capsys):
    assert "there is no snapshot 0000deadbeef" in refused(deployment, monkeypatch, capsys, "0000deadbeef")
    assert "leave it out of mixed_snapshots" in refused(deployment, monkeypatch, capsys, SNAPSHOT)
    write_snapshot(deployment, "ffffffffffff", 1)
    said = refused(deployment, monkeypatch, capsys, "ffffffffffff")
    assert f"snapshot ffffffffffff trains on {SIZES['validation']} reviews that snapshot {SNAPSHOT} has too" in said
    write_snapshot(deployment, "eeeeeeeeeeee", 10)
    said = refused(deployment, monkeypatch, capsys, OTHER, "eeeeeeeeeeee")
    assert f"snapshot eeeeeeeeeeee trains on {SIZES['train']} reviews that snapshot {OTHER} has too" in said


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mixed_snapshots": (OTHER, OTHER)}, "names a snapshot twice"),
        ({"folds": 3}, "folds are of the snapshot's reviews alone"),
        ({"mixed_share": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_mixed_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        config(**given)


def test_without_other_snapshots_there_is_no_setting_of_them_and_nothing_to_say():
    assert not {"mixed_snapshots", "mixed_share"} & effective_settings(TrainConfig(family="linear"), 100).keys()
    assert effective_settings(config(family="linear"), 100)["mixed_snapshots"] == [OTHER, THIRD]
    assert said_of_mixed(()) == ""


def test_a_draw_of_other_reviews_makes_every_seed_another_linear_model():
    linear = TrainConfig(family="linear", train_reviews=100)
    assert linear.gives_one_model(100)
    assert not linear.model_copy(update={"mixed_snapshots": (OTHER,)}).gives_one_model(100)
    assert not linear.model_copy(update={"title_share": 0.5}).gives_one_model(100)
