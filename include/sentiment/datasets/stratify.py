"""Which split a row of a data set belongs to: stratified, seeded, and never one text in two splits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentiment.core.names import LABELS
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import (
    SPLITS,
    UNUSED,
)

TRAIN, VALIDATION, TEST = SPLITS


class Rows(NamedTuple):
    """What the split depends on, all of shape [rows]: label, category, side ("test", "train" or "" when it is open),
    words, and a hash of the text that is equal exactly for texts that count as one.
    """

    labels: np.ndarray
    categories: np.ndarray
    sides: np.ndarray
    words: np.ndarray
    texts: np.ndarray


def assign_splits(rows: Rows, config: SnapshotConfig) -> tuple[np.ndarray, dict[str, int]]:
    """Return every row's split ("unused" for what is left out) and how many rows are left out, by reason.

    A test that the source gives stays whole, repetitions included, because published figures are on it; whatever else
    has one of its texts is left out. Of equal texts in the rest the first row stays; where their labels contradict one
    another none does.
    """
    splits = np.full(len(rows.labels), UNUSED, object)
    long_enough = rows.words >= config.min_words
    given = long_enough & (rows.sides == TEST)
    splits[given] = TEST
    rest = long_enough & ~given
    repeats_test = rest & np.isin(rows.texts, rows.texts[given])
    unseen = np.flatnonzero(rest & ~repeats_test)
    fresh = unseen[_agreeing(rows.texts[unseen], rows.labels[unseen])]
    contradictory = len(unseen) - len(fresh)
    fresh = fresh[np.sort(np.unique(rows.texts[fresh], return_index=True)[1])]
    shares = {VALIDATION: config.validation_share} if given.any() else _shares(config)
    splits[fresh] = stratified(rows.labels[fresh], rows.categories[fresh], shares, config.split_seed)
    left_out = {
        "too_short": int((~long_enough).sum()),
        "also_in_test": int(repeats_test.sum()),
        "contradictory": contradictory,
        "repeated": len(unseen) - contradictory - len(fresh),
    }
    return splits, left_out


def stratified(labels: np.ndarray, categories: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return a split's name for every row [rows]: of each label in each category the given shares, and train.

    A stratum of few rows is not refused, as scikit-learn's splitters do; what rounds to none of them goes to train.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    splits = np.full(len(labels), TRAIN, object)
    stratum = len(LABELS) * np.unique(categories, return_inverse=True)[1] + labels
    for number in range(stratum.max(initial=-1) + 1):
        rows, begin = shuffled[stratum[shuffled] == number], 0.0
        for split, share in shares.items():
            start, end = round(begin * len(rows)), round((begin + share) * len(rows))
            splits[rows[start:end]] = split
            begin += share
    return splits


def _agreeing(texts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for every row [rows] whether all rows of its text have its label."""
    text = np.unique(texts, return_inverse=True)[1]
    positive = np.bincount(text, labels)[text]
    agreeing: np.ndarray = (positive == 0) | (positive == np.bincount(text)[text])
    return agreeing


def _shares(config: SnapshotConfig) -> dict[str, float]:
    return {TEST: config.test_share, VALIDATION: config.validation_share}
