"""What a verb was asked, and what came of it, in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sentiment.ingest.verbs import IngestResult
from sentiment.promotion.config import PromoteConfig
from sentiment.promotion.verbs import PROMOTE, PromoteResult
from sentiment.scoring.config import RescoreConfig
from sentiment.scoring.verbs import RESCORE, RescoreResult, ScoreResult
from sentiment.training.config.train import TrainConfig
from sentiment.training.verbs import TRAIN, TrainResult
from sentiment.tuning.verbs import SearchResult
from sentiment.verbs import verbs

DAY = date(2024, 6, 29)


def test_what_was_asked_names_what_differs_from_the_defaults_under_the_names_of_the_form():
    config = TrainConfig(family="linear", train_reviews=100_000, tune_threshold=True)
    assert TRAIN.asked(config) == "train: tune the threshold on, model family linear, training reviews 100,000"
    assert RESCORE.asked(RescoreConfig(from_day=date(2024, 6, 1), to_day=date(2024, 6, 2), model="2")) == (
        "rescore: from (UTC) 2024-06-01, to (UTC) 2024-06-02, model version 2"
    )
    assert PROMOTE.asked(PromoteConfig()) == "promote: everything as by default"


def scored(**fields):
    counts = {"days": 1, "touched": [], "positive": 0, "needs_review": 0, "reused": 0, "model_versions": [2]}
    return {**counts, **fields}


@pytest.mark.parametrize(
    ("result", "sentences"),
    [
        (
            IngestResult(
                day=DAY,
                days=1,
                touched=[DAY],
                read=1200,
                kept=1190,
                duplicate=7,
                rejected=3,
                gone=0,
                cut=0,
                reasons={},
                files=1,
                reviews_version=1,
            ),
            ["2024-06-29: 1,200 lines of 1 file read: 1,190 kept, 7 duplicate, 3 rejected."],
        ),
        (
            IngestResult(
                day=DAY,
                passed_over=5,
                passed_over_names=["2024-06-29_2.csv", "2024-06-29.csv.zip", "2024-06-29/" + 90 * "b"],
                **dict.fromkeys(("days", "read", "kept", "duplicate", "rejected", "gone", "cut", "files"), 1),
                **{"touched": [DAY], "reasons": {}, "reviews_version": 1},
            ),
            [
                "2024-06-29: 1 line of 1 file read: 1 kept, 1 duplicate, 1 rejected.",
                "2024-06-29: 5 others are not read, by what they are called: 2024-06-29_2.csv, 2024-06-29.csv.zip, "
                f"2024-06-29/{68 * 'b'}… and 2 more.",
            ],
        ),
        (
            TrainResult(
                run_id="r",
                family="linear",
                snapshot="s",
                train_reviews=100,
                test_reviews=100,
                accuracy=0.9581,
                accuracy_interval=(0.949, 0.967),
                macro_f1=0.9321,
                macro_f1_interval=(0.92, 0.944),
                seconds=1.0,
                warning="It says positive to every review: it learnt nothing.",
            ),
            [
                "linear: accuracy 95.8 % (94.9 to 96.7 %), macro F1 0.932 (0.920 to 0.944) on the test reviews.",
                "It says positive to every review: it learnt nothing.",
            ],
        ),
        (
            ScoreResult(day=DAY, also=[], **scored(reviews=200, positive=150, needs_review=9)),
            ["2024-06-29: 200 reviews scored by version 2, 75.0 % positive, 9 for a person to look at, 0 scores kept."],
        ),
        (
            ScoreResult(day=DAY, also=["2024-06-20", "2024-06-27"], **scored(reviews=309, positive=309)),
            [
                "2024-06-29 and 2 days before it (2024-06-20, 2024-06-27): 309 reviews scored by version 2, 100.0 % "
                "positive, 0 for a person to look at, 0 scores kept."
            ],
        ),
        (
            ScoreResult(day=DAY, also=[], **scored(reviews=0)),
            ["2024-06-29: no reviews to score (version 2)."],
        ),
        (
            PromoteResult(promoted=False, champion=1, previous=1, reason="version 2 is worse", candidates=[]),
            ["Nothing was promoted: version 2 is worse."],
        ),
        (SearchResult(study="s", run_id="r", trained=1), []),
    ],
)
def test_what_came_of_a_verb_is_told_in_sentences(result, sentences):
    assert result.sentences() == sentences


def test_of_many_missing_days_the_first_and_the_last_are_named():
    missing = [date(1995, 1, 1) + timedelta(number) for number in range(7_000)]
    first, last = date(1995, 1, 1), date(2014, 3, 1)
    said = RescoreResult(from_day=first, to_day=last, missing=missing, **scored(reviews=1)).sentences()
    assert said[1] == "Not ingested, and so not scored: 7,000, from 1995-01-01 to 2014-03-01."


@pytest.mark.parametrize("name", verbs())
def test_a_result_says_of_each_of_its_fields_what_it_is(name):
    result = verbs()[name].result
    assert result.__doc__
    assert result.__doc__ != result.__mro__[1].__doc__
