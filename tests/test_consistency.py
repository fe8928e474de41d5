"""Copies that differ in what means nothing: how they are made, drawn and told to the loss."""

import random

import numpy as np
import pytest
import torch

import tiny
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.engine.calibration import log_odds
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.evaluation.behaviour import templates as judging
from sentiment.training.augmentation import changes
from sentiment.training.augmentation.consistency import COPIED, CopiedExamples, divergence, inconsistency
from sentiment.training.batches import SimilarLengths, collate, examples
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits

TRAIN, VALIDATION = tiny.reviews(320), tiny.reviews(80, seed=1)
TEXT = "I bought three of these on Friday with Laura. They work great, five stars, 10/10."


def copies(seed: int = 3) -> CopiedExamples:
    tokenizer = ReviewTokenizer.from_json(tiny.bert_tokenizer_json(), 48, 0.75)
    return CopiedExamples(examples(tokenizer, TRAIN), TRAIN, tokenizer, seed)


def copied_rows(data: CopiedExamples) -> list[int]:
    return [row for row in range(len(data)) if "copy" in data[row]]


def test_a_copy_differs_and_is_the_same_for_the_same_draw():
    found = [changes.changed(TEXT, random.Random(seed)) for seed in range(300)]
    assert TEXT not in found
    assert found == [changes.changed(TEXT, random.Random(seed)) for seed in range(300)]
    assert len(set(found)) > 200
    assert changes.changed("", random.Random(1))


def test_other_words_stand_for_names_days_and_counts_alone():
    found = {changes.with_other_words(TEXT, random.Random(seed)) for seed in range(50)}
    assert len(found) > 20
    for text in found:
        assert text.endswith("They work great, five stars, 10/10.")
        assert "Friday" not in text
        assert not set(judging.WORDS["name"]) & set(text.replace(".", "").split())


@pytest.mark.parametrize("verdict", ["eight out of ten", "a two-star film", "two thumbs up", "six points", "ten stars"])
def test_a_count_that_is_a_verdict_stays(verdict):
    assert {changes.with_other_words(verdict, random.Random(seed)) for seed in range(20)} == {verdict}


def test_a_typing_error_changes_one_letter_in_longer_words_alone():
    for seed in range(200):
        text = changes.with_typos("it is not bad, superb", random.Random(seed))
        assert text.startswith("it is not bad, s")
        assert text != "it is not bad, superb"
        assert abs(len(text) - len("it is not bad, superb")) <= 1


def test_what_is_left_out_is_a_space_or_a_sign():
    for seed in range(50):
        text = changes.without_a_gap(TEXT, random.Random(seed))
        assert len(text) == len(TEXT) - 1
        assert [letter for letter in text if letter.isalnum()] == [letter for letter in TEXT if letter.isalnum()]


def test_a_quarter_of_the_reviews_is_copied_another_one_in_every_epoch():
    data = copies()
    assert copied_rows(data) == []
    drawn = []
    for epoch in (0, 1, 0):
        data.set_epoch(epoch)
        drawn.append(copied_rows(data))
    assert [len(rows) for rows in drawn] == [round(COPIED * len(TRAIN))] * 3
    assert drawn[0] == drawn[2] != drawn[1]


def test_the_copy_of_a_review_follows_from_seed_epoch_and_row_alone():
    here, there, other = copies(), copies(), copies(seed=4)
    for data in (here, there, other):
        data.set_epoch(2)
    rows = copied_rows(here)
    for row in reversed(rows):
        there[row]
    assert all((here[row]["copy"] == there[row]["copy"]).all() for row in rows)
    assert copied_rows(other) != rows


def test_the_order_of_reviews_tells_the_epoch_in_any_number_of_processes():
    told = []
    SimilarLengths([1, 2, 3], 2, 0, told.append).set_epoch(4)
    assert told == [4]


def test_copies_stand_after_the_reviews_of_a_batch():
    data = copies()
    data.set_epoch(0)
    tokenizer, first = ReviewTokenizer.from_json(tiny.bert_tokenizer_json(), 48, 0.75), copied_rows(data)[0]
    plain = next(row for row in range(len(data)) if "copy" not in data[row])
    batch = collate(tokenizer, [data[plain], data[first]])
    assert batch["copied"].tolist() == [1]
    assert (len(batch["labels"]), *batch["input_ids"].shape[:1]) == (2, 3)
    copy = data[first]["copy"]
    assert batch["input_ids"][2, : len(copy)].tolist() == copy.tolist()
    assert int(batch["attention_mask"][2].sum()) == len(copy)
    assert "copied" not in collate(tokenizer, [data[plain]])


def test_the_divergence_is_the_mean_of_both_directions():
    logits, others = torch.randn(5, 2), torch.randn(5, 2)
    p, q = (torch.distributions.Categorical(logits=one) for one in (logits, others))
    both = (torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)) / 2
    assert divergence(logits, others).tolist() == pytest.approx(both.tolist(), abs=1e-6)
    assert divergence(logits, logits + 7).tolist() == pytest.approx([0] * 5, abs=1e-6)


def test_a_batch_is_as_inconsistent_as_its_copies_on_negative_and_positive():
    logits = torch.randn(10, 7)  # eight reviews and two copies of a network with a head for stars
    found = inconsistency(logits, torch.tensor([6, 1]), 8)
    assert found.item() == pytest.approx(divergence(logits[[6, 1], :2], logits[8:, :2]).mean().item())


def moved(fitted) -> float:
    """How far the changes move the log odds of reviews that a network has not seen."""
    test = tiny.reviews(300, seed=9)
    other = [changes.changed(text, random.Random(row)) for row, text in enumerate(test.texts)]
    changed = LabelledReviews.of(test.keys, test.titles, other, test.labels)
    before, after = (log_odds(predict_logits(fitted, reviews)) for reviews in (test, changed))
    return float(np.abs(before - after).mean())


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


def test_a_network_that_learnt_consistency_is_moved_less_by_what_means_nothing(encoder, tmp_path):
    found = []
    for weight in (0.0, 10.0):
        config = tiny.config(encoder, consistency=weight, evaluations=1, epochs=1.0)
        fitted = fit(config, TRAIN, VALIDATION, tmp_path / str(weight), Settings())
        assert (predict_logits(fitted, VALIDATION).argmax(1) == VALIDATION.labels).mean() > 0.9
        found.append(moved(fitted))
    assert found[1] < 0.6 * found[0]  # it was a third with two seeds


def test_a_training_with_made_texts_and_copies_goes_on_to_the_same_model(encoder, tmp_path):
    def die(record):
        if record["step"] == 50:
            raise KeyboardInterrupt

    config = tiny.config(encoder, epochs=2.0, augmentation=0.4, consistency=1.0, evaluations=4)
    whole, records = fit(config, TRAIN, VALIDATION, tmp_path / "whole", Settings()), []
    with pytest.raises(KeyboardInterrupt):
        fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), die)
    again = fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    assert records[0]["step"] == 43
    assert (predict_logits(again, VALIDATION) == predict_logits(whole, VALIDATION)).all()


@pytest.mark.slow
def test_two_processes_make_the_model_of_one_with_copies_too(home, tmp_path):
    small = {"vocabulary": 400, "embedding_size": 16, "hidden_size": 16, "dropout": 0.0, "learning_rate": 1e-2}
    made = {"augmentation": 0.2, "consistency": 1.0, "epochs": 4.0, "evaluations": 1, **small}
    found = []
    for several in ({"batch_size": 16}, {"batch_size": 8, "processes": 2}):
        config = tiny.config("none", "gru", **made, **several)
        fitted = fit(config, TRAIN, VALIDATION, tmp_path / str(len(several)), Settings())
        found.append(predict_logits(fitted, VALIDATION))
    assert np.abs(found[0]).max() > 1
    assert found[1] == pytest.approx(found[0], abs=1e-3)
