"""Training reviews of other snapshots among those of a training's own: other kinds of texts, judged by none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews, UsedReviews
from sentiment.core.wording import counted
from sentiment.datasets.manifest import JUDGES, SPLITS, require_manifest
from sentiment.datasets.published import bare
from sentiment.datasets.snapshot import (
    keys_among,
    read_keys,
    read_products,
    read_texts,
    read_with_products,
    snapshot_folder,
    used_reviews,
)
from sentiment.stores.lake.tables import Lake
from sentiment.training.config.train import TrainConfig


@dataclass(frozen=True)
class Mixed:
    """What is taken of another snapshot's training reviews: the reviews, and how they are named as a data set."""

    snapshot: str
    reviews: LabelledReviews
    used: UsedReviews


def require_mixable(config: TrainConfig, context: Context) -> None:
    """Raise ContractError when another snapshot is not there, or two of all have reviews in common."""
    if not config.mixed_snapshots:
        return
    lake = Lake(context.settings.lake_root)
    before: dict[str, Sequence[str]] = {config.snapshot: SPLITS}
    for name in config.mixed_snapshots:
        keys = read_keys(snapshot_folder(lake, name), "train")
        for other, splits in before.items():
            if shared := sum(len(keys_among(snapshot_folder(lake, other), split, keys)) for split in splits):
                raise ContractError(
                    f"snapshot {name} trains on {counted(shared, 'review')} that snapshot {other} has too; mix in "
                    "snapshots of other reviews"
                )
        before[name] = ("train",)


def drawn(config: TrainConfig, own: int, context: Context) -> tuple[Mixed, ...]:
    """Return what is mixed into a training on `own` reviews, in equal parts from each other snapshot, by the seed.

    A text by which the training's own snapshot validates or tests is left out, whatever its key, and so is a review of
    a product by which it does.
    """
    if not config.mixed_snapshots:
        return ()
    lake = Lake(context.settings.lake_root)
    folder = snapshot_folder(lake, config.snapshot)
    texts = {bare(text) for split in JUDGES for text in read_texts(folder, split)}
    products = set().union(*(read_products(folder, split) for split in JUDGES))
    each = round(config.mixed_share * own / len(config.mixed_snapshots))
    return tuple(
        _of_snapshot(name, snapshot_folder(lake, name), each, config.seed, texts, products)
        for name in config.mixed_snapshots
    )


def with_mixed(train: LabelledReviews, mixed: Sequence[Mixed]) -> LabelledReviews:
    """Return the reviews and, after them, those of other snapshots under keys that name these."""
    for other in mixed:
        keys = [f"{other.snapshot} {key}" for key in other.reviews.keys]
        train = train.and_then(replace(other.reviews, keys=keys))
    return train


def said_of_mixed(mixed: Sequence[Mixed]) -> str:
    """Say how many reviews are mixed in, and of which snapshots; nothing where none are."""
    listed = " and ".join(f"{len(other.reviews):,} of {other.used.name.removesuffix('-train')}" for other in mixed)
    return f"training reviews of other snapshots are mixed in: {listed}" if mixed else ""


def _of_snapshot(name: str, folder: str, count: int, seed: int, texts: set[str], products: set[str]) -> Mixed:
    found, of = read_with_products(folder, "train", count, seed)
    judges = [bare(text) in texts or product in products for text, product in zip(found.texts, of, strict=True)]
    reviews = found.take(np.flatnonzero(np.logical_not(judges)))
    (used,) = used_reviews(folder, require_manifest(folder), {"train": reviews})
    return Mixed(name, reviews, used)
