"""Reviews as a Trainer's examples: token ids, padded batches, and an order that keeps similar lengths together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.tokens import ReviewTokenizer

# Sorting within 50 shuffled batches leaves almost no padding and still mixes reviews anew in every epoch.
BATCHES_SORTED_TOGETHER = 50


def examples(tokenizer: ReviewTokenizer, reviews: LabelledReviews) -> list[dict[str, Any]]:
    """Return one `{"input_ids": int64 array, "labels": what is wanted of it}` a review, in order."""
    ids = tokenizer.encode(reviews.titles, reviews.texts)
    return [{"input_ids": review, "labels": label} for review, label in zip(ids, reviews.wanted.tolist(), strict=True)]


def collate(tokenizer: ReviewTokenizer, batch: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Pad a batch of examples to its longest: int64 `input_ids`, `attention_mask` [b, n] and `labels` [b].

    Of taught reviews `labels` are float32 [b, 3]: see `TaughtReviews.wanted`. Examples with a `copy` have it in further
    rows of ids and mask, in their order, and their own rows in int64 `copied` [c].
    """
    copied = [row for row, example in enumerate(batch) if "copy" in example]
    copies = [batch[row]["copy"] for row in copied]
    input_ids, attention_mask = tokenizer.pad([*(example["input_ids"] for example in batch), *copies])
    return {
        "input_ids": torch.from_numpy(input_ids),
        "attention_mask": torch.from_numpy(attention_mask),
        "labels": torch.tensor([example["labels"] for example in batch]),
        **({"copied": torch.tensor(copied)} if copied else {}),
    }


class SimilarLengths(Sampler[int]):
    """An order in which every batch holds reviews of similar length and the batches follow one another at random.

    transformers' own LengthGroupedSampler goes from long to short within each group of batches, so that a small
    training sees its long reviews first and its short ones last. The order depends on the size of a step, seed and
    epoch alone: a resumed training meets the same batches.
    """

    def __init__(
        self, lengths: Sequence[int], step_size: int, seed: int, on_epoch: Callable[[int], None] | None = None
    ) -> None:
        self._on_epoch = on_epoch
        self._lengths = np.asarray(lengths)
        self._step_size = step_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self._seed, self._epoch])
        order = generator.permutation(len(self._lengths))
        window = self._step_size * BATCHES_SORTED_TOGETHER
        groups = [order[start : start + window] for start in range(0, len(order), window)]
        ordered = np.concatenate([group[np.argsort(self._lengths[group], kind="stable")] for group in groups])
        # The incomplete batch stays last, or every batch after it would be cut elsewhere.
        whole = len(ordered) // self._step_size * self._step_size
        batches = generator.permutation(ordered[:whole].reshape(-1, self._step_size))
        yield from [*batches.ravel().tolist(), *ordered[whole:].tolist()]

    def set_epoch(self, epoch: int) -> None:
        """Called by the training loop before each pass; `on_epoch` is told."""
        self._epoch = epoch
        if self._on_epoch:
            self._on_epoch(epoch)
