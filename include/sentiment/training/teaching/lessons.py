"""The reviews that a student learns from: those with a label, what a teacher says of them, and those it alone knows."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.names import UNLABELLED
from sentiment.core.wording import counted
from sentiment.datasets.manifest import SPLITS
from sentiment.datasets.snapshot import read_keys, snapshot_folder
from sentiment.datasets.unlabelled import obtain_unlabelled, read_unlabelled
from sentiment.stores.lake.tables import Lake
from sentiment.training.config.train import TrainingOptions
from sentiment.training.teaching.table import SoftLabels, read_table, table_of

Taught = TypeVar("Taught", bound=TrainingOptions)


def with_teacher_at_hand(config: Taught, context: Context) -> Taught:
    """Name the file of a teacher's table in full; ContractError for one that is nowhere, or is no such table."""
    if not config.teacher:
        return config
    read_table(table_of(config.teacher, context.settings))
    whole = str(Path(config.teacher).absolute()) if Path(config.teacher).is_file() else config.teacher
    return config.model_copy(update={"teacher": whole})


def require_teachable(config: TrainingOptions, context: Context) -> None:
    """Raise ContractError when the teacher's table is of other reviews than those that the snapshot trains on."""
    if config.teacher:
        _said(config, context)


def lessons(config: TrainingOptions, train: LabelledReviews, context: Context) -> LabelledReviews:
    """Return the training reviews with what the teacher says of them, and after them those that it alone knows.

    Without a teacher they come back as they are. Raises ContractError as `require_teachable` does.
    """
    if not config.teacher:
        return train
    said, others = _said(config, context)
    if others:
        folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
        unlabelled, _ = read_unlabelled(folder, obtain_unlabelled(folder, context))
        known = np.array([key in others for key in unlabelled.keys], bool)
        train = train.and_then(unlabelled.take(np.flatnonzero(known)))
    return TaughtReviews(**vars(train), log_odds=said.of(train.keys))


def counts(train: LabelledReviews) -> dict[str, int]:
    """Return how many reviews have both labels, and how many the teacher alone knows; nothing where there is none."""
    if not isinstance(train, TaughtReviews):
        return {}
    unlabelled = train.labels == UNLABELLED
    taught = ~unlabelled & ~np.isnan(train.log_odds)
    return {"taught_reviews": int(taught.sum()), "unlabelled_reviews": int(unlabelled.sum())}


def said_of(train: LabelledReviews) -> str:
    """Say of how many reviews the teacher has spoken; nothing where there is none."""
    if not (found := counts(train)):
        return ""
    alone = counted(found["unlabelled_reviews"], "review")
    return f"the teacher has a soft label for {found['taught_reviews']:,} of them, and for {alone} without a star label"


def _said(config: TrainingOptions, context: Context) -> tuple[SoftLabels, set[str]]:
    """Return what the teacher says, and the keys of which the snapshot's training reviews have none."""
    said = read_table(table_of(config.teacher, context.settings))
    folder, keys = snapshot_folder(Lake(context.settings.lake_root), config.snapshot), set(said.keys)
    train, *judges = (read_keys(folder, split) for split in SPLITS)
    if seen := sum(len(keys & judge) for judge in judges):
        raise ContractError(
            f"the teacher {config.teacher} labels {counted(seen, 'review')} by which snapshot {config.snapshot} "
            "validates and tests; make soft labels of a training on this snapshot: `sentiment soft-labels --model RUN`"
        )
    if not keys & train:
        raise ContractError(
            f"the teacher {config.teacher} labels no training review of snapshot {config.snapshot}: it is of other "
            "reviews; name its snapshot, or make soft labels of a training on this one"
        )
    return said, keys - train
