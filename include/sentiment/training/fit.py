"""The one entry to training: checks the reviews and hands them to the family's trainer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS, UNLABELLED
from sentiment.core.settings import Settings
from sentiment.training.augmentation.texts import made, with_made_texts
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted
from sentiment.training.job import OnLog
from sentiment.training.titles import with_titles


def fit(
    config: TrainConfig,
    train: LabelledReviews,
    validation: LabelledReviews,
    workdir: Path,
    settings: Settings,
    on_log: OnLog | None = None,
) -> Fitted:
    """Train a candidate of the family that `config` names; `on_log` gets every log record as it comes.

    `workdir` keeps the checkpoints of a neural training: called again with the same arguments after a crash, it goes on
    from the last one. `settings` say where encoders that come as packages are unpacked, and which Spark there is to
    train on. Raises ContractError when the reviews cannot train a model, or when `workdir` belongs to another
    training.
    """
    _check(train, validation)
    train = with_titles(train.taught() if config.star_weight else train, config.title_share, config.seed)
    train = with_made_texts(train, config.augmentation, config.seed)
    if config.imbalance == "oversampling":
        from sentiment.training.imbalance import oversampled

        train = oversampled(train, config.seed)
    if config.family == "linear":
        from sentiment.training.linear import fit_linear

        return fit_linear(config, train, validation, settings, on_log)
    if config.processes * config.stages > 1:
        from sentiment.training.distributed import fit_distributed

        return fit_distributed(config, train, validation, workdir, settings, on_log)
    from sentiment.training.neural import fit_neural

    return fit_neural(config, train, validation, workdir, settings, on_log)


def trained_on(config: TrainConfig, train: LabelledReviews) -> int:
    """Return how many texts an epoch goes through: titles and made texts too, and what oversampling draws."""
    train = with_titles(train, config.title_share, config.seed)
    if config.imbalance != "oversampling":
        return len(train) + made(len(train), config.augmentation)
    labelled = train.labels[train.labels != UNLABELLED]
    return len(train) - len(labelled) + int(len(LABELS) * np.bincount(labelled, minlength=len(LABELS)).max())


def _check(train: LabelledReviews, validation: LabelledReviews) -> None:
    if not len(validation):
        raise ContractError("there are no validation reviews; widen the snapshot's days or its validation_share")
    counts = np.bincount(train.labels[train.labels != UNLABELLED], minlength=len(LABELS))
    if not counts.all():
        found = ", ".join(f"{count} {name}" for name, count in zip(LABELS, counts, strict=True))
        raise ContractError(f"training needs reviews of both labels and has {found}; widen the snapshot's days")
