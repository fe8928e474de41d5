"""A snapshot, wherever its reviews come from: its id and folder, its columns, and how its splits are read.

The id is a hash of what pins it: which table in which version and which days, or the files' content, and the rules. So
the same question gives the same snapshot, and one that was lost can be made again exactly.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, dataset

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews, UsedReviews
from sentiment.core.names import FIRST_SEED, LABELS, UNLABELLED
from sentiment.datasets.config import LAKE_FIELDS, SnapshotConfig
from sentiment.datasets.manifest import Manifest, require_manifest
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake

ROW_GROUP_SIZE = 20_000
COLUMNS = pa.schema(
    [
        ("review_key", pa.string()),
        ("parent_asin", pa.string()),
        ("category", pa.string()),
        ("rating", pa.float64()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("label", pa.int8()),
        ("review_date", pa.date32()),
        ("sample_order", pa.int64()),
    ]
)


# Part of the id: raise them when the code changes what the same configuration selects; that of files, whose texts are
# cleaned here, when it changes the cleaning too.
_LAKE_RULES, _FILE_RULES = 2, 3
_OF_PRODUCTS = ("split", "recent_share")
_ID = re.compile(r"\w[\w-]*")
_READ = ("review_key", "title", "text", "label", "rating", "category", "review_date", "sample_order")
# Places of the order, and what lies between the beginnings of two seeds: 2^64 divided by the golden ratio.
_CIRCLE, _GOLDEN = 1 << 64, 0x9E3779B97F4A7C15


def pinned(config: SnapshotConfig, lake: Lake) -> SnapshotConfig:
    """Fill in what the configuration leaves open: the newest version of `reviews`, and its first and last day."""
    state = lake.state(REVIEWS, config.reviews_version)
    days = state.days.keys()
    if not days:
        raise ContractError("the lake holds no reviews to train on; run import-history or ingest first")
    return config.model_copy(
        update={
            "reviews_version": state.version,
            "from_day": config.from_day or min(days),
            "to_day": config.to_day or max(days),
        }
    )


def table_id(lake: Lake) -> str:
    """Return which table `reviews` is: one that was made anew counts its versions from 0 again, under another id."""
    return str(lake.open(REVIEWS).metadata().id)


def is_made_of(snapshot: str, config: SnapshotConfig, content: str) -> bool:
    """Return whether a snapshot, by these rules or earlier ones, is of this configuration and content."""
    return any(snapshot == snapshot_id(config, content, rules) for rules in range(1, _FILE_RULES + 1))


def snapshot_id(config: SnapshotConfig, content: str, rules: int | None = None) -> str:
    """Return the id of a pinned configuration; `content` is the id of the table, or the fingerprint of a data set.

    Files that moved are the same data set, and the id of a snapshot of the lake does not speak of files.
    """
    left_out = {"dataset", "source"} if config.dataset == "lake" else {"source", *LAKE_FIELDS, *_OF_PRODUCTS}
    # The ids of snapshots that were made before there was another split than that by product.
    left_out |= {"split"} if config.split == "product" else {"recent_share"}
    left_out |= {"test_share"} if config.test_categories else {"test_categories"}
    pinned_by = config.model_dump(mode="json", exclude=left_out)
    rules = rules or (_LAKE_RULES if config.dataset == "lake" else _FILE_RULES)
    text = json.dumps({"rules": rules, "content": content, **pinned_by}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def snapshot_folder(lake: Lake, snapshot: str) -> str:
    """Return the folder or prefix of a snapshot; ContractError for what is no id, which would lead elsewhere."""
    if not _ID.fullmatch(snapshot):
        raise ContractError(f"{snapshot!r} is no id of a snapshot; take the one that `sentiment snapshot` gives")
    return storage.join(lake.root, "snapshots", snapshot)


def read_split(folder: str, split: str, limit: int | None = None, seed: int = FIRST_SEED) -> LabelledReviews:
    """Return a split's reviews in the snapshot's random order, or `limit` of them from where `seed` begins in it.

    The order is a hash of the review's key, and a circle: seed 17 begins at 0, each further one the golden ratio of the
    circle further on, so that the samples of neighbouring seeds share as little as they can. A sample is the same every
    time and lies within every larger one of its seed, and only the row groups that hold it are read. What takes all
    reviews takes the same ones for every seed.
    """
    manifest = require_manifest(folder)
    return in_memory(sampled(folder, manifest.files[split], manifest.splits[split].reviews, limit, seed))


def read_keys(folder: str, split: str) -> set[str]:
    """Return the keys of all reviews of a split."""
    return _values(folder, split, "review_key")


def keys_among(folder: str, split: str, keys: Collection[str]) -> set[str]:
    """Return those of `keys` that are of reviews of a split, without holding the keys of all of them."""
    asked, found = pa.array(list(keys), pa.string()), set[str]()
    for batch in _opened(folder, require_manifest(folder).files[split]).to_batches(columns=["review_key"]):
        found.update(batch["review_key"].filter(compute.is_in(batch["review_key"], value_set=asked)).to_pylist())
    return found


def of_keys(keys: Collection[str]) -> dataset.Expression:
    """Return what tells the rows of these keys from the others, which are then not held."""
    return dataset.field("review_key").isin(pa.array(list(keys), pa.string()))


def read_products(folder: str, split: str) -> set[str]:
    """Return the products of the reviews of a split; there are none of IMDb's."""
    return _values(folder, split, "parent_asin") - {None}


def read_texts(folder: str, split: str) -> Iterator[str]:
    """Give the text of each review of a split, without holding all of them."""
    for batch in _opened(folder, require_manifest(folder).files[split]).to_batches(columns=["text"]):
        yield from batch["text"].to_pylist()


def read_with_products(
    folder: str, split: str, limit: int | None = None, seed: int = FIRST_SEED
) -> tuple[LabelledReviews, list[str]]:
    """Return the reviews that `read_split` returns, and the product of each."""
    manifest = require_manifest(folder)
    table = sampled(folder, manifest.files[split], manifest.splits[split].reviews, limit, seed, ("parent_asin",))
    return in_memory(table), products(table)


def sampled(
    folder: str,
    names: list[str],
    total: int,
    limit: int | None,
    seed: int,
    more: tuple[str, ...] = (),
    only: dataset.Expression | None = None,
) -> pa.Table:
    """Return the rows, of the `total` in some files of a snapshot, that `read_split` tells of.

    Those of `more` columns that the files have are there too. Without a limit it may be those `only` that it says.
    """
    begin = 0 if limit is None or limit >= total else (seed - FIRST_SEED) * _GOLDEN % _CIRCLE
    opened = _opened(folder, names)
    columns = [*_READ, *(name for name in more if name in opened.schema.names)]
    table = opened.to_table(columns=columns, filter=only if limit is None else _near(begin, limit, total))
    # From the least of all signed numbers on, and around.
    places = (table["sample_order"].to_numpy().view("uint64") ^ np.uint64(_CIRCLE // 2)) - np.uint64(begin)
    table = table.append_column("place", pa.array(places))
    table = table.take(compute.sort_indices(table, [("place", "ascending"), ("review_key", "ascending")]))
    return table.slice(0, limit)


def products(table: pa.Table) -> list[str]:
    """Return the product of each row; a review without one, as those of IMDb are, is its own."""
    if "parent_asin" not in table.schema.names:
        return table["review_key"].to_pylist()  # type: ignore[no-any-return]
    filled: list[str] = compute.coalesce(table["parent_asin"], table["review_key"]).to_pylist()
    return filled


def _values(folder: str, split: str, column: str) -> set[Any]:
    table = _opened(folder, require_manifest(folder).files[split]).to_table(columns=[column])
    return set(compute.unique(table[column]).to_pylist())


def _opened(folder: str, names: list[str]) -> dataset.Dataset:
    filesystem, base = storage.arrow_filesystem(folder)
    return dataset.dataset([f"{base}/{name}" for name in names], filesystem=filesystem, format="parquet")


def _near(begin: int, limit: int | None, total: int) -> dataset.Expression | None:
    """Bound the order so that about 1.2 times `limit` uniformly hashed rows pass (and 200 more, for small limits)."""
    if limit is None or limit * 1.2 + 200 >= total:
        return None
    end = begin + int((limit * 1.2 + 200) / total * _CIRCLE)
    order, least = dataset.field("sample_order"), -(_CIRCLE // 2)
    if end <= _CIRCLE:
        return (order >= begin + least) & (order < end + least)
    return (order >= begin + least) | (order < end - _CIRCLE + least)


def in_memory(table: pa.Table) -> LabelledReviews:
    """Return rows of a snapshot as trainers and evaluation take them."""
    return LabelledReviews(
        keys=table["review_key"].to_pylist(),
        titles=table["title"].to_pylist(),
        texts=table["text"].to_pylist(),
        labels=compute.fill_null(table["label"], UNLABELLED).to_numpy().astype("int64"),
        ratings=table["rating"].to_numpy().astype("float64"),
        categories=compute.fill_null(table["category"], "").to_pylist(),
        years=compute.fill_null(compute.year(table["review_date"]), 0).to_numpy().astype("int64"),
    )


def used_reviews(folder: str, manifest: Manifest, splits: Mapping[str, LabelledReviews]) -> list[UsedReviews]:
    """Describe the reviews of each split that were taken from the snapshot in `folder`."""
    return [
        UsedReviews(f"{manifest.dataset}-{manifest.id}-{split}", split, _digest(reviews), folder, _counts(reviews))
        for split, reviews in splits.items()
    ]


def _digest(reviews: LabelledReviews) -> str:
    """Return 8 hexadecimal digits, MLflow's custom, of keys and labels in their order (100,000 reviews: 0.1 s)."""
    content = hashlib.sha256()
    for key, label in zip(reviews.keys, reviews.labels.tolist(), strict=True):
        content.update(f"{key}\x1f{label}\n".encode("utf-8", "surrogatepass"))
    return content.hexdigest()[:8]


def _counts(reviews: LabelledReviews) -> dict[str, int]:
    return {name: int((reviews.labels == label).sum()) for label, name in enumerate(LABELS)}
