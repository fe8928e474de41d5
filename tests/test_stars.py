"""Stars that are learnt beside the labels: what they teach, what is left of it, and where there are none."""

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

import tiny
from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import UNLABELLED
from sentiment.core.settings import Settings
from sentiment.datasets import unlabelled
from sentiment.datasets.snapshot import in_memory
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment.training.fit import fit, trained_on
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.imbalance import class_weights, focal_loss, oversampled
from sentiment.training.models.encoders import build_encoder
from sentiment.training.settings import effective_settings
from sentiment.training.teaching.lessons import counts, lessons, said_of
from sentiment.training.teaching.loss import loss_of, star_losses
from sentiment.training.verbs import TRAIN
from taught import OTHER, SIZES, SNAPSHOT, THREE_STARS, deployed, table, write_snapshot

NAN = float("nan")
VALIDATION = tiny.reviews(60, seed=1)


def starred(count, seed=0, rated=True) -> LabelledReviews:
    """Generated reviews with one or two stars for the negative and four or five for the positive ones."""
    reviews = tiny.reviews(count, seed)
    stars = np.where(reviews.labels == 1, 4.0, 1.0) + np.arange(count) % 2
    return replace(reviews, ratings=stars) if rated else reviews


def of_three_stars(count, seed=5) -> LabelledReviews:
    reviews = tiny.reviews(count, seed)
    return replace(reviews, labels=np.full(count, UNLABELLED), ratings=np.full(count, 3.0))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as settings:
        yield settings


def test_stars_are_asked_for_threshold_by_threshold_and_a_mistake_costs_by_how_far_it_is_off():
    sure_of_five = torch.full((5, 4), 3.0)
    losses = star_losses(sure_of_five, torch.arange(1.0, 6.0)).tolist()
    assert losses == sorted(losses, reverse=True)
    of_three = binary_cross_entropy_with_logits(sure_of_five[0], torch.tensor([1.0, 1.0, 0.0, 0.0]))
    assert losses[2] == pytest.approx(of_three.item())
    assert star_losses(sure_of_five, torch.full((5,), NAN)).tolist() == [0.0] * 5


def test_the_loss_is_that_of_the_labels_and_a_share_of_that_of_the_stars():
    reviews = starred(8).taught()
    wanted = torch.tensor(reviews.wanted)
    logits = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    loss = loss_of(TrainConfig(star_weight=0.3), reviews)(logits, wanted)
    of_labels = cross_entropy(logits[:, :2], torch.tensor(reviews.labels))
    of_stars = star_losses(logits[:, 2:], wanted[:, 2]).mean()
    assert loss.item() == pytest.approx((of_labels + 0.3 * of_stars).item())


def test_a_review_of_three_stars_teaches_the_stars_alone_and_one_of_which_nothing_is_known_nothing():
    logits = torch.zeros(3, 6, requires_grad=True)
    reviews = starred(3).taught()
    wanted = torch.tensor([[1.0, NAN, NAN], [NAN, NAN, 3.0], [NAN, NAN, NAN]])
    loss_of(TrainConfig(star_weight=0.5), reviews)(logits, wanted).backward()
    moved = logits.grad != 0
    assert moved.tolist() == [[True] * 2 + [False] * 4, [False] * 2 + [True] * 4, [False] * 6]


@pytest.mark.parametrize("seed", [17, 18])
@pytest.mark.parametrize("spoken_of", [0, 9])
def test_of_the_reviews_of_three_stars_none_is_held_but_what_teaches(
    seed, spoken_of, deployment, monkeypatch, tmp_path
):
    train, three = starred(SIZES["train"] // 4), tiny.reviews(THREE_STARS, seed=50).keys  # in the snapshot's order
    file = table(tmp_path / "t.parquet", [*train.keys, *three[:spoken_of]])
    config = TrainConfig(snapshot=SNAPSHOT, star_weight=0.3, seed=seed, teacher=file if spoken_of else "")
    held = []
    monkeypatch.setattr(unlabelled, "in_memory", lambda rows: held.append(rows.num_rows) or in_memory(rows))
    learnt = lessons(config, train, a_context(deployment)).keys[len(train) :]
    assert learnt == [key for key in three if key in learnt]
    assert set(three[:spoken_of]) <= set(learnt)
    assert THREE_STARS // 4 <= len(learnt) <= THREE_STARS // 4 + spoken_of
    assert max(held) <= len(learnt)


def test_soft_labels_without_a_teacher_are_learnt_as_they_are():
    undecided = replace(starred(3), labels=np.full(3, UNLABELLED)).taught(np.zeros(3))
    reviews = starred(3).taught().and_then(undecided)
    logits = torch.tensor([[0.5, -0.5]])
    loss = loss_of(TrainConfig(family="gru"), reviews)(logits, torch.tensor([[NAN, 0.0, NAN]]))
    assert loss.item() == pytest.approx(binary_cross_entropy_with_logits(torch.tensor(-1.0), torch.tensor(0.5)).item())


def test_class_weights_and_focal_loss_weigh_the_labels_and_not_the_stars():
    rows = np.array([0] * 8 + [1] * 2)
    reviews = replace(tiny.reviews(10), labels=rows, ratings=np.where(rows, 5.0, 1.0)).taught()
    reviews = reviews.and_then(of_three_stars(5))
    logits = torch.randn(15, 6, generator=torch.Generator().manual_seed(0))
    wanted, labels = torch.tensor(reviews.wanted), torch.tensor(rows)
    of_stars = star_losses(logits[:, 2:], wanted[:, 2]).sum()
    each = cross_entropy(logits[:10, :2], labels, reduction="none") * torch.tensor(class_weights(rows))[labels]
    weighted = loss_of(TrainConfig(star_weight=1.0, imbalance="class_weights"), reviews)
    assert weighted(logits, wanted).item() == pytest.approx(((each.sum() + of_stars) / 15).item(), rel=1e-5)
    focal = loss_of(TrainConfig(star_weight=1.0, imbalance="focal"), reviews)
    of_labels = focal_loss(logits[:10, :2], labels, 2.0, 0.25) * 10
    assert focal(logits, wanted).item() == pytest.approx(((of_labels + of_stars) / 15).item(), rel=1e-5)


def test_oversampling_leaves_reviews_without_a_label_as_they_are():
    rows = np.array([0] * 8 + [1] * 2)
    reviews = replace(tiny.reviews(10), labels=rows).taught().and_then(of_three_stars(5))
    more = oversampled(reviews, seed=1)
    assert [int((more.labels == label).sum()) for label in (UNLABELLED, 0, 1)] == [5, 8, 8]
    assert trained_on(TrainConfig(imbalance="oversampling", family="gru"), reviews) == len(more) == 21


def test_the_stars_have_a_head_while_there_is_training_and_none_in_what_comes_out(encoder, tmp_path):
    network = build_encoder(str(encoder))
    ids = torch.ones(3, 5, dtype=torch.int64)
    network.learn_stars()
    assert network.train()(ids, ids).shape == (3, 6)
    assert network.eval()(ids, ids).shape == (3, 2)
    config = tiny.config(encoder, evaluations=1)
    alone = fit(config, starred(64), VALIDATION, tmp_path / "alone", Settings())
    beside = fit(config.model_copy(update={"star_weight": 0.5}), starred(64), VALIDATION, tmp_path / "b", Settings())
    assert (beside.parameters, beside.trainable) == (alone.parameters, alone.trainable)
    assert beside.model.state_dict().keys() == alone.model.state_dict().keys()
    assert not np.allclose(predict_logits(beside, VALIDATION), predict_logits(alone, VALIDATION))
    beside.save(tmp_path / "saved")
    again = predict_logits(Fitted.load(tmp_path / "saved"), VALIDATION)
    assert (again == predict_logits(beside, VALIDATION)).all()


@pytest.mark.parametrize("family", ["encoder", "lora"])
def test_a_model_that_learns_stars_learns_the_sentiment(family, encoder, tmp_path):
    config = tiny.config(encoder, family, evaluations=1, epochs=4.0 if family == "lora" else 2.0, star_weight=0.3)
    train = starred(320).and_then(of_three_stars(30))
    fitted = fit(config, train, VALIDATION, tmp_path, Settings())
    test = tiny.reviews(200, seed=9)
    assert (predict_logits(fitted, test).argmax(1) == test.labels).mean() > 0.9


def test_a_training_with_stars_and_a_teacher_goes_on_after_an_interruption_to_the_same_model(encoder, tmp_path):
    def die(record):
        if record["step"] == 11:
            raise KeyboardInterrupt

    train = starred(160).taught(np.linspace(-3, 3, 160)).and_then(of_three_stars(32))
    config = tiny.config(encoder, star_weight=0.4, teacher="here", evaluations=3, epochs=1.5)
    with pytest.raises(KeyboardInterrupt):
        fit(config, train, VALIDATION, tmp_path / "cut", Settings(), die)
    records = []
    again = fit(config, train, VALIDATION, tmp_path / "cut", Settings(), records.append)
    whole = fit(config, train, VALIDATION, tmp_path / "whole", Settings())
    assert records[0]["step"] > 1
    assert (predict_logits(again, VALIDATION) == predict_logits(whole, VALIDATION)).all()


@pytest.mark.slow
def test_two_processes_learn_stars_as_one(encoder, home, tmp_path):
    train = starred(320).and_then(of_three_stars(32))
    config = tiny.config(encoder, processes=2, batch_size=8, evaluations=1, star_weight=0.3, epochs=2.0)
    fitted = fit(config, train, VALIDATION, tmp_path, Settings(spark_master="local[2]"))
    test = tiny.reviews(200, seed=9)
    assert (predict_logits(fitted, test).argmax(1) == test.labels).mean() > 0.9


def test_reviews_of_three_stars_are_taken_in_proportion_and_beside_those_that_a_teacher_knows(deployment, tmp_path):
    config = TrainRequest(snapshot=SNAPSHOT, star_weight=0.3)
    train = starred(SIZES["train"] // 3)
    found = lessons(config, train, a_context(deployment))
    assert found.keys[: len(train)] == train.keys
    assert counts(config, found) == {"starred_reviews": 140, "stars_alone_reviews": THREE_STARS // 3}
    known = sorted(set(tiny.reviews(THREE_STARS, seed=50).keys) - set(found.keys))[:4]
    both = config.model_copy(update={"teacher": table(tmp_path / "t.parquet", train.keys[:50] + known)})
    assert counts(both, lessons(both, train, a_context(deployment))) == {
        "taught_reviews": 50,
        "unlabelled_reviews": 4,
        "starred_reviews": 144,
        "stars_alone_reviews": 20,
    }


@pytest.mark.parametrize("folds", [0, 2])
def test_that_folds_learn_no_stars_of_three_star_reviews_is_said(folds):
    learnt_from = starred(20).and_then(of_three_stars(5)).taught()
    said = said_of(TrainRequest(snapshot=SNAPSHOT, star_weight=0.3, folds=folds), learnt_from)
    assert said.endswith("5 of them of three stars, which teach nothing else") == (not folds)
    assert said.endswith(", and which the folds are trained without") == bool(folds)


def test_a_snapshot_whose_reviews_without_a_label_have_no_stars_needs_none_of_them(deployment):
    folder = Path(write_snapshot(deployment, OTHER, first_seed=10))
    (folder / "unlabelled.json").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    moved = {"dataset": "imdb", "source": str(folder / "was here")}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"config": moved}))
    train = starred(90)
    found = lessons(TrainRequest(snapshot=OTHER, star_weight=0.3), train, a_context(deployment))
    assert found.keys == train.keys


def test_the_run_says_that_stars_were_learnt_and_of_how_many_reviews(deployment, encoder):
    config = tiny.config(encoder, snapshot=SNAPSHOT, evaluations=1, train_reviews=180, star_weight=0.3)
    result = TRAIN.run(TrainRequest(**config.model_dump()), a_context(deployment))
    assert "stars are learnt of 210 reviews, 30 of them of three stars" in result.note
    run = mlflow.get_run(result.run_id)
    assert run.data.params["star_weight"] == "0.3"
    assert (run.data.metrics["starred_reviews"], run.data.metrics["train_reviews_used"]) == (210, 180)
    assert run.info.run_name.endswith("-encoder-180-stars")


def test_where_no_stars_are_known_there_is_nothing_to_learn(deployment):
    config = TrainRequest(snapshot=SNAPSHOT, star_weight=0.3)
    with pytest.raises(ContractError, match="knows no stars of its training reviews"):
        lessons(config, tiny.reviews(50), a_context(deployment))


@pytest.mark.parametrize("family", ["linear", "gru"])
def test_a_family_without_a_second_head_refuses_stars_and_has_no_such_setting(family):
    with pytest.raises(ValidationError, match=f"{family} has no second head"):
        TrainConfig(family=family, star_weight=0.1)
    assert "star_weight" not in effective_settings(TrainConfig(family=family), 2_000)
