"""Made texts beside the training reviews: what they are, and that none is one of those that judge behaviour."""

import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

import tiny
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.names import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.core.settings import Settings
from sentiment.evaluation.behaviour import templates as judging
from sentiment.evaluation.behaviour.cases import behaviour_cases, neutral_texts
from sentiment.training.augmentation import changes, templates, words
from sentiment.training.augmentation.counterfactuals import turned_sentences
from sentiment.training.augmentation.opinions import opinion, without_opinion
from sentiment.training.augmentation.texts import made_texts, with_made_texts
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit, trained_on
from sentiment.training.fitted import predict_logits
from sentiment.training.settings import effective_settings
from sentiment.training.teaching.loss import loss_of

REVIEWS = tiny.reviews(300)


def strings(content) -> list[str]:
    """Every text in a nest of tuples and dictionaries."""
    if isinstance(content, str):
        return [content]
    return [text for part in (content.values() if isinstance(content, dict) else content) for text in strings(part)]


def sentences(texts) -> set[str]:
    """The sentences of texts, a slot being any word; the empty text is none, there is only one of it."""
    parts = (part for text in texts for part in re.split(r"(?<=[.!?])\s+", re.sub(r"\{\w+\}", "*", text)))
    return {part.strip(" .!").casefold() for part in parts} - {""}


def of_module(module, without: tuple[str, ...] = ()) -> list[str]:
    """Every text in a module's constants."""
    return strings([value for name, value in vars(module).items() if name.isupper() and name not in without])


def test_no_template_of_training_has_a_sentence_of_one_that_judges():
    ours, theirs = of_module(templates, ("TURNS", "POSITIVE", "NEGATIVE")), of_module(judging, ("WORDS", "DAYS"))
    assert len(ours) > 150
    assert len(theirs) > 80
    assert not sentences(ours) & sentences(theirs)


@pytest.mark.parametrize("seed", range(4))
def test_no_made_text_has_a_sentence_that_judges(seed):
    cases = behaviour_cases(seed)
    theirs = [text for case in cases for text in (case.title, case.text, case.changed or "")] + neutral_texts(seed)
    ours = made_texts(REVIEWS, 3000, seed)
    assert not sentences([*ours.titles, *ours.texts]) & sentences(theirs)


def test_the_neutral_words_of_training_are_others_than_those_that_judge():
    judges = [judging.WORDS[slot] for slot in ("product", "person", "name", "time")] + [judging.DAYS]
    assert not set(strings(words.NEUTRAL_WORDS)) & set(strings(judges))


def test_every_slot_of_a_template_has_words_of_either_label():
    for draw in map(random.Random, range(2000)):
        for _, text in (opinion(POSITIVE, draw), opinion(NEGATIVE, draw), without_opinion(draw)):
            assert not set("{}") & set(text)


def test_there_are_too_many_opinions_to_learn_by_heart():
    draw = random.Random(1)
    drawn = [opinion(row % 2, draw) for row in range(4000)]
    assert len(set(drawn)) > 3600


@pytest.mark.parametrize(
    ("text", "label", "turned"),
    [
        ("The picture is great.", POSITIVE, ["The picture is terrible."]),
        ("Great phone, bad case.", POSITIVE, []),
        ("It is an excellent camera.", POSITIVE, ["It is an awful camera."]),
        ("It is a terrible camera.", NEGATIVE, ["It is a great camera."]),
        ("It is a great camera.", NEGATIVE, []),
        ("I highly recommend it.", POSITIVE, ["I do not recommend it."]),
        ("I highly recommend a spare battery.", POSITIVE, []),
        ("The remote doesn't work.", NEGATIVE, ["The remote works."]),
        ("I was not happy about that.", NEGATIVE, ["I was happy about that."]),
        ("The sound is not great.", NEGATIVE, []),
        ("I love it. My wife hates the colour.", POSITIVE, ["I hate it."]),
        ("It would be great if it fitted.", POSITIVE, []),
        ("Is it good?", POSITIVE, []),
        ("A great deal of noise.", POSITIVE, []),
        ("Very easy to set up!", POSITIVE, ["Very hard to set up!"]),
    ],
)
def test_a_sentence_is_turned_where_one_phrase_tells_the_label_of_its_review(text, label, turned):
    assert turned_sentences(text, label) == turned


def test_made_texts_stand_behind_the_reviews_as_many_as_their_share_and_the_same_every_time():
    found = with_made_texts(REVIEWS, 0.3, seed=5)
    assert found.keys[:300] == REVIEWS.keys
    assert len(set(found.keys)) == len(found) == 300 + 90
    again, other = (with_made_texts(REVIEWS, 0.3, seed) for seed in (5, 6))
    assert again.texts == found.texts != other.texts
    assert with_made_texts(REVIEWS, 0.0, seed=5) is REVIEWS
    config = TrainConfig(family="gru", augmentation=0.3, title_share=0.5)
    assert trained_on(config, REVIEWS) == round(1.3 * trained_on(TrainConfig(family="gru", title_share=0.5), REVIEWS))


def test_a_third_has_no_opinion_and_the_rest_are_of_both_labels():
    real = LabelledReviews.of(
        [str(row) for row in range(90)],
        [""] * 90,
        ["The lens is great.", "The lens is awful."] * 45,
        np.arange(90) % 2 ^ 1,
    )
    made = made_texts(real, 60, seed=1)
    assert np.bincount(made.labels + 1).tolist() == [20, 20, 20]
    turned = [
        (text, label) for text, label in zip(made.texts, made.labels, strict=True) if text.startswith("The lens is ")
    ]
    assert sorted(set(turned)) == [("The lens is excellent.", POSITIVE), ("The lens is terrible.", NEGATIVE)]
    assert len(turned) == 20
    neutral = made.labels == UNLABELLED
    assert (made.log_odds[neutral] == 0).all()
    assert np.isnan(made.log_odds[~neutral]).all()


def test_what_a_teacher_said_of_reviews_stays():
    odds = np.linspace(-2, 2, 300)
    found = with_made_texts(TaughtReviews(**vars(REVIEWS), log_odds=odds), 0.1, seed=1)
    assert found.log_odds[:300].tolist() == odds.tolist()
    assert len(found.log_odds) == 330


def test_without_a_teacher_labels_weigh_as_ever_and_no_opinion_is_learnt_as_a_half():
    import torch

    config = TrainConfig(family="gru", augmentation=0.1, label_smoothing=0.1)
    found, plain = loss_of(config, with_made_texts(REVIEWS, 0.1, seed=1)), loss_of(config, REVIEWS)
    six = tiny.reviews(6)
    logits, nobody_says = torch.randn(6, 2), np.full(6, np.nan)
    wanted = torch.from_numpy(TaughtReviews(**vars(six), log_odds=nobody_says).wanted)
    assert found(logits, wanted).item() == pytest.approx(plain(logits, torch.from_numpy(six.labels)).item(), abs=1e-6)
    half = torch.from_numpy(made_texts(REVIEWS, 3, seed=1).wanted[2:])
    sure = [found(torch.tensor([[-odds / 2, odds / 2]]), half).item() for odds in (-3.0, -1.0, 0.0, 1.0, 3.0)]
    assert sure[2] == pytest.approx(np.log(2))
    assert sure[0] == pytest.approx(sure[4])
    assert sure[0] > sure[1] > sure[2]


def test_a_network_that_learnt_from_made_texts_is_less_sure_of_what_says_nothing(tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    texts = sorted({without_opinion(random.Random(seed))[1] for seed in range(5000, 5100)})
    nothing = LabelledReviews.of(texts, [""] * len(texts), texts, np.zeros(len(texts), np.int64))
    sure, right = [], []
    for share in (0.0, 0.5):
        config = tiny.config(encoder, augmentation=share, evaluations=1, epochs=2.0)
        fitted = fit(config, REVIEWS, tiny.reviews(60, seed=1), tmp_path / str(share), Settings())
        logits, test = predict_logits(fitted, nothing), tiny.reviews(100, seed=2)
        sure.append(np.abs(logits[:, 1] - logits[:, 0]).mean())
        right.append((predict_logits(fitted, test).argmax(1) == test.labels).mean())
    assert sure[1] < 0.5 * sure[0]
    assert min(right) > 0.9


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "linear", "augmentation": 0.3}, "the linear family learns from the labels of reviews alone"),
        ({"family": "linear", "consistency": 1.0}, "the linear family learns from the labels of reviews alone"),
        ({"family": "gru", "augmentation": 0.3, "imbalance": "oversampling"}, "oversampling weighs labels"),
        ({"family": "gru", "consistency": 1.0, "stages": 2}, "a network in stages takes each review once"),
    ],
)
def test_what_does_not_go_with_augmentation_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainConfig(**given)


def test_the_run_names_both_settings_where_they_count():
    settings = effective_settings(TrainConfig(family="gru", augmentation=0.3, precision="fp32"), 2_000)
    assert (settings["augmentation"], settings["consistency"]) == (0.3, 0.0)
    assert not {"augmentation", "consistency"} & effective_settings(TrainConfig(family="linear"), 2_000).keys()


def test_a_long_text_is_searched_for_letters_to_mistype_once(monkeypatch):
    text, searched = "The quality surprised everybody here. " * 200, []
    search = changes._INNER_LETTERS.finditer
    letters = SimpleNamespace(finditer=lambda given: searched.append(given) or search(given))
    monkeypatch.setattr(changes, "_INNER_LETTERS", letters)
    found = changes.with_typos(text, random.Random(5))
    assert searched == [text]
    assert 1 < sum(a != b for a, b in zip(found.split(" "), text.split(" "), strict=True)) <= 1 + 1000 // 12
