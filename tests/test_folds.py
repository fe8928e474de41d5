"""Cross-validation: every review is held out once, figures come back a fold, and a retry goes on."""

import json
from itertools import combinations

import numpy as np
import pytest

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training import folds
from sentiment.training.folds import cross_validate, over_folds, summary

FOUND = [(1, 0.8), (2, 0.9)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


def config(encoder, **changes):
    return tiny.config(encoder, "linear", **{"folds": 3, "fold_reviews": 240, **changes})


def validated(config, reviews, folder, on_log=None, products=None):
    return cross_validate(config, reviews, products or reviews.keys, folder, Settings(), on_log)


@pytest.fixture
def fits(monkeypatch):
    """What every call of `fit` was given, while it really trains."""
    seen, fit = [], folds.fit

    def watched(config, train, validation, workdir, settings, on_log=None):
        seen.append((train, validation, workdir))
        return fit(config, train, validation, workdir, settings, on_log)

    monkeypatch.setattr(folds, "fit", watched)
    return seen


def test_every_review_of_the_sample_is_held_out_once_and_the_labels_are_shared_out_evenly(encoder, tmp_path, fits):
    reviews = tiny.reviews(400)
    rows = validated(config(encoder), reviews, tmp_path)
    sample = reviews.keys[:240]
    held_out = [set(sample) - {*train.keys, *validation.keys} for train, validation, _ in fits]
    assert [row["fold"] for row in rows] == [1, 2, 3]
    assert [row["test_reviews"] for row in rows] == [len(keys) for keys in held_out] == [80, 80, 80]
    assert set.union(*held_out) == set(sample)
    positive = [reviews.labels[[key in keys for key in reviews.keys]].sum() for keys in held_out]
    assert max(positive) - min(positive) <= 1
    assert all(not {*train.keys} & {*validation.keys} for train, validation, _ in fits)
    assert min(row["accuracy"] for row in rows) > 0.8


def test_no_product_stands_on_two_sides(encoder, tmp_path, fits):
    reviews = tiny.reviews(240)
    of = {key: f"P{number % 40}" for number, key in enumerate(reviews.keys)}
    validated(config(encoder), reviews, tmp_path, products=list(of.values()))
    sides = []
    for train, validation, _ in fits:
        known = {*train.keys, *validation.keys}
        sides.append([{of[key] for key in keys} for keys in (train.keys, validation.keys, of.keys() - known)])
    assert all(not a & b for parts in sides for a, b in combinations(parts, 2))
    assert set.union(*(held_out for _, _, held_out in sides)) == set(of.values())
    assert {train.labels.min() for train, *_ in fits} == {0}


@pytest.mark.parametrize(
    ("products", "said"),
    [(2, "3 folds need as many products, and the sample is of 2"), (4, "4 products cannot be shared out to 3 parts")],
)
def test_too_few_products_are_refused(encoder, tmp_path, products, said):
    reviews = tiny.reviews(240)
    # All negative reviews are of one product.
    of = [f"P{number % (products - 1) if label else products - 1}" for number, label in enumerate(reviews.labels)]
    with pytest.raises(ContractError, match=said):
        validated(config(encoder), reviews, tmp_path, products=of)


@pytest.mark.parametrize(
    ("count", "products", "said"),
    [
        (240, 2, "1 product cannot be shared out to 10 parts"),  # each fold holds one of two products out
        (240, 4, None),
        (10, 10, None),  # of which a fold leaves two or three of a label, for validation to be shared out of
    ],
)
def test_what_a_fold_leaves_is_shared_out_or_refused_before_anything_is_trained(
    count, products, said, encoder, tmp_path, fits
):
    reviews = tiny.reviews(1_000)
    rows = np.concatenate([np.flatnonzero(reviews.labels == label)[: count // 2] for label in (0, 1)])
    sample, of = reviews.take(rows), [f"P{number % products}" for number in range(count)]
    two = config(encoder, folds=2)
    if said is None:
        assert [row["fold"] for row in validated(two, sample, tmp_path, products=of)] == [1, 2]
        return
    with pytest.raises(ContractError, match=said):
        validated(two, sample, tmp_path, products=of)
    assert fits == []


def test_a_retry_trains_only_the_folds_that_were_not_finished(encoder, tmp_path, fits):
    first = validated(config(encoder), tiny.reviews(240), tmp_path)
    (tmp_path / "fold-2" / "figures.json").unlink()
    again = validated(config(encoder), tiny.reviews(240), tmp_path)
    assert [workdir.parent.name for _, _, workdir in fits] == ["fold-1", "fold-2", "fold-3", "fold-2"]
    timeless = [[{**row, "seconds": 0} for row in rows] for rows in (first, again)]
    assert timeless[0] == timeless[1]


def test_the_log_of_a_fold_names_the_fold(encoder, tmp_path):
    records = []
    validated(config(encoder), tiny.reviews(240), tmp_path, records.append)
    assert [record["fold"] for record in records] == [1, 2, 3]
    assert all("eval_macro_f1" in record for record in records)


def test_a_neural_family_leaves_no_checkpoints_of_a_finished_fold(encoder, tmp_path):
    small = tiny.config(encoder, folds=2, fold_reviews=100, evaluations=1)
    rows = validated(small, tiny.reviews(100), tmp_path)
    assert len(rows) == 2
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert files == ["fold-1/figures.json", "fold-2/figures.json", "training.json"]
    assert json.loads((tmp_path / files[0]).read_text())["accuracy"] == rows[0]["accuracy"]


def test_the_folder_of_another_training_is_refused(encoder, tmp_path):
    validated(config(encoder), tiny.reviews(240), tmp_path)
    with pytest.raises(ContractError, match="another training"):
        validated(config(encoder, seed=3), tiny.reviews(240), tmp_path)


def test_too_few_reviews_of_a_label_or_a_single_fold_are_refused(encoder, tmp_path):
    reviews = tiny.reviews(200)
    few = reviews.take(np.concatenate([np.flatnonzero(reviews.labels == 1), np.flatnonzero(reviews.labels == 0)[:5]]))
    with pytest.raises(ContractError, match=r"3 folds need 6 reviews of each label, and the sample has 5 negative, "):
        validated(config(encoder), few, tmp_path)
    with pytest.raises(ContractError, match="needs 2 folds or more, not 0"):
        validated(config(encoder, folds=0), reviews, tmp_path)


@pytest.mark.parametrize("tuned", [True, False])
def test_a_fold_is_decided_by_the_threshold_that_the_training_would_use(encoder, tmp_path, monkeypatch, tuned):
    plain = folds.predict_logits
    leaning = np.array([-1.5, 1.5], np.float32)  # a model that calls too many positive
    monkeypatch.setattr(folds, "predict_logits", lambda *asked: plain(*asked) + leaning)
    rows = validated(config(encoder, tune_threshold=tuned), tiny.reviews(240), tmp_path)
    if tuned:
        assert min(row["threshold"] for row in rows) > 0.5
        assert min(row["recall_negative"] for row in rows) > 0.7
    else:
        assert {row["threshold"] for row in rows} == {0.5}
        assert max(row["recall_negative"] for row in rows) < 0.7


def test_what_is_said_of_folds_is_mean_and_deviation():
    rows = [{"fold": n, "test_reviews": 50, "accuracy": a, "macro_f1": a / 2, "recall_negative": 1.0} for n, a in FOUND]
    said = over_folds(rows)
    assert (said.folds, said.reviews, said.accuracy, said.macro_f1) == (2, 100, 0.85, 0.425)
    assert (said.accuracy_std, said.recall_negative_std) == (0.0707, 0)
    assert "over 2 folds of 100 reviews: accuracy 85.0 %, standard deviation 7.1 %" in said.sentence()


def test_a_summary_is_mean_and_deviation_of_each_figure():
    rows = [{"fold": 1, "accuracy": 0.8}, {"fold": 2, "accuracy": 0.9}]
    assert summary(rows) == pytest.approx({"accuracy_mean": 0.85, "accuracy_std": 0.0707107})
