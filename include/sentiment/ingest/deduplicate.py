"""Which of a day's reviews of one product is a repetition: by the same user, or in the same words.

A day is looked at by itself, so that a history and the same days one by one give the same table, in whatever order they
come; over all history repetitions are taken out of what models are trained on. A repetition stays with the review that
stands for it, as `displaced`: when the file of that one is corrected, it takes its place. It knows dictionaries of one
product's rows, nothing of files or Spark.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sentiment.stores.lake.schemas import DISPLACED_FIELDS

Row = dict[str, Any]


def unique(rows: Iterable[Row]) -> list[Row]:
    """Return the reviews of one product and day that stand: of a user's the latest, of equal texts the earliest.

    Rows have the columns of `reviews` but `displaced`, which is added. The outcome does not depend on their order. A
    review without a user is nobody's second one. Between equals of several files that of the latest delivery stands.
    """
    of_users = [_standing(max, group, _newest) for group in _groups(rows, _reviewer)]
    return [_standing(min, group, _oldest) for group in _groups(of_users, lambda row: row["text"])]


def all_rows(row: Row) -> list[Row]:
    """Return the review of a row of `reviews` and those that it displaced, each as it came."""
    shared = {name: value for name, value in row.items() if name != "displaced"}
    return [shared, *({**shared, **other} for other in row["displaced"] or ())]


def _groups(rows: Iterable[Row], key: Any) -> Iterable[list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found.values()


def _standing(choose: Any, group: list[Row], order: Any) -> Row:
    if len(group) == 1:
        return group[0]
    chosen = choose(group, key=order)
    others = [row for row in group if row is not chosen]
    displaced = [{name: row[name] for name in DISPLACED_FIELDS} for row in others]
    inherited = [other for row in group for other in row.get("displaced") or ()]
    return {**chosen, "displaced": sorted(displaced + inherited, key=_newest)}


def _reviewer(row: Row) -> str:
    return f"u{row['user_id']}" if row["user_id"] is not None else f"k{row['review_key']}"


def _newest(row: Row) -> tuple[Any, ...]:
    return (
        _moment(row),
        _delivery(row),
        *(row[name] or "" for name in ("text", "title")),
        row["rating"] or 0.0,
        row["asin"] or "",
    )


def _oldest(row: Row) -> tuple[Any, ...]:
    return (_moment(row), *(row[name] or "" for name in ("review_key", "source_file")))


def _moment(row: Row) -> datetime:
    # Another program's rows may lack what ours have; they are put in order all the same.
    return row["timestamp"] or datetime.min.replace(tzinfo=UTC)


def _delivery(row: Row) -> tuple[bool, str]:
    """Order deliveries: a day's file is a later word than a history's, and that of a later day than an earlier's."""
    name = row["source_file"] or ""
    return (name[:1].isdigit() and name[4:5] == "-", name)
