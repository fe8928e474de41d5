"""Fits the gate that stands before a network: TF-IDF and logistic regression over the network's own token ids.

Its arithmetic must match that of `engine/cascade.py` number for number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sentiment.engine.cascade import Gate
from sentiment.engine.features import count_buckets

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# 2^20 buckets, as of the linear family: 8 MB of tables in a worker; 100,000 reviews of electronics fill 43 % of them.
BUCKETS = 2**20
# What the linear family takes by default.
INVERSE_REGULARISATION = 8.0


def fit_gate(ids: Sequence[np.ndarray], labels: np.ndarray, seed: int, buckets: int = BUCKETS) -> Gate:
    """Return the gate of reviews' whole token ids, without special ones, and their labels [reviews], 0 or 1.

    Buckets of a single review are left out.
    """
    from sklearn.linear_model import LogisticRegression

    counts = count_buckets(ids, (), buckets)
    reviews_with = np.bincount(counts.indices, minlength=buckets)
    common = np.flatnonzero(reviews_with >= 2)
    # The smoothed idf of scikit-learn's TfidfTransformer.
    idf = np.log((1 + len(ids)) / (1 + reviews_with[common])) + 1
    # liblinear for the reason that `training/linear.py` gives.
    regression = LogisticRegression(C=INVERSE_REGULARISATION, solver="liblinear", random_state=seed)
    regression.fit(_weighted(counts[:, common], idf), labels)
    weights, energies = np.zeros((2, buckets), np.float32)
    weights[common], energies[common] = idf * regression.coef_[0], idf**2
    return Gate(weights, energies, float(regression.intercept_[0]))


def _weighted(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """Return counts times idf, each row divided by the root of its appearances' summed squared idf."""
    from scipy.sparse import diags

    energy = np.asarray(counts @ (idf**2))
    return diags(1 / np.sqrt(np.maximum(energy, 1e-12))) @ counts @ diags(idf)
