"""Titles as training texts of their own: from them a model learns to read what is short."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentiment.core.labelled import LabelledReviews


def with_titles(reviews: LabelledReviews, share: float, seed: int) -> LabelledReviews:
    """Return the reviews and, after them, the titles of a share of those that have one, drawn by the seed.

    A title has the label of its review, and what a teacher says of that.
    """
    titled = np.flatnonzero([bool(title.strip()) for title in reviews.titles])
    chosen = np.sort(np.random.default_rng(seed).permutation(titled)[: round(share * len(titled))])
    if not len(chosen):
        return reviews
    of = reviews.take(chosen)
    keys = [f"{key} title" for key in of.keys]
    return reviews.and_then(replace(of, keys=keys, titles=[""] * len(of), texts=of.titles))
