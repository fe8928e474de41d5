"""Titles as training texts of their own."""

import numpy as np

import tiny
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.settings import Settings
from sentiment.training.fit import fit, trained_on
from sentiment.training.fitted import predict_logits
from sentiment.training.titles import with_titles

REVIEWS = LabelledReviews.of(["a", "b", "c"], ["Great", " ", "Bad"], ["one", "two", "three"], np.array([1, 1, 0]))


def test_each_title_stands_behind_the_reviews_with_the_label_of_its_own():
    found = with_titles(REVIEWS, 1.0, seed=0)
    assert found.keys == ["a", "b", "c", "a title", "c title"]
    assert found.titles[3:] == ["", ""]
    assert found.texts == ["one", "two", "three", "Great", "Bad"]
    assert found.labels.tolist() == [1, 1, 0, 1, 0]


def test_a_share_is_drawn_by_the_seed_and_none_is_none():
    many = tiny.reviews(400)
    titled = sum(bool(title) for title in many.titles)
    half = with_titles(many, 0.5, seed=3)
    assert len(half) == 400 + round(0.5 * titled)
    assert with_titles(many, 0.5, seed=3).keys == half.keys != with_titles(many, 0.5, seed=4).keys
    assert with_titles(many, 0.0, seed=3) is many


def test_what_a_teacher_says_of_a_review_it_says_of_its_title():
    taught = TaughtReviews(**vars(REVIEWS), log_odds=np.array([2.0, np.nan, -1.0]))
    found = with_titles(taught, 1.0, seed=0)
    assert found.log_odds[3:].tolist() == [2.0, -1.0]
    assert found.wanted.shape == (5, 3)


def test_a_model_that_learnt_from_titles_reads_them_better(tmp_path):
    """Its reviews say nothing, their titles all."""
    words = (tiny.NEGATIVE_WORDS, tiny.POSITIVE_WORDS)

    def reviews(count, seed):
        draw = np.random.default_rng(seed)
        labels = draw.integers(0, 2, count)
        texts = [" ".join(draw.choice(tiny.NEUTRAL_WORDS, 12)) for _ in range(count)]
        titles = [str(draw.choice(words[label])) for label in labels]
        return LabelledReviews.of([f"{seed}-{row}" for row in range(count)], titles, texts, labels)

    train, validation, test = reviews(400, 1), reviews(80, 2), reviews(200, 3)
    alone = LabelledReviews.of(test.keys, [""] * 200, test.titles, test.labels)
    right = []
    for share in (0.0, 1.0):
        config = tiny.config(tmp_path, "linear", title_share=share)
        assert trained_on(config, train) == 400 * (1 + share)
        config = config.model_copy(update={"encoder": str(tiny.write_encoder(tmp_path / f"encoder {share}"))})
        fitted = fit(config, train, validation, tmp_path / str(share), Settings())
        logits = predict_logits(fitted, alone)
        right.append(((logits[:, 1] > logits[:, 0]) == (test.labels == 1)).mean())
    assert right[1] >= right[0]
    assert right[1] > 0.95
