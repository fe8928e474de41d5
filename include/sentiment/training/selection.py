"""Which reviews of a snapshot a network is trained on: a random sample, or above all what a linear model doubts.

A review that a linear model is sure of teaches a network little, and behind a gate it never comes to read one.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, expit

from sentiment.core.context import Context
from sentiment.core.labelled import LabelledReviews
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import read_split, read_with_products
from sentiment.training.config.train import TrainConfig
from sentiment.training.doubt import obtain_log_odds

# Of the draw so much goes by doubt, the rest to all alike, so that plain reviews are seen too (Hesterberg 1995:
# defensive mixture).
_BY_DOUBT = 0.75


def training_sample(config: TrainConfig, folder: str, context: Context) -> LabelledReviews:
    """Return the reviews of a snapshot's folder that a training learns from, as many as it asks for.

    By doubt, each is drawn with a weight of the entropy of what a linear model that was fitted without its product
    says of it (Lewis, Gale 1994: uncertainty sampling; Coleman et al. 2020: selection via proxy), never by whether
    that is right, which would prefer wrong labels. A smaller sample lies within every larger one of its seed.
    """
    if config.selection == "random" or _takes_all(config, folder):
        return read_split(folder, "train", config.train_reviews, config.seed)
    reviews, products = read_with_products(folder, "train")
    apart = require_manifest(folder).apart(reviews.keys, products)
    log_odds = obtain_log_odds(folder, config.encoder, reviews, apart, context)
    return reviews.take(drawn(weights(log_odds), config.train_reviews, config.seed))


def said_of_selection(config: TrainConfig, folder: str) -> str:
    """Say that there was nothing to choose where a choice was asked for; nothing where it was made, or was not."""
    if config.selection == "random" or not _takes_all(config, folder):
        return ""
    return f"all training reviews are taken, so that selection {config.selection} had none to choose"


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


def _takes_all(config: TrainConfig, folder: str) -> bool:
    return config.train_reviews >= require_manifest(folder).splits["train"].reviews
