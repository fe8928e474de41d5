"""Writes whole days of `reviews`: from rows that are sorted by day and product, without their repetitions.

It works on Arrow batches, in whatever process, and holds one product's rows of a day at a time beside a batch. It
commits nothing, and does not know where the rows come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyarrow import compute

from sentiment.ingest.clean import word_count
from sentiment.ingest.deduplicate import all_rows, unique
from sentiment.ingest.landing import Origin
from sentiment.stores.lake.files import by_day, write_day_file
from sentiment.stores.lake.schemas import REVIEWS

_DISPLACED = REVIEWS.schema.field("displaced")
_DERIVED = ("word_count", "displaced")
# A review before repetitions are taken out. `fresh` ones are of the delivery that comes in; `former` ones came with an
# earlier state of it and are not written, only compared with what is.
ROWS = pa.schema(
    [
        *(field for field in REVIEWS.schema if field.name not in _DERIVED),
        pa.field("fresh", pa.bool_()),
        pa.field("former", pa.bool_()),
    ]
)
ORDER = ("review_date", "parent_asin")
# A file, and of the delivery that comes in how many reviews stand in it, and how many former ones no longer do.
WRITTEN = pa.schema(
    [
        ("day", pa.date32()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("rows", pa.int64()),
        ("kept", pa.int64()),
        ("gone", pa.int64()),
    ]
)


def present_rows(batch: pa.RecordBatch, origin: Origin) -> pa.RecordBatch:
    """Return what a batch of `reviews` holds as ROWS, the displaced ones too; those of `origin` become former ones."""
    rows = [row for stored in batch.to_pylist() for row in all_rows(stored)]
    for row in rows:
        row |= {"fresh": False, "former": origin.holds(row["source_file"])}
    return pa.RecordBatch.from_pylist(rows, schema=ROWS)


def is_of(batch: pa.RecordBatch, origin: Origin) -> bool:
    """Return whether a batch, of `quarantine` or of `reviews`, holds anything that came with a delivery."""
    names = set(batch["source_file"].unique().to_pylist())
    if "displaced" in batch.schema.names:
        names |= {one["source_file"] for row in batch["displaced"].drop_null().to_pylist() for one in row}
    return any(origin.holds(name) for name in names)


def write_days(batches: Iterable[pa.RecordBatch], root: str) -> Iterator[pa.RecordBatch]:
    """Write the days of ROWS that are sorted by ORDER, and return a batch of WRITTEN for each."""
    for day, rows in by_day(batches, "review_date"):
        counts = {"kept": 0, "gone": 0}
        file = write_day_file(root, REVIEWS, day, _standing(rows, counts))
        yield pa.RecordBatch.from_pylist([{**vars(file), **counts}], schema=WRITTEN)


def _standing(batches: Iterable[pa.RecordBatch], counts: dict[str, int]) -> Iterator[pa.RecordBatch]:
    for whole in _whole_products(batches):
        table = whole.cast(ROWS)  # Spark's own schemas differ in what may be null
        former = set(table.filter(table["former"])["review_key"].to_pylist())
        live = table.filter(compute.invert(table["former"]))
        rows = _without_repetitions(live)
        counts["kept"] += compute.sum(rows["fresh"]).as_py() or 0
        counts["gone"] += len(former - set(rows["review_key"].to_pylist()))
        yield from rows.select(REVIEWS.file_schema.names).combine_chunks().to_batches()


def _without_repetitions(rows: pa.Table) -> pa.Table:
    """Return the reviews that stand, sorted by product and key."""
    times = compute.value_counts(rows["parent_asin"].combine_chunks())
    several = times.field("values").filter(compute.greater(times.field("counts"), 1))
    repeated = compute.is_in(rows["parent_asin"], value_set=several)
    alone = rows.filter(compute.invert(repeated))
    alone = alone.append_column(_DISPLACED, pa.nulls(alone.num_rows, _DISPLACED.type))
    chosen = [row for group in _products(rows.filter(repeated).to_pylist()) for row in unique(group)]
    standing = pa.concat_tables([alone, pa.Table.from_pylist(chosen, schema=pa.schema([*ROWS, _DISPLACED]))])
    words = pa.array([word_count(text) for text in standing["text"].to_pylist()], pa.int32())
    return standing.append_column("word_count", words).sort_by(
        [("parent_asin", "ascending"), ("review_key", "ascending")]
    )


def _products(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["parent_asin"], []).append(row)
    return found.values()


def _first_of(products: pa.Array, one: str | None) -> int:
    # Another program's rows may be of no product, which is not found by its value.
    return int(compute.index(products.is_null(), True).as_py() if one is None else compute.index(products, one).as_py())


def _whole_products(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut rows that are sorted by product into tables that hold all rows of each of their products."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        last = batch["parent_asin"][-1].as_py()
        begins = _first_of(batch["parent_asin"], last)
        if held and (begins or held[-1]["parent_asin"][-1].as_py() != last):
            yield pa.Table.from_batches([*held, batch.slice(0, begins)])
            held = []
        elif begins:
            yield pa.Table.from_batches([batch.slice(0, begins)])
        held.append(batch.slice(begins))
    if held:
        yield pa.Table.from_batches(held)
