"""The batches that one pair of processes takes of a training's reviews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.batches import SimilarLengths, collate, examples
from sentiment.training.config.train import TrainConfig
from sentiment.training.settings import StepPlan
from sentiment.training.trainer import evaluation_batch


class StageBatches:
    """Whole batches for pair number `pair`, the same for both of its processes; `train` are the reviews of all."""

    def __init__(
        self,
        config: TrainConfig,
        tokenizer: ReviewTokenizer,
        train: LabelledReviews,
        validation: LabelledReviews,
        pair: int,
    ) -> None:
        self._config, self._tokenizer, self._pair = config, tokenizer, pair
        self._train, self._validation = examples(tokenizer, train), examples(tokenizer, validation)
        self.train, self.validation_labels = train, validation.labels
        self.plan = StepPlan.of(config, len(train))

    def steps(self, done: int) -> Iterator[list[dict[str, Tensor]]]:
        """Give each step's batches from the one after `done` on; an epoch's last ones are filled from its first.

        The order depends on the size of a step, seed and epoch alone, so a resumed training meets the same batches. As
        with the Trainer, what the pairs take at the same time is of similar length.
        """
        size, pairs, plan = self._config.batch_size, self._config.processes, self.plan
        sampler = SimilarLengths(
            [len(example["input_ids"]) for example in self._train],
            size * pairs * self._config.accumulation,
            self._config.seed,
        )
        passes = -(-len(self._train) // (size * pairs))
        rows, epoch = np.empty((0, size), np.int64), -1
        for step in range(done, plan.steps):
            if step // plan.an_epoch != epoch:
                epoch = step // plan.an_epoch
                sampler.set_epoch(epoch)
                rows = np.resize(list(sampler), (passes, pairs, size))[:, self._pair]
            first = step % plan.an_epoch * self._config.accumulation
            yield [self._collated(self._train, batch) for batch in rows[first : first + self._config.accumulation]]

    def validations(self) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
        """Give this pair's share of the validation reviews: row numbers, and a batch that begins with those rows."""
        order = np.argsort([len(example["input_ids"]) for example in self._validation], kind="stable")
        size = evaluation_batch(self._config)
        for start in range(self._pair * size, len(order), self._config.processes * size):
            rows = order[start : start + size]
            yield rows, self._collated(self._validation, np.resize(rows, size))

    def _collated(self, reviews: list[dict[str, Any]], rows: np.ndarray) -> dict[str, Tensor]:
        return collate(self._tokenizer, [reviews[row] for row in rows])
