"""The behaviour suite itself: its cases say what they claim, and it fails the models that it should fail."""

import re

import numpy as np
import pytest

from sentiment.core.names import POSITIVE
from sentiment.evaluation.behaviour.cases import CASES, Case, behaviour_cases
from sentiment.evaluation.behaviour.suite import MOVED, PUSHED_BACK, excess, run_behaviour

ALL = behaviour_cases()
INV, DIR, MFT = ([case for case in ALL if case.kind == kind] for kind in ("INV", "DIR", "MFT"))


def knows_the_answers(titles, texts):
    """Says what the suite expects, and moves by nothing where it expects nothing."""
    expected = {(case.title, case.text): case.expected for case in MFT}
    expected |= {(case.title, case.changed): case.expected for case in DIR}
    return np.array([expected.get(review, 0.5) for review in zip(titles, texts, strict=True)], float)


def rates(predict):
    return {row["capability"]: row["failure_rate"] for row in run_behaviour(predict)}


def test_the_suite_covers_every_capability_with_forty_cases():
    counted = {}
    for case in ALL:
        counted[case.capability, case.kind] = counted.get((case.capability, case.kind), 0) + 1
    assert counted == {
        ("plain opinion", "MFT"): CASES,
        ("negation", "MFT"): CASES,
        ("used to ... but now", "MFT"): CASES,
        ("question and answer", "MFT"): CASES,
        ("intensifiers", "DIR"): CASES,
        ("added opinion", "DIR"): CASES,
        ("typos", "INV"): CASES,
        ("names", "INV"): CASES,
        ("product words", "INV"): CASES,
    }


def test_the_same_seed_makes_the_same_cases_and_another_seed_others():
    assert behaviour_cases() == ALL
    assert behaviour_cases(seed=1) != ALL


def test_no_case_is_there_twice_and_both_labels_are_asked_for_equally():
    assert len(set(ALL)) == len(ALL)
    assert sum(case.expected for case in MFT) == len(MFT) / 2
    assert sum(case.expected for case in DIR) == len(DIR) / 2


def test_the_sentences_are_english_with_every_slot_filled():
    texts = [text for case in ALL for text in (case.title, case.text, case.changed or "")]
    assert not [text for text in texts if re.search(r"[{}]|  |\ba [aeio]|\ban [^aeiou]", text)]


def test_a_review_of_the_suite_is_as_long_as_reviews_that_models_are_trained_on():
    assert min(len(case.text.split()) for case in ALL) >= 8
    assert np.mean([len(case.text.split()) >= 10 for case in ALL]) > 0.95


def test_a_change_that_means_nothing_changes_just_its_slot():
    for case in [case for case in INV if case.capability == "names"]:
        differing = {(a, b) for a, b in zip(case.text.split(), case.changed.split(), strict=True) if a != b}
        assert len(differing) == 1, case


def test_a_typo_keeps_every_letter_and_the_ends_of_words():
    for case in [case for case in INV if case.capability == "typos"]:
        assert case.text != case.changed
        for before, after in zip(case.text.split(), case.changed.split(), strict=True):
            assert sorted(before) == sorted(after)
            assert before[0] == after[0]


def test_an_intensifier_is_one_more_word_before_the_opinion():
    for case in [case for case in DIR if case.capability == "intensifiers"]:
        assert len(case.changed.split()) == len(case.text.split()) + 1, case


def test_a_model_that_knows_the_answers_passes_everything():
    assert set(rates(knows_the_answers).values()) == {0.0}


def test_a_model_that_always_praises_fails_half_of_the_plain_cases_and_no_change():
    failed = rates(lambda titles, texts: np.full(len(texts), 0.99))
    assert failed["plain opinion"] == failed["negation"] == failed["question and answer"] == 0.5
    assert failed["names"] == failed["typos"] == failed["intensifiers"] == 0.0


def test_a_model_that_counts_praising_words_fails_at_negation_and_not_at_plain_opinion():
    praise = re.compile(r"\b(good|great|excellent|wonderful|fantastic|superb|perfect|happy|well|reliable|useful)\b")
    failed = rates(lambda titles, texts: np.array([0.9 if praise.search(text) else 0.1 for text in texts]))
    assert failed["plain opinion"] == 0.0
    assert failed["negation"] > 0.5
    assert failed["used to ... but now"] > 0.3


def test_a_model_that_looks_at_names_fails_invariance_alone():
    def likes_anna(titles, texts):
        return knows_the_answers(titles, texts) + np.array([0.3 * ("Anna" in text) for text in texts])

    failed = rates(likes_anna)
    assert failed.pop("names") > 0
    assert set(failed.values()) == {0.0}


def test_the_decision_threshold_decides_plain_cases():
    lukewarm = run_behaviour(lambda titles, texts: np.full(len(texts), 0.6), threshold=0.7)
    failing = {example["expected"] for row in lukewarm if row["kind"] == "MFT" for example in row["examples"]}
    assert failing == {"positive"}


@pytest.mark.parametrize(
    ("case", "before", "after", "fails"),
    [
        (Case("x", "MFT", "", "good", expected=POSITIVE), 0.5, None, False),
        (Case("x", "MFT", "", "good", expected=POSITIVE), 0.49, None, True),
        (Case("x", "MFT", "", "bad", expected=0), 0.6, None, True),
        (Case("x", "MFT", "", "bad", expected=0), 0.5, None, True),
        (Case("x", "MFT", "", "bad", expected=0), 0.49, None, False),
        (Case("x", "INV", "", "a", "b"), 0.5, 0.5 + MOVED + 0.01, True),
        (Case("x", "INV", "", "a", "b"), 0.5, 0.5 - MOVED + 0.01, False),
        (Case("x", "DIR", "", "a", "b", POSITIVE), 0.9, 0.9 - PUSHED_BACK - 0.01, True),
        (Case("x", "DIR", "", "a", "b", POSITIVE), 0.9, 0.9 - PUSHED_BACK + 0.01, False),
        (Case("x", "DIR", "", "a", "b", 0), 0.2, 0.9, True),
        (Case("x", "DIR", "", "a", "b", 0), 0.9, 0.2, False),
    ],
)
def test_a_case_fails_beyond_its_stated_bound(case, before, after, fails):
    assert (excess(case, before, after) > 0) == fails


def test_a_model_that_answers_with_no_numbers_fails_every_case():
    assert set(rates(lambda titles, texts: np.full(len(texts), np.nan)).values()) == {1.0}


def test_the_worst_failures_are_shown_with_both_probabilities():
    rows = {row["capability"]: row for row in run_behaviour(lambda titles, texts: np.linspace(0, 1, len(texts)))}
    examples = rows["names"]["examples"]
    moved = [abs(example["probability"] - example["changed_probability"]) for example in examples]
    assert len(examples) == 3
    assert moved == sorted(moved, reverse=True)
    assert all(example["changed"] for example in examples)
    assert rows["names"]["failures"] == CASES


def test_the_model_is_asked_once_with_a_title_for_every_text():
    asked = []

    def predict(titles, texts):
        asked.append((len(titles), len(texts)))
        return np.full(len(texts), 0.5)

    run_behaviour(predict)
    assert asked == [(len(ALL) + len(INV) + len(DIR),) * 2]
