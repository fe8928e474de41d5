"""More reviews of the rare class, drawn again or made of their neighbours. Knows labels and arrays, not what learns.

Weights of classes and focal loss, which leave the reviews as they are, stand in `training/losses.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURS = 5


def oversampled(reviews: LabelledReviews, seed: int) -> LabelledReviews:
    """Return all reviews and, after them, ones of the rarer label drawn again until both are equally many."""
    from imblearn.over_sampling import RandomOverSampler

    rows = np.arange(len(reviews))[:, None]
    drawn, _ = RandomOverSampler(random_state=seed).fit_resample(rows, reviews.labels)
    return reviews.take(drawn.ravel())


def synthesised(features: csr_matrix, labels: np.ndarray, seed: int) -> tuple[csr_matrix, np.ndarray]:
    """Return features [n, f] and labels [n] with points between neighbours of the rarer label, until both are equal.

    Chawla, Bowyer, Hall, Kegelmeyer: SMOTE, JAIR 16, 2002. Raises ContractError when there are too few neighbours.
    """
    from imblearn.over_sampling import SMOTE

    rare = int(np.bincount(labels).min())
    if rare <= NEIGHBOURS:
        raise ContractError(
            f"smote needs more than {NEIGHBOURS} training reviews of the rarer label and has {rare}; give more "
            "reviews, or choose imbalance=oversampling"
        )
    made, wanted = SMOTE(k_neighbors=NEIGHBOURS, random_state=seed).fit_resample(features, labels)
    return made, wanted
