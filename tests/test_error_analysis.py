"""Errors are counted by confidence and by stated rules, and the surest ones are shown as they were written."""

import numpy as np
import pytest

from sentiment.core.labelled import LabelledReviews
from sentiment.evaluation.errors import confidence_histogram, error_categories, most_confident_mistakes

NEUTRAL = "I bought this lamp for the kitchen and we have had it on the table since then every single evening."


def reviews(labels, texts=None, ratings=None):
    count = len(labels)
    texts = texts or [NEUTRAL] * count
    plain = LabelledReviews.of(
        [f"k{row}" for row in range(count)], [f"t{row}" for row in range(count)], texts, np.array(labels, np.int64)
    )
    return plain if ratings is None else LabelledReviews(**{**vars(plain), "ratings": np.array(ratings, float)})


def categories(labels, texts, probability):
    rows = error_categories(reviews(labels, texts), np.array(probability))
    return {row["category"]: (row["reviews"], row["errors"]) for row in rows}


def test_errors_are_counted_in_bins_of_ten_points_of_confidence():
    labels = np.array([1, 1, 0, 0, 1, 0])
    probability = np.array([0.55, 0.45, 0.7, 0.05, 1.0, 0.95], np.float32)
    rows = confidence_histogram(labels, probability)
    assert [(row["low"], row["high"]) for row in rows] == [(50, 60), (60, 70), (70, 80), (80, 90), (90, 100)]
    assert [row["reviews"] for row in rows] == [2, 0, 1, 0, 3]
    assert [row["errors"] for row in rows] == [1, 0, 1, 0, 1]


def test_every_review_lies_in_one_bin_whatever_the_threshold():
    draw = np.random.default_rng(0)
    labels, probability = draw.integers(0, 2, 500), draw.random(500).astype(np.float32)
    rows = confidence_histogram(labels, probability, threshold=0.3)
    assert sum(row["reviews"] for row in rows) == 500
    assert sum(row["errors"] for row in rows) == ((probability >= 0.3) != labels).sum()


def test_an_error_hard_beside_a_moved_threshold_is_one_of_low_confidence():
    rows = confidence_histogram(np.array([0, 0]), np.array([0.31, 0.97]), threshold=0.3)
    assert [row["errors"] for row in rows] == [1, 0, 0, 0, 1]
    surest = most_confident_mistakes(reviews([0, 1]), np.array([0.3, 0.29]), threshold=0.3)
    assert [row["called"] for row in surest] == ["negative", "positive"]


def test_the_surest_mistakes_come_first_with_their_text_and_stars():
    some = reviews([0, 1, 1, 0], ratings=[1, 5, np.nan, 2])
    rows = most_confident_mistakes(some, np.array([0.7, 0.9, 0.01, 0.95]))
    assert [row["review_key"] for row in rows] == ["k2", "k3", "k0"]
    assert [row["stars"] for row in rows] == [None, 2.0, 1.0]
    assert rows[0]["text"] == NEUTRAL
    assert (rows[0]["label"], rows[0]["called"]) == ("positive", "negative")
    assert rows[0]["positive_probability"] == pytest.approx(0.01)


def test_no_more_mistakes_are_shown_than_asked_for_and_none_where_there_are_none():
    assert len(most_confident_mistakes(reviews([0] * 30), np.ones(30))) == 20
    assert len(most_confident_mistakes(reviews([0] * 30), np.ones(30), count=3)) == 3
    assert most_confident_mistakes(reviews([1, 1]), np.ones(2)) == []


def test_an_error_may_be_of_several_kinds_and_the_rest_of_none():
    texts = [
        "Not good, terrible sound, awful fit. Great box, lovely and excellent colour.",
        NEUTRAL,
        f"{NEUTRAL} It is superb and reliable.",
    ]
    counted = categories([1, 0, 0], texts, [0.1, 0.9, 0.9])
    assert counted["mixed opinion"] == (1, 1)
    assert counted["negation"] == (1, 1)
    assert counted["short"] == (1, 1)
    assert counted["long"] == (0, 0)
    assert counted["stars and text disagree"] == (1, 1)
    assert counted["none of these"] == (1, 1)


def test_sarcasm_cues_are_ironic_phrases_praise_in_quotes_and_useful_rubbish():
    texts = [
        f"{NEUTRAL} Thanks for nothing.",
        f"{NEUTRAL} So much for “quality”.",
        f"{NEUTRAL} It makes a fine paperweight.",
        f"{NEUTRAL} Thanks to my son it works.",
    ]
    assert categories([0] * 4, texts, [0.1] * 4)["sarcasm cues"] == (3, 0)


def test_text_that_contradicts_its_stars_is_told_by_its_opinion_words():
    texts = [f"{NEUTRAL} Horrible, useless junk.", f"{NEUTRAL} Horrible, useless junk.", f"{NEUTRAL} No problems."]
    assert categories([1, 0, 1], texts, [0.1, 0.1, 0.9])["stars and text disagree"] == (1, 1)


def test_a_row_states_its_rule_and_compares_its_error_rate():
    rows = error_categories(reviews([1, 1, 0, 0], [NEUTRAL, "No.", "Not so.", NEUTRAL]), np.array([0.9, 0.1, 0.1, 0.9]))
    negation = next(row for row in rows if row["category"] == "negation")
    assert "never" in negation["rule"]
    assert negation["error_rate"] == negation["share_of_errors"] == 0.5
    assert next(row for row in rows if row["category"] == "long")["error_rate"] is None


def test_a_model_without_errors_has_shares_of_nought():
    rows = error_categories(reviews([1, 0]), np.array([0.9, 0.1]))
    assert {row["share_of_errors"] for row in rows} == {0.0}
