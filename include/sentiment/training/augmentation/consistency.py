"""What a training makes of changes that mean nothing: copies of reviews, and how far their predictions lie apart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.augmentation.changes import changed

# Of the reviews of an epoch so many go through the network a second time, changed: a batch takes a quarter longer.
COPIED = 0.25


class CopiedExamples(Dataset[dict[str, Any]]):
    """Examples of which a share, another one in every epoch, has in `copy` the token ids of its changed text.

    Which, and how they are changed, follows from seed, epoch and row alone: processes of one training, and a resumed
    one, meet the same. Before the first epoch there are no copies.
    """

    def __init__(
        self, examples: Sequence[dict[str, Any]], reviews: LabelledReviews, tokenizer: ReviewTokenizer, seed: int
    ) -> None:
        self._examples = examples
        self._reviews = reviews
        self._tokenizer = tokenizer
        self._seed = seed
        self._epoch = 0
        self._copied: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, row: int) -> dict[str, Any]:
        example = self._examples[row]
        return {**example, "copy": self._copy(row)} if row in self._copied else example

    def set_epoch(self, epoch: int) -> None:
        """Draw the reviews that are copied in this epoch."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self))
        self._epoch, self._copied = epoch, frozenset(order[: round(COPIED * len(self))].tolist())

    def _copy(self, row: int) -> np.ndarray:
        draw = random.Random(f"{self._seed} {self._epoch} {row}")  # noqa: S311
        text = changed(self._reviews.texts[row], draw)
        return self._tokenizer.encode([self._reviews.titles[row]], [text])[0]


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return (KL(p, q) + KL(q, p)) / 2 of each row of two sets of logits [n, 2].

    Liang et al.: R-Drop: Regularized Dropout for Neural Networks, NeurIPS 2021, equation 3, between two passes of one
    text; here, as in Xie et al.: Unsupervised Data Augmentation for Consistency Training, NeurIPS 2020, the second is
    of a changed one.
    """
    p, q = functional.log_softmax(logits, dim=1), functional.log_softmax(others, dim=1)
    # Both directions in one: p log(p/q) + q log(q/p) = (p - q) (log p - log q).
    return ((p.exp() - q.exp()) * (p - q)).sum(1) / 2


def inconsistency(logits: Tensor, copied: Tensor, reviews: int) -> Tensor:
    """Return the mean divergence of a batch of so many reviews, whose copies have the logits after theirs.

    `copied` [copies] says of which rows they are. The mean is over as many copies as a batch has on average, so that
    processes and accumulated passes add up to what one large batch gives.
    """
    judged = logits[:, :2]
    return divergence(judged[copied], judged[reviews:]).sum() / (COPIED * reviews)
