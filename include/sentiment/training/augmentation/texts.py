"""The texts that are learnt from beside the reviews: opinions, turned sentences, and texts without an opinion."""

from __future__ import annotations

import random

import numpy as np

from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.names import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.training.augmentation.counterfactuals import turned_sentences
from sentiment.training.augmentation.opinions import Text, opinion, without_opinion

# Opinions, turned sentences, none; where too few sentences can be turned, opinions take their place.
_KINDS = 3


def with_made_texts(reviews: LabelledReviews, share: float, seed: int) -> LabelledReviews:
    """Return the reviews and, after them, so many made texts as this share of them, drawn by the seed.

    Texts without an opinion have no label and the log odds 0: nobody can tell their side.
    """
    if not (count := made(len(reviews), share)):
        return reviews
    return reviews.taught().and_then(made_texts(reviews, count, seed))


def made(reviews: int, share: float) -> int:
    """Return how many texts are made beside so many reviews."""
    return round(share * reviews)


def made_texts(reviews: LabelledReviews, count: int, seed: int) -> TaughtReviews:
    """Return so many texts in equal parts of the kinds; what is turned are sentences of the reviews."""
    draw = random.Random(seed)  # noqa: S311
    turned = _turned(reviews, count // _KINDS, draw)
    empty = [without_opinion(draw) for _ in range(count // _KINDS)]
    sides = [(POSITIVE, NEGATIVE)[row % 2] for row in range(count - len(turned) - len(empty))]
    opinions = [opinion(side, draw) for side in sides]
    texts: list[Text] = [*opinions, *(("", text) for text, _ in turned), *empty]
    labels = np.array([*sides, *(label for _, label in turned), *(UNLABELLED for _ in empty)], np.int64)
    keys = [f"made {row}" for row in range(count)]
    plain = LabelledReviews.of(keys, [title for title, _ in texts], [text for _, text in texts], labels)
    return TaughtReviews(**vars(plain), log_odds=np.where(labels == UNLABELLED, 0.0, np.nan))


def _turned(reviews: LabelledReviews, most: int, draw: random.Random) -> list[tuple[str, int]]:
    """Return at most so many turned sentences, one a review, of no label more than half of that."""
    found: dict[int, list[str]] = {POSITIVE: [], NEGATIVE: []}
    for row in draw.sample(range(len(reviews)), len(reviews)):
        label = int(reviews.labels[row])
        if label == UNLABELLED:
            continue
        kept = found[NEGATIVE if label == POSITIVE else POSITIVE]
        if len(kept) < most // 2 and (turned := turned_sentences(reviews.texts[row], label)):
            kept.append(draw.choice(turned))
        if all(len(texts) == most // 2 for texts in found.values()):
            break
    return [(text, label) for label, texts in found.items() for text in texts]
