"""The reviews that are learnt from: those with a label, what a teacher says of them, and those that have none.

Of the lake these have three stars; what they teach a teacher says, or the stars themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.names import UNLABELLED
from sentiment.core.wording import counted
from sentiment.datasets.manifest import JUDGES, require_manifest
from sentiment.datasets.snapshot import keys_among, snapshot_folder
from sentiment.datasets.unlabelled import obtain_unlabelled, read_unlabelled, unlabelled_among
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
    """Return the training reviews with what the teacher says of them, and after them those without a label.

    These are those that the teacher alone knows and, where stars are learnt, the snapshot's of three stars in
    proportion. Without a teacher and stars to learn the reviews come back as they are. Raises ContractError as
    `require_teachable` does, when no stars are known, and when the teacher speaks of none of the training reviews.
    """
    if config.star_weight:
        _require_stars(config, train)
    elif not config.teacher:
        return train
    said, others = _said(config, context) if config.teacher else (None, set())
    if said and np.isnan(said.of(train.keys)).all():
        raise ContractError(
            f"the teacher {config.teacher} has a soft label for none of the {len(train):,} training reviews that seed "
            f"{config.seed} draws: train with the seed of the teacher's run and reviews at random, or label more "
            "(labelled_reviews of soft-labels)"
        )
    train = train.and_then(_without_label(config, len(train), others, context))
    return train.taught(said.of(train.keys) if said else None)


def counts(config: TrainingOptions, train: LabelledReviews) -> dict[str, int]:
    """Return how many reviews have both labels, how many the teacher alone knows, and how many teach by their stars.

    Of what is not learnt from nothing is counted.
    """
    if not isinstance(train, TaughtReviews):
        return {}
    unlabelled, spoken, starred = train.labels == UNLABELLED, ~np.isnan(train.log_odds), ~np.isnan(train.ratings)
    found: dict[str, np.ndarray] = {}
    if config.teacher:
        found |= {"taught_reviews": ~unlabelled & spoken, "unlabelled_reviews": unlabelled & spoken}
    if config.star_weight:
        found |= {"starred_reviews": starred, "stars_alone_reviews": starred & unlabelled & ~spoken}
    return {name: int(rows.sum()) for name, rows in found.items()}


def said_of(config: TrainingOptions, train: LabelledReviews) -> str:
    """Say of how many reviews the teacher has spoken, and how many teach by their stars; nothing where none does."""
    found, said = counts(config, train), []
    if config.teacher:
        alone = counted(found["unlabelled_reviews"], "review")
        soft = f"{found['taught_reviews']:,} of them, and for {alone} without a star label"
        said.append(f"the teacher has a soft label for {soft}")
    if config.star_weight:
        neutral = found["stars_alone_reviews"]
        without = ", and which the folds are trained without" if config.folds and neutral else ""
        said.append(
            f"stars are learnt of {counted(found['starred_reviews'], 'review')}, {neutral:,} of them of three stars, "
            f"which teach nothing else{without}"
        )
    return "; ".join(said)


def _require_stars(config: TrainingOptions, train: LabelledReviews) -> None:
    if np.isnan(train.ratings).all():
        raise ContractError(
            f"snapshot {config.snapshot} knows no stars of its training reviews, as Amazon Polarity does not; leave "
            "star_weight at 0"
        )


def _without_label(config: TrainingOptions, labelled: int, known: set[str], context: Context) -> LabelledReviews:
    """Return the snapshot's reviews without a label of these keys and, to learn stars, in proportion to `labelled`."""
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    manifest = require_manifest(folder)
    # Those of IMDb have no stars, and to read them takes its source.
    starred = config.star_weight > 0 and manifest.dataset == "lake"
    if not (known or starred):
        return LabelledReviews.of([], [], [], np.empty(0, np.int64))
    found, wanted = obtain_unlabelled(folder, context), set(known)
    if starred:
        in_proportion = round(found.reviews * labelled / manifest.splits["train"].reviews)
        sample, _ = read_unlabelled(folder, found, in_proportion, config.seed)
        wanted |= set(sample.keys)
    return unlabelled_among(folder, found, wanted)


def _said(config: TrainingOptions, context: Context) -> tuple[SoftLabels, set[str]]:
    """Return what the teacher says, and the keys of which the snapshot's training reviews have none."""
    said = read_table(table_of(config.teacher, context.settings))
    folder, keys = snapshot_folder(Lake(context.settings.lake_root), config.snapshot), set(said.keys)
    if seen := sum(len(keys_among(folder, split, keys)) for split in JUDGES):
        raise ContractError(
            f"the teacher {config.teacher} labels {counted(seen, 'review')} by which snapshot {config.snapshot} "
            "validates and tests; make soft labels of a training on this snapshot: `sentiment soft-labels --model RUN`"
        )
    taught = keys_among(folder, "train", keys)
    if not taught:
        raise ContractError(
            f"the teacher {config.teacher} labels no training review of snapshot {config.snapshot}: it is of other "
            "reviews; name its snapshot, or make soft labels of a training on this one"
        )
    return said, keys - taught
