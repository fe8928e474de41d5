"""The report of a run is one page that needs nothing else, and that no review can break."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from local_platform import CHROMIUM
from sentiment.core.labelled import LabelledReviews
from sentiment.evaluation.assessment import Assessment, Decision
from sentiment.evaluation.behaviour.suite import run_behaviour
from sentiment.evaluation.errors import confidence_histogram, error_categories, most_confident_mistakes
from sentiment.evaluation.intervals import intervals
from sentiment.evaluation.metrics import evaluate
from sentiment.evaluation.plots import confusion_matrix
from sentiment.evaluation.report import Report, write_report
from sentiment.evaluation.slices import slice_table

HOSTILE = '<script>alert("x")</script><img src=https://evil.example/a.png onerror=alert(1)> {{ 7 * 7 }} \udc80'
PROBABILITY = np.array([0.95, 0.91, 0.2, 0.1, 0.8, 0.6], np.float32)
LABELS = np.array([0, 1, 1, 0, 1, 1])


def reviews():
    texts = [HOSTILE, "It is good.", "It is not good.", "Bad.", "Fine.", "Fine, but small."]
    return LabelledReviews(
        [f"k{row}" for row in range(6)],
        ["<b>Title</b>", "", "", "", "", ""],
        texts,
        LABELS,
        np.array([1, 5, 4, 1, 5, np.nan]),
        ["<i>Lamps</i>"] * 6,
        np.full(6, 2014),
    )


def assessment(**changes):
    """What is said of a model that gets two of six reviews wrong."""
    some = reviews()
    before = np.clip(PROBABILITY * 1.05, 0, 1)
    whole = Assessment(
        decision=Decision(temperature=1.3, threshold=0.5),
        before=before,
        probability=PROBABILITY,
        figures=evaluate(LABELS, PROBABILITY),
        bounds=intervals(LABELS, PROBABILITY, resamples=50),
        over="reviews",
        uncalibrated=evaluate(LABELS, before),
        slices=slice_table(some, PROBABILITY, 0.5),
        histogram=confidence_histogram(LABELS, PROBABILITY),
        categories=error_categories(some, PROBABILITY),
        mistakes=most_confident_mistakes(some, PROBABILITY),
        behaviour=run_behaviour(lambda titles, texts: np.full(len(texts), 0.99)),
    )
    return replace(whole, **changes)


def report(assessed=None, **changes):
    """A whole report."""
    whole = {
        "model": "all-MiniLM-L6-v2-12000",
        "family": "encoder",
        "run_id": "0123abcd",
        "snapshot": "e12d6bde7da8",
        "reviews": {"training": 12_000, "validation": 4_000, "test": 6},
        "parameters": 22_713_986,
        "trainable": 147_456,
        "training_seconds": 3_725.0,
        "assessment": assessed or assessment(),
        "settings": {"epochs": 1.0, "encoder": "</dd><script>", "preset": None},
    }
    return Report(**{**whole, **changes})


def page_of(told, folder):
    return write_report(told, {}, folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.source = [], "", page
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    picture = confusion_matrix(LABELS, PROBABILITY, folder / "confusion_matrix.png")
    path = write_report(report(), {"confusion_matrix": picture, "candidates": picture}, folder / "a" / "report.html")
    return Page(path.read_text(encoding="utf-8"))


def test_a_review_cannot_bring_elements_into_the_page(page):
    assert len(page.all("script")) == 1  # the page's own, at its end
    assert not page.all("b")[4:]  # the four large figures are the page's own
    assert not page.all("i")
    assert '<script>alert("x")</script>' in page.text
    assert "<b>Title</b>" in page.text
    assert "<i>Lamps</i>" in page.text
    assert "</dd><script>" in page.text


def test_a_review_is_no_template(page):
    assert "{{ 7 * 7 }}" in page.text


def test_the_page_loads_nothing_from_anywhere(page):
    assert [image["src"][:22] for image in page.all("img")] == ["data:image/png;base64,"] * 2
    assert not page.all("link")
    assert all(link["href"].startswith("#") for link in page.all("a"))
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    (script,) = re.findall("<script>(.*?)</script>", page.source, re.DOTALL)
    of_script = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{of_script}'"


def test_the_head_names_the_run_its_data_and_its_size(page):
    for said in ("all-MiniLM-L6-v2-12000", "0123abcd", "e12d6bde7da8", "12,000", "22,713,986", "1 h 2 min"):
        assert said in page.text
    assert "147,456 (0.65\N{NO-BREAK SPACE}%)" in page.text


def test_every_figure_stands_with_its_interval(page):
    figures, ends = assessment().figures, assessment().bounds
    for name in figures:
        assert f"{figures[name]:.4f}" in page.text
    for name in ends:
        assert f"{ends[name][0]:.4f} to {ends[name][1]:.4f}" in page.text


@pytest.mark.parametrize("over", ["products", "reviews"])
def test_the_page_says_what_its_intervals_are_over(tmp_path, over):
    path = write_report(report(assessment(over=over)), {}, tmp_path / "report.html")
    assert f"95 % bootstrap intervals over {over} (" in path.read_text(encoding="utf-8")


def test_slices_rules_and_failing_examples_are_shown(page):
    assert "shouting" not in page.text  # no such review, so no such rule
    for said in ("fewer than 20 words", "sarcasm cues", "question and answer: worst failures", "should be negative"):
        assert said in " ".join(page.text.split())


def test_every_place_that_the_page_points_to_is_there(page):
    places = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} == places


def test_parts_without_rows_are_left_out(tmp_path):
    empty = dict.fromkeys(("slices", "histogram", "categories", "mistakes", "behaviour"), ())
    bare = report(assessment(bounds={}, **empty), settings={})
    text = page_of(bare, tmp_path)
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections == ["figures", "calibration"]
    assert "95 %" not in text


def test_a_figure_that_is_unknown_is_a_dash(tmp_path):
    figures = {**assessment().figures, "roc_auc": float("nan")}
    text = page_of(report(assessment(figures=figures)), tmp_path)
    assert re.search(r"<td>ROC-AUC</td><td class=\"n\">–</td>", text)


def test_what_the_reader_must_know_stands_at_the_head(tmp_path):
    told = report(warning="this training learnt nothing", note="9 of 10 test reviews have <b>known</b> texts")
    page = Page(page_of(told, tmp_path))
    assert [one["class"] for one in page.all("p") if "class" in one][:2] == ["warning", "note"]
    assert "This training learnt nothing." in page.text
    assert "9 of 10 test reviews have <b>known</b> texts." in page.text


def test_stars_are_said_to_who_does_not_see_them_and_the_keyboard_goes_where_a_link_leads(page):
    labels = [span["aria-label"] for span in page.all("span") if span.get("role") == "img"]
    assert labels
    assert all(re.fullmatch(r"[\d.]+ of 5 stars", label) for label in labels)
    places = {section["id"]: section.get("tabindex") for section in page.all("section") if "id" in section}
    assert set(places.values()) == {"-1"}


def test_a_long_review_is_cut_in_the_middle_between_words(tmp_path):
    text = " ".join(f"word{number}" for number in range(400))
    mistake = {**assessment().mistakes[0], "text": text}
    page = write_report(report(assessment(mistakes=[mistake])), {}, tmp_path / "report.html").read_text(
        encoding="utf-8"
    )
    shown = re.search(r'<p dir="auto">(.*)</p>', page)[1]
    assert len(shown) < 800
    assert set(shown.replace("[…]", "").split()) <= set(text.split())
    assert shown.startswith("word0 ")
    assert shown.endswith(" word399")


def test_a_long_review_without_spaces_is_cut_too(tmp_path):
    mistake = {**assessment().mistakes[0], "text": "x" * 5_000}
    page = write_report(report(assessment(mistakes=[mistake])), {}, tmp_path / "report.html").read_text(
        encoding="utf-8"
    )
    assert 700 < page.count("x" * 50) * 50 + 200 < 1_100
    assert "x" * 600 not in page


def test_a_threshold_and_a_temperature_are_stated(tmp_path):
    tuned = report(assessment(decision=Decision(temperature=0.8, threshold=0.42)))
    text = page_of(tuned, tmp_path)
    assert "<dd>0.420</dd>" in text
    assert "the model was not sure enough" in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium was found: apt-get install chromium")
def test_the_links_at_the_head_go_where_mlflow_shows_the_page_too(page):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        around = browser.new_page()
        around.set_content("<iframe sandbox='allow-scripts' style='height: 400px'></iframe>")
        shown = (
            "page => document.querySelector('iframe').src = URL.createObjectURL(new Blob([page], {type: 'text/html'}))"
        )
        around.evaluate(shown, page.source)
        frame = around.frame_locator("iframe")
        frame.locator("nav a", has_text="Behaviour").click(timeout=60_000)
        expect(frame.locator("#behaviour")).to_be_in_viewport(timeout=60_000)
        browser.close()
