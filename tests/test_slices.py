"""Slices are told by rules that anybody can check by reading the review."""

import time
from dataclasses import replace

import numpy as np
import pytest

import tiny
from sentiment.core.labelled import LabelledReviews
from sentiment.evaluation.slices import slice_masks, slice_table
from sentiment.evaluation.wording import wording

PLAIN = "I bought this lamp for the kitchen and it is as bright as the old one that we had before."


def reviews(*texts, titles=None, labels=None):
    count = len(texts)
    labels = np.array(labels if labels is not None else [1] * count, np.int64)
    return LabelledReviews.of([str(row) for row in range(count)], titles or [""] * count, texts, labels)


def rows_of(name, *texts):
    return np.flatnonzero(slice_masks(reviews(PLAIN, *texts)).get(name, [])).tolist()


def test_negation_is_a_word_of_its_own_or_an_ending_with_either_apostrophe():
    texts = ["It is not bright.", "It doesn't work.", "It doesn’t work.", "It DIDNT work.", "A note about knots."]
    assert rows_of("wording: negation", *texts) == [1, 2, 3, 4]


def test_contrast_is_found_in_the_title_as_well():
    found = slice_masks(reviews(PLAIN, "It is bright.", "All butter.", titles=["", "Nice, but small", ""]))
    assert np.flatnonzero(found["wording: contrast"]).tolist() == [1]


def test_shouting_is_a_third_of_capitals_or_a_run_of_exclamation_marks():
    texts = [PLAIN.upper(), f"{PLAIN} Wow!!!", f"{PLAIN} Wow!", "OK TV"]
    assert rows_of("wording: shouting", *texts) == [1, 2]


def test_a_text_with_hardly_any_english_function_word_looks_non_english():
    spanish = "Excelente producto, muy buena calidad, lo recomiendo para todos mis amigos y familia siempre"
    russian = "Очень хорошая лампа для кухни, светит ярко, всем советую купить и не жалеть денег"
    assert rows_of("wording: looks non-English", spanish, russian, "Great phone") == [1, 2]


def test_lengths_are_counted_in_words_of_the_text_and_every_review_lies_in_one_band():
    texts = ["word " * count for count in (19, 20, 24, 25, 99, 100, 299, 300)]
    masks = slice_masks(reviews(*texts, titles=["a title of five words"] * 8))
    bands = [mask for name, mask in masks.items() if name.startswith("length:") and "very" not in name]
    assert np.sum(bands, axis=0).tolist() == [1] * 8
    assert np.flatnonzero(masks["length: under 25 words"]).tolist() == [0, 1, 2]
    assert np.flatnonzero(masks["length: very short"]).tolist() == [0]
    assert np.flatnonzero(masks["length: very long"]).tolist() == [7]


def test_categories_stars_and_years_make_slices_where_they_are_known():
    known = LabelledReviews(
        ["a", "b", "c", "d"],
        [""] * 4,
        [PLAIN] * 4,
        np.array([1, 0, 1, 0]),
        np.array([5.0, 2.5, np.nan, 1.0]),
        ["Lamps", "", "Tents: small", "Lamps"],
        np.array([2013, 2014, 0, 2013]),
    )
    masks = {name: np.flatnonzero(mask).tolist() for name, mask in slice_masks(known).items()}
    assert {name: rows for name, rows in masks.items() if name.split(":")[0] in ("category", "stars", "year")} == {
        "category: Lamps": [0, 3],
        "category: Tents: small": [2],
        "stars: 1": [3],
        "stars: 2.5": [1],
        "stars: 5": [0],
        "year: 2013": [0, 3],
        "year: 2014": [1],
    }
    assert masks["all: all reviews"] == [0, 1, 2, 3]


def test_stars_that_print_alike_are_one_slice():
    known = replace(reviews(PLAIN, PLAIN, PLAIN), ratings=np.array([13 / 3, 4.33333, 4.0]))
    masks = {name: np.flatnonzero(mask).tolist() for name, mask in slice_masks(known).items() if "stars" in name}
    assert masks == {"stars: 4": [2], "stars: 4.33": [0, 1]}


def test_no_slice_is_empty_and_no_reviews_have_no_slices():
    assert all(mask.any() for mask in slice_masks(tiny.reviews(50)).values())
    assert slice_masks(reviews()) == {}
    assert slice_table(reviews(), np.array([]), 0.5) == []


def test_a_row_says_how_the_model_does_on_the_slice_and_how_sure_that_is():
    some = reviews(PLAIN, f"{PLAIN} But no.", f"{PLAIN} But yes.", f"{PLAIN} But so.", labels=[1, 0, 0, 1])
    table = {row["slice"]: row for row in slice_table(some, np.array([0.9, 0.2, 0.8, 0.7]), 0.5)}
    contrast = table["contrast"]
    assert (contrast["kind"], contrast["reviews"], contrast["negatives"]) == ("wording", 3, 2)
    assert contrast["accuracy"] == pytest.approx(2 / 3)
    assert contrast["negative_recall"] == 0.5
    assert contrast["macro_f1"] == pytest.approx(2 / 3)
    assert 0 < contrast["accuracy_low"] < 2 / 3 < contrast["accuracy_high"] < 1
    assert table["all reviews"]["accuracy"] == 0.75


def test_the_threshold_decides():
    some = reviews(PLAIN, PLAIN, labels=[1, 1])
    accuracies = [slice_table(some, np.array([0.4, 0.8]), threshold)[0]["accuracy"] for threshold in (0.3, 0.5)]
    assert accuracies == [1.0, 0.5]


def test_a_slice_of_one_class_has_no_macro_f1_and_without_negatives_no_recall_of_them():
    (row, *_) = slice_table(reviews(PLAIN, PLAIN), np.array([0.9, 0.1]), 0.5)
    assert row["macro_f1"] is None
    assert row["negative_recall"] is None
    assert row["accuracy"] == 0.5


def test_opinion_words_turn_round_behind_a_negation_in_their_clause():
    texts = ["not a very good lamp", "no, good lamp", "no problems and great", "not bad", "isn't awful but poor"]
    worded = wording(reviews(*texts))
    assert list(zip(worded.praise.tolist(), worded.blame.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
        (2, 0),
        (1, 0),
        (1, 1),
    ]


def test_twelve_thousand_reviews_take_seconds_at_most():
    many = reviews(*[f"{PLAIN} " * 5 for _ in range(12_000)])
    started = time.process_time()
    assert wording(many).words[0] == 100
    assert time.process_time() - started < 4  # about a second where the core is its own
