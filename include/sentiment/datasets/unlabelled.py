"""Reviews without a label beside a snapshot: of the lake those of three stars, of IMDb those of its folder `unsup`.

The lake's are drawn as its training reviews are (the same version of the table, no repetitions, the same products,
before the same day). They are written into the snapshot's folder when somebody first asks for them, and are no split.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

import numpy as np
from pydantic import BaseModel, ConfigDict

from sentiment.core.context import Context
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import FIRST_SEED
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import Manifest, require_manifest
from sentiment.datasets.snapshot import in_memory, of_keys, products, sampled
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake

_HAVE_SOME = ("lake", "imdb")


class Unlabelled(BaseModel):
    """How many such reviews a snapshot has, their files in its folder, and what stands for the files of a source."""

    model_config = ConfigDict(frozen=True)

    reviews: int
    files: list[str]
    source: str = ""


def obtain_unlabelled(folder: str, context: Context) -> Unlabelled:
    """Return what is known of them, once they are written; Amazon Polarity has none.

    They are written anew where the source holds others than then. Raises ContractError when the lake's table, or the
    source, is not the one any more that the snapshot was made of.
    """
    manifest = require_manifest(folder)
    if manifest.dataset not in _HAVE_SOME:
        return Unlabelled(reviews=0, files=[])
    written, source = storage.read_bytes(_description(folder)), _state_of_source(manifest)
    known = Unlabelled.model_validate_json(written) if written else None
    if known and (known.source == source or not source):
        return known
    files, reviews = _written(manifest, folder, context)
    found = Unlabelled(reviews=reviews, files=files, source=source)
    storage.write_bytes(_description(folder), found.model_dump_json().encode())
    return found


def _state_of_source(manifest: Manifest) -> str:
    """Return what stands for the files of a source that hold reviews without a label; nothing where there are none."""
    if manifest.dataset == "lake":
        return ""
    from sentiment.datasets.source import unlabelled_files

    config = SnapshotConfig.model_validate(manifest.config)
    files = unlabelled_files(config)
    sizes = {seen.uri: seen.size for seen in storage.look(config.source)} if files else {}
    listed = "\n".join(f"{file.name} {sizes.get(file.uri)}" for file in files)
    return sha256(listed.encode("utf-8", "surrogateescape")).hexdigest() if files else ""


def _written(manifest: Manifest, folder: str, context: Context) -> tuple[list[str], int]:
    if manifest.dataset != "lake":
        from sentiment.datasets import from_files

        return from_files.write_unlabelled(manifest, folder, context.progress)
    from sentiment.datasets.from_lake import write_unlabelled
    from sentiment.stores.spark import session
    from sentiment.stores.spark_jobs import watched

    with (
        session(context.settings, "unlabelled", shared=context.spark) as spark,
        watched(spark, "taking the reviews of three stars", context.progress),
    ):
        return write_unlabelled(spark, Lake(context.settings.lake_root), manifest, folder)


def read_unlabelled(
    folder: str, found: Unlabelled, limit: int | None = None, seed: int = FIRST_SEED
) -> tuple[LabelledReviews, list[str]]:
    """Return them, or a sample as of a split, with UNLABELLED in the place of labels, and the product of each."""
    if not found.reviews:
        return LabelledReviews.of([], [], [], np.empty(0, np.int64)), []
    table = sampled(folder, found.files, found.reviews, limit, seed, ("parent_asin",))
    return in_memory(table), products(table)


def unlabelled_among(folder: str, found: Unlabelled, keys: Collection[str]) -> LabelledReviews:
    """Return those of these keys in the snapshot's order, without holding the others."""
    if not found.reviews:
        return LabelledReviews.of([], [], [], np.empty(0, np.int64))
    return in_memory(sampled(folder, found.files, found.reviews, None, FIRST_SEED, only=of_keys(keys)))


def _description(folder: str) -> str:
    return storage.join(folder, "unlabelled.json")
