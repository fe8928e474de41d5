"""Contenders without a network: two word lists, and TF-IDF under a logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from sentiment.datasets.snapshot import (
    read_split,
)
from sentiment_benchmarks.scoring.contenders import Contender, Score, joined
from sentiment_benchmarks.scoring.material import Material

TRAIN_REVIEWS = 20_000
_ALONE = "uses one core"


def lexical_contenders() -> list[Contender]:
    """Return VADER, TextBlob and TF-IDF."""
    return [
        Contender("VADER", _vader, package="vaderSentiment", decides="itself", note=_ALONE),
        Contender("TextBlob", _textblob, package="textblob", decides="itself", note=_ALONE),
        Contender(f"TF-IDF, logistic regression on {TRAIN_REVIEWS:,}", _tfidf, decides="itself", note=_ALONE),
    ]


def _vader(material: Material, stack: ExitStack) -> Score:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return _of_polarity([analyser.polarity_scores(text)["compound"] for text in joined(titles, texts)])

    return score


def _textblob(material: Material, stack: ExitStack) -> Score:
    from textblob import TextBlob

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return _of_polarity([TextBlob(text).polarity for text in joined(titles, texts)])

    return score


def _tfidf(material: Material, stack: ExitStack) -> Score:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train = read_split(material.snapshot, "train", TRAIN_REVIEWS)
    features = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = make_pipeline(features, LogisticRegression(max_iter=1_000))
    model.fit(joined(train.titles, train.texts), train.labels)

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return np.asarray(model.predict_proba(joined(titles, texts))[:, 1])

    return score


def _of_polarity(polarity: list[float]) -> np.ndarray:
    """Map polarities from [-1, 1] to [0, 1]: nought, which says nothing, counts as positive."""
    return (np.array(polarity) + 1) / 2
