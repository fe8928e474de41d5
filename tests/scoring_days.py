"""Days of reviews to score, a home that holds them with a bundle, and a scorer of no model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import tiny
from conftest import fill, lake_review
from sentiment.engine.bundle import Thresholds
from sentiment.engine.scorer import Answers, Decisions
from sentiment.stores.lake.schemas import REVIEWS, DayTable
from sentiment.stores.lake.tables import Lake

DAY = date(2014, 5, 5)
# Two versions, each with the name of its bundle in this machine's cache, as `resolve_model` hands them on.
ONE, TWO = (f"{number}@{number * 16}" for number in ("1", "2"))
EMPTY, LATER, NEVER = DAY + timedelta(1), DAY + timedelta(2), DAY + timedelta(3)

HOSTILE = {
    "a megabyte": "great " * 170_000,
    "nulls": "nul\x00 inside \x00 of it",
    "right to left": "عربي جيد جدا",
    "only emoji": "😀👍🏽❤️",
    "one word": "bad",
    "one long word": "x" * 100_000,
}


def day_of_reviews(day: date) -> list[dict[str, Any]]:
    """Thirty ordinary reviews with stars from one to five, of words that the tiny model knows, and the hostile ones."""
    known = tiny.reviews(30, seed=day.day)
    ordinary = [
        lake_review(day, number, rating=1.0 + number % 5, title=known.titles[number], text=known.texts[number])
        for number in range(30)
    ]
    odd = [
        lake_review(day, 30 + at, review_key=f"{day} {name}", text=text)
        for at, (name, text) in enumerate(HOSTILE.items())
    ]
    return ordinary + odd


def furnish(home: Path, bundle: Path) -> Lake:
    """Give a home three days of reviews, of which one is empty, and the bundle as version 1 in this machine's cache."""
    fill(home / "lake", REVIEWS, {DAY: day_of_reviews(DAY), EMPTY: [], LATER: day_of_reviews(LATER)})
    shutil.copytree(bundle, home / "bundles" / ONE[2:])
    return Lake(str(home / "lake"))


def rows(lake: Lake, spec: DayTable, day: date, *without: str) -> list[dict[str, Any]]:
    """Return a day's rows in an order of their own, some columns left out."""
    table = lake.read(spec, (day, day)).drop_columns(list(without))
    return sorted(table.to_pylist(), key=lambda row: [str(row.get(name)) for name in ("review_key", "level", *row)])


class Oracle:
    """A scorer of no model: texts with "good" in them are positive. It keeps what it was asked."""

    engine_name = "onnxruntime-fp32"
    thresholds = Thresholds()

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, titles: Sequence[str], texts: Sequence[str]) -> Answers:
        """Return 0.9 or 0.2 for every text."""
        self.asked += texts
        probability = np.array([0.9 if "good" in text else 0.2 for text in texts], np.float32)
        return Answers(
            probability, np.full(len(texts), "oracle"), np.full(len(texts), True), np.full(len(texts), "en", object)
        )

    def decide(self, answers: Answers) -> Decisions:
        """Return labels from 0.5 on."""
        probabilities = answers.positive_probability
        confidence = np.maximum(probabilities, 1 - probabilities)
        label = np.where(probabilities >= 0.5, "positive", "negative")
        return Decisions(label, probabilities, confidence, confidence < 0.7)
