"""Writes whole days of `reviews`: from rows that are sorted by day and product, without their repetitions.

A repetition is a review of the same day and product by the same user, or in the same words where those are more than
several people write alike. A day is looked at by
itself, so that a history and the same days one by one give the same table, in whatever order they come; over all
history repetitions are taken out of what models are trained on. A repetition stays with the review that stands for it,
as `displaced`: when the file of that one is corrected, it takes its place.

It works on Arrow batches, in whatever process, and holds some thousand rows of a day at a time, or one product's where
those are more. It commits nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa
from pyarrow import compute

from sentiment.core.text.clean import FEWEST_OF_A_COPY, word_count
from sentiment.ingest.landing import Origin
from sentiment.stores.lake.files import FILE, by_day, write_day_file
from sentiment.stores.lake.schemas import DISPLACED_FIELDS, REVIEWS

_DISPLACED = REVIEWS.schema.field("displaced")
_DERIVED = ("word_count", "displaced")
# A day of fewer is one table, and one row group of its file: most days are, and each costs as much as hundreds of rows.
_ROWS_AT_LEAST = 4_096
# What the file of a day says that it is made of, once the day's own delivery came in, be it without a review.
OWN = "day"
# What a file of the landing is called that is of a day, be it a folder's.
_OF_A_DAY = re.compile(r"\d{4}-\d\d-\d\d(?![^./])")
Row = dict[str, Any]
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
_TOLD_BY = ("source_file", "review_key", "asin", "timestamp", "text")
# A file, and of the delivery that comes in how many reviews stand in it, and how many former ones no longer do.
WRITTEN = pa.schema([*FILE, pa.field("kept", pa.int64()), pa.field("gone", pa.int64())])


def own_mark(day: date) -> str:
    """Return the mark by which `reviews` tells that a day's own delivery came in, also after its rows were deleted."""
    return f"own:{day}"


def present_rows(batch: pa.RecordBatch, origin: Origin) -> pa.RecordBatch:
    """Return what a batch of `reviews` holds as ROWS, the displaced ones too; those of `origin` become former ones."""
    rows = [row for stored in batch.to_pylist() for row in _all_rows(stored)]
    for row in rows:
        row |= {"fresh": False, "former": origin.holds(row["source_file"])}
    return pa.RecordBatch.from_pylist(rows, schema=ROWS)


def is_of(batch: pa.RecordBatch, origin: Origin) -> bool:
    """Return whether a batch, of `quarantine` or of `reviews`, holds anything that came with a delivery."""
    names = set(batch["source_file"].unique().to_pylist())
    if "displaced" in batch.schema.names:
        names |= {other["source_file"] for row in batch["displaced"].drop_null().to_pylist() for other in row}
    return any(origin.holds(name) for name in names)


def write_days(batches: Iterable[pa.RecordBatch], root: str, own: Collection[date] = ()) -> Iterator[pa.RecordBatch]:
    """Write the days of ROWS that are sorted by ORDER, and return a batch of WRITTEN for each.

    The files of days in `own` say that their day's own delivery is among what they are made of.
    """
    for day, rows in by_day(batches, "review_date"):
        counts = {"kept": 0, "gone": 0}
        file = write_day_file(root, REVIEWS, day, _without_former(rows, counts), OWN if day in own else "")
        yield pa.RecordBatch.from_pylist([{**vars(file), **counts}], schema=WRITTEN)


def unique(rows: Iterable[Row]) -> list[Row]:
    """Return the reviews of one product and day that stand: of a user's the latest, of copies the earliest.

    Rows have the columns of `reviews` but `displaced`, which is added. The outcome does not depend on their order. A
    review without a user is nobody's second one, unless it is the same to its key. Between equals of several files that
    of a day's file stands before a history's, and of two such that of the greater name.
    """
    of_users = [_standing(max, group, _newest) for group in _groups(rows, _reviewer)]
    return [_standing(min, group, _oldest) for group in _groups(of_users, _words)]


def _without_former(batches: Iterable[pa.RecordBatch], counts: dict[str, int]) -> Iterator[pa.RecordBatch]:
    for whole in _whole_products(batches):
        table = _told_apart(whole.cast(ROWS))  # Spark's own schemas differ in what may be null
        former = set(table.filter(table["former"])["review_key"].to_pylist())
        live = table.filter(compute.invert(table["former"]))
        rows = _without_repetitions(live)
        counts["kept"] += compute.sum(rows["fresh"]).as_py() or 0
        counts["gone"] += len(former - set(live["review_key"].to_pylist()))
        yield from rows.select(REVIEWS.file_schema.names).combine_chunks().to_batches()


def _told_apart(rows: pa.Table) -> pa.Table:
    """Give keys of their own to fresh reviews in few words that several wrote alike, where their time has no seconds.

    They are nobody's, and alike to the stars. There are as many of them as stand in one file: what another file holds
    may be the same reviews.
    """
    nobody = compute.indices_nonzero(compute.and_(rows["fresh"], compute.is_null(rows["user_id"]))).to_pylist()
    if len(nobody) < 2:
        return rows
    keys, seen = rows["review_key"].to_pylist(), Counter[tuple[str, str]]()
    found = zip(nobody, rows.select(_TOLD_BY).take(nobody).to_pylist(), strict=True)
    for at, row in sorted(found, key=lambda placed: placed[1]["asin"] or ""):
        if _is_rough(_moment(row)) and word_count(row["text"]) < FEWEST_OF_A_COPY:
            alike = (row["source_file"], row["review_key"])
            seen[alike] += 1
            keys[at] = _numbered(row["review_key"], seen[alike])
    return rows.set_column(rows.schema.get_field_index("review_key"), "review_key", pa.array(keys, pa.string()))


def _is_rough(moment: datetime) -> bool:
    # A date is a midnight of whatever zone it was written in, and many exports know no more than the minute.
    return not (moment.second or moment.microsecond)


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else sha256(f"{key}\u001f{number}".encode()).hexdigest()[:32]


def _without_repetitions(rows: pa.Table) -> pa.Table:
    """Return the reviews that stand, sorted by product and key."""
    times = compute.value_counts(rows["parent_asin"].combine_chunks())
    several = times.field("values").filter(compute.greater(times.field("counts"), 1))
    repeated = compute.is_in(rows["parent_asin"], value_set=several)
    alone = rows.filter(compute.invert(repeated))
    alone = alone.append_column(_DISPLACED, pa.nulls(alone.num_rows, _DISPLACED.type))
    chosen = [row for group in _groups(rows.filter(repeated).to_pylist(), _product) for row in unique(group)]
    standing = pa.concat_tables([alone, pa.Table.from_pylist(chosen, schema=pa.schema([*ROWS, _DISPLACED]))])
    words = pa.array([word_count(text) for text in standing["text"].to_pylist()], pa.int32())
    return standing.append_column("word_count", words).sort_by(
        [("parent_asin", "ascending"), ("review_key", "ascending")]
    )


def _first_of(products: pa.ChunkedArray, one: str | None) -> int:
    # Another program's rows may be of no product, which is not found by its value.
    return int(compute.index(products.is_null(), True).as_py() if one is None else compute.index(products, one).as_py())


def _whole_products(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut rows that are sorted by product into tables of some thousand that hold all rows of each of their products."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) < _ROWS_AT_LEAST:
            continue
        table = pa.Table.from_batches(held)
        begins = _first_of(table["parent_asin"], table["parent_asin"][-1].as_py())
        if begins:
            yield table.slice(0, begins)
            held = table.slice(begins).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _all_rows(row: Row) -> list[Row]:
    """Return the review of a row of `reviews` and those that it displaced, each as it came."""
    shared = {name: value for name, value in row.items() if name != "displaced"}
    return [shared, *({**shared, **other} for other in row["displaced"] or ())]


def _groups(rows: Iterable[Row], key: Callable[[Row], str | None]) -> Iterable[list[Row]]:
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups.values()


def _standing(choose: Callable[..., Row], group: list[Row], order: Callable[[Row], Any]) -> Row:
    if len(group) == 1:
        return group[0]
    chosen = choose(group, key=order)
    others = [row for row in group if row is not chosen]
    displaced = [{name: row[name] for name in DISPLACED_FIELDS} for row in others]
    inherited = [other for row in group for other in row.get("displaced") or ()]
    return {**chosen, "displaced": sorted(displaced + inherited, key=_newest)}


def _reviewer(row: Row) -> str:
    return f"u{row['user_id']}" if row["user_id"] is not None else f"k{row['review_key']}"


def _product(row: Row) -> str | None:
    product: str | None = row["parent_asin"]
    return product


def _words(row: Row) -> str:
    text = str(row["text"])
    return f"t{text}" if word_count(text) >= FEWEST_OF_A_COPY else f"k{row['review_key']}"


def _newest(row: Row) -> tuple[Any, ...]:
    words = (row[name] or "" for name in ("text", "title"))
    return (_moment(row), _delivery(row), *words, row["rating"] or 0.0, row["asin"] or "")


def _oldest(row: Row) -> tuple[Any, ...]:
    return (_moment(row), *(row[name] or "" for name in ("review_key", "source_file")))


def _moment(row: Row) -> datetime:
    # Another program's rows may lack what ours have; they are put in order all the same.
    return row["timestamp"] or datetime.min.replace(tzinfo=UTC)


def _delivery(row: Row) -> tuple[bool, str]:
    """Order deliveries: a day's file is a later word than a history's, and that of a later day than an earlier's.

    Histories are ordered by their names, for the same files give the same lake in whatever order they come.
    """
    name = row["source_file"] or ""
    return (_OF_A_DAY.match(name) is not None, name)
