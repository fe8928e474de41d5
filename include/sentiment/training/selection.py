"""Which reviews of a snapshot a network is trained on: those above all of which a cheap model is unsure.

A review that a linear model is sure of teaches a network little, and where a gate stands before it, it never sees one.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, expit

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.datasets.snapshot import read_split
from sentiment.training.config.train import TrainConfig
from sentiment.training.teaching.table import read_table, table_of

# Of the draw so much goes by the proxy's doubt, the rest to all alike, so that plain reviews are seen too (Hesterberg
# 1995: defensive mixture).
_BY_DOUBT = 0.75


def training_sample(config: TrainConfig, folder: str, context: Context) -> LabelledReviews:
    """Return the reviews of a snapshot that a training learns from: a random sample, or one by the doubt of its proxy.

    Each review is drawn with a weight of the entropy of what the proxy says of it (Lewis, Gale 1994: uncertainty
    sampling; Coleman et al. 2020: selection via proxy), never by whether that is right, which would prefer wrong
    labels. A smaller sample lies within every larger one of its seed. Raises ContractError when the proxy has no soft
    label for some of them.
    """
    if not config.proxy:
        return read_split(folder, "train", config.train_reviews, config.seed)
    reviews = read_split(folder, "train")
    log_odds = read_table(table_of(config.proxy, context.settings)).of(reviews.keys)
    if missing := int(np.isnan(log_odds).sum()):
        raise ContractError(
            f"the proxy {config.proxy} has no soft label for {missing:,} of the {len(reviews):,} training reviews of "
            f"snapshot {config.snapshot}; make them of a linear run on all: `sentiment soft-labels --model RUN "
            f"--labelled-reviews {len(reviews)}`"
        )
    return reviews.take(drawn(weights(log_odds), config.train_reviews, config.seed))


def weights(log_odds: np.ndarray) -> np.ndarray:
    """Return how much each review weighs in the draw, float64 [n], of log odds [n]; their mean is 1."""
    entropy = entr(expit(log_odds)) + entr(expit(-log_odds))
    doubt: np.ndarray = _BY_DOUBT * entropy / entropy.mean() + 1 - _BY_DOUBT
    return doubt


def drawn(weight: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Return the rows of a weighted draw without replacement, in the order in which they were drawn.

    Efraimidis, Spirakis: Weighted random sampling with a reservoir, 2006: the least of Exp(1) / weight come first.
    """
    times = np.random.default_rng(seed).exponential(size=len(weight)) / weight
    first: np.ndarray = np.argsort(times, kind="stable")[:limit]
    return first
