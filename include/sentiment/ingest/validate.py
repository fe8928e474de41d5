"""What a raw line must be to become a review: its fields, or the reason for which it is rejected.

The reasons are what operators read in the quarantine.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sentiment.core.errors import RejectedError
from sentiment.core.text.characters import is_absent
from sentiment.readers.jsons import object_of
from sentiment.readers.schemas import FIVE, ColumnMapping
from sentiment.readers.times import FIRST, FUTURE, moment, require_exact

OTHER_DAY = "the review is of another day"
EMPTY_AFTER_CLEANING = "text holds nothing but markup, links or white space"

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_MILLISECOND_DIGITS = 15
# What shops show for somebody who gave no name, or is a guest: many people, not one.
_NOBODY = frozenset({"a google user", "anonymous", "amazon customer", "kindle customer", "guest", "0", "0.0", "-1"})
# In a column that is named the unit is told by the numbers, and dates are read.
_NAMED_TIME = "--columns timestamp=timestamp takes dates and seconds"
_FRACTION = re.compile(r"[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?")
# What a spreadsheet makes of a long id: many people are one.
_ROUNDED = re.compile(r"[0-9]\.[0-9]{1,9}[eE]\+?[0-9]+")


@dataclass(frozen=True)
class Line:
    """A line's fields, typed, before its text is cleaned."""

    rating: float
    title: str
    text: str
    asin: str
    parent_asin: str
    user_id: str | None
    timestamp: datetime
    unit: str = ""


def parse(raw: str, now: datetime, mapping: ColumnMapping | None = None) -> Line:
    """Return a line's fields, from its own names or by the mapping of its file.

    `unit` says how the time was written, where the names do not say it. Raises RejectedError for what is no review; one
    cannot be younger than `now`.
    """
    record = object_of(raw)
    if mapping:
        record = mapping.ours(record)
    text = _text(record)
    rating = _rating(record, mapping.stars if mapping else FIVE)
    timestamp, unit = _told(record, now) if mapping else (_timestamp(record, now), "")
    asin, parent = _product(record, "asin"), _product(record, "parent_asin")
    named = asin or parent or (mapping.product_name if mapping else "")
    if not named:
        raise RejectedError("asin and parent_asin are both missing")
    title = _words(record.get("title")) or ""
    return Line(rating, title, text, asin or named, parent or named, _user(record), timestamp, unit)


def _text(record: dict[str, Any]) -> str:
    text = _words(record.get("text"))
    if text is None or (text.strip() and is_absent(text)):
        raise RejectedError("text is missing")
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise RejectedError("text is white space only")
    return text


def _rating(record: dict[str, Any], best: int) -> float:
    """Return the stars, of five; with a greater `best`, as much of five as the rating is of it, rounded up.

    So the ten points of IMDb become stars in the published data sets: two points a star. Fewer points than five are
    spread over one to five stars, for the least of them is the worst.
    """
    given = record.get("rating")
    if given is None or given == "":
        raise RejectedError("rating is missing")
    stars = _number(given)
    if stars is None:
        raise RejectedError("rating is not a number")
    if not 1 <= stars <= best:
        raise RejectedError(f"rating is outside 1 to {best}")
    if best < FIVE:  # from the worst to the best: of two one and five, of three one, three and five
        return float(math.floor(1 + (stars - 1) * (FIVE - 1) / (best - 1) + 0.5))
    return stars if best == FIVE else float(math.ceil(stars * FIVE / best))


def _told(record: dict[str, Any], now: datetime) -> tuple[datetime, str]:
    given = record.get("timestamp")
    if given is None or given == "":
        raise RejectedError("timestamp is missing")
    return moment(given, now)


def _timestamp(record: dict[str, Any], now: datetime) -> datetime:
    given = record.get("timestamp")
    if given is None:
        raise RejectedError("timestamp is missing")
    milliseconds = _number(given)
    if milliseconds is None or milliseconds % 1 or abs(milliseconds) >= 10**_MILLISECOND_DIGITS:
        raise RejectedError(f"timestamp is not a number of milliseconds; {_NAMED_TIME}")
    if milliseconds > now.timestamp() * 1000:
        raise RejectedError(FUTURE)
    if milliseconds < FIRST * 1000:
        raise RejectedError(f"timestamp lies before 1995, as seconds would; {_NAMED_TIME}")
    require_exact(given)
    # From whole numbers, for a fraction of a second as a float is not exact.
    return datetime.fromtimestamp(int(milliseconds) // 1000, UTC).replace(microsecond=int(milliseconds) % 1000 * 1000)


def _number(given: object) -> float | None:
    """Return a number, or a text that is one; "5 stars", "4,0", true and NaN are none."""
    if isinstance(given, str):
        given = float(given) if _NUMBER.fullmatch(given.strip()) else None
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    if isinstance(given, int) and abs(given) >= 10**_MILLISECOND_DIGITS:
        return float(10**_MILLISECOND_DIGITS)
    return float(given) if math.isfinite(given) else None


def _product(record: dict[str, Any], name: str) -> str:
    product = (_words(record.get(name)) or "").strip()
    if is_absent(product):
        return ""
    if _FRACTION.fullmatch(product):
        raise RejectedError(f"{name} is a fraction; a program has taken it for a number, write it as text")
    return product


def _user(record: dict[str, Any]) -> str | None:
    user = (_words(record.get("user_id")) or "").strip()
    if is_absent(user) or user.casefold() in _NOBODY or _ROUNDED.fullmatch(user):
        return None
    # A program that took ids for numbers wrote all of them so; what it made of a product's would name another one.
    return user.removesuffix(".0") if _FRACTION.fullmatch(user) else user


def _words(given: object) -> str | None:
    """Return a text as it is, and a plain number as it is written; what is built of several things is none."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return None if isinstance(given, float) and math.isnan(given) else str(given)
