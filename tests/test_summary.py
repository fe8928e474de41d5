"""What a verb was asked, and what came of it, in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sentiment import config as c
from sentiment.summary import asked, told


def test_what_was_asked_names_what_differs_from_the_defaults_under_the_names_of_the_form():
    config = c.TrainConfig(family="linear", train_reviews=100_000, tune_threshold=True)
    assert asked("train", config) == "train: tune the threshold on, model family linear, training reviews 100,000"
    assert asked("rescore", c.RescoreConfig(from_day=date(2024, 6, 1), to_day=date(2024, 6, 2), model="2")) == (
        "rescore: from (UTC) 2024-06-01, to (UTC) 2024-06-02, model version 2"
    )
    assert asked("promote", c.PromoteConfig()) == "promote: everything as by default"


@pytest.mark.parametrize(
    ("function", "result", "sentences"),
    [
        (
            "ingest",
            {"day": "2024-06-29", "read": 1200, "kept": 1190, "duplicate": 7, "rejected": 3},
            ["2024-06-29: 1,200 lines read: 1,190 kept, 7 duplicate, 3 rejected."],
        ),
        (
            "train",
            {
                "family": "linear",
                "accuracy": 0.9581,
                "accuracy_interval": [0.949, 0.967],
                "macro_f1": 0.9321,
                "macro_f1_interval": [0.92, 0.944],
                "warning": "It says positive to every review: it learnt nothing.",
            },
            [
                "linear: accuracy 95.8 % (94.9 to 96.7 %), macro F1 0.932 (0.920 to 0.944) on the test reviews.",
                "It says positive to every review: it learnt nothing.",
            ],
        ),
        (
            "score",
            {
                "day": "2024-06-29",
                "reviews": 200,
                "positive": 150,
                "needs_review": 9,
                "reused": 0,
                "model_versions": ["2"],
            },
            ["2024-06-29: 200 reviews scored by version 2, 75.0 % positive, 9 for a person to look at, 0 scores kept."],
        ),
        (
            "score",
            {"day": "2024-06-30", "reviews": 0, "positive": 0, "needs_review": 0, "reused": 0, "model_versions": ["2"]},
            ["2024-06-30: no reviews to score (version 2)."],
        ),
        (
            "promote",
            {"promoted": False, "champion": 1, "reason": "version 2 is worse"},
            ["Nothing was promoted: version 2 is worse."],
        ),
        ("open_study", {"study": "s"}, []),
    ],
)
def test_what_came_of_a_verb_is_told_in_sentences(function, result, sentences):
    assert told(function, result) == sentences


def test_of_many_missing_days_the_first_and_the_last_are_named():
    missing = [str(date(1995, 1, 1) + timedelta(number)) for number in range(7_000)]
    result = {"from_day": "1995-01-01", "to_day": "2014-03-01", "model_versions": ["1"], "reviews": 1, "positive": 1}
    said = told("rescore", {**result, "needs_review": 0, "reused": 0, "missing": missing})
    assert said[1] == "Not ingested, and so not scored: 7,000, from 1995-01-01 to 2014-03-01."
