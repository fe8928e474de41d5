"""What a raw line must be to become a review: its fields, or the reason for which it is rejected.

The reasons are what operators read in the quarantine.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NOT_JSON = "the line is not a JSON object"
ARRAY = "the line begins a JSON array, and one object a line is wanted"
SEVERAL = "the line holds more than one JSON object"
OTHER_DAY = "the review is of another day"
TWICE = "the line gives one name several values"
EMPTY_AFTER_CLEANING = "text holds nothing but markup, links or white space"

# The first review of the first shop whose reviews are known is of 1995; what is older was written in seconds.
_FIRST = int(datetime(1995, 1, 1, tzinfo=UTC).timestamp() * 1000)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_MILLISECOND_DIGITS = 15
# What programs write for a cell that is empty.
_ABSENT = frozenset({"", "nan", "none", "null", "n/a", "<na>", "undefined"})
# What shops show for somebody who gave no name: many people, not one.
_NOBODY = frozenset({"a google user", "anonymous", "amazon customer", "kindle customer"})
_FRACTION = re.compile(r"[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+")


class RejectedError(ValueError):
    """The line is no review; the message is the reason, and `kind` what lines are counted by, the reason as a rule."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind or reason


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


def parse(raw: str, now: datetime) -> Line:
    """Return a line's fields; raises RejectedError for what is no review. A review cannot be younger than `now`."""
    record = _object(raw)
    text = _text(record)
    rating = _rating(record)
    timestamp = _timestamp(record, now)
    asin, parent = _product(record, "asin"), _product(record, "parent_asin")
    if not (asin or parent):
        raise RejectedError("asin and parent_asin are both missing")
    return Line(
        rating, _words(record.get("title")) or "", text, asin or parent, parent or asin, _user(record), timestamp
    )


def _object(raw: str) -> dict[str, Any]:
    if raw.startswith("["):
        raise RejectedError(ARRAY)
    try:
        record = _DECODER.decode(raw)
    except RejectedError:
        raise
    except json.JSONDecodeError as error:
        raise RejectedError(SEVERAL if error.msg == "Extra data" and raw.startswith("{") else NOT_JSON) from None
    except (ValueError, RecursionError):
        raise RejectedError(NOT_JSON) from None
    if not isinstance(record, dict):
        raise RejectedError(NOT_JSON)
    return record


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise RejectedError(TWICE)
    return record


# Made once, which costs a line less than the standard one made anew.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_once)


def _text(record: dict[str, Any]) -> str:
    text = _words(record.get("text"))
    if text is None:
        raise RejectedError("text is missing")
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise RejectedError("text is white space only")
    return text


def _rating(record: dict[str, Any]) -> float:
    given = record.get("rating")
    if given is None:
        raise RejectedError("rating is missing")
    stars = _number(given)
    if stars is None:
        raise RejectedError("rating is not a number")
    if not 1 <= stars <= 5:
        raise RejectedError("rating is outside 1 to 5")
    return stars


def _timestamp(record: dict[str, Any], now: datetime) -> datetime:
    given = record.get("timestamp")
    if given is None:
        raise RejectedError("timestamp is missing")
    milliseconds = _number(given)
    if milliseconds is None or milliseconds % 1 or abs(milliseconds) >= 10**_MILLISECOND_DIGITS:
        raise RejectedError("timestamp is not a number of milliseconds")
    if milliseconds > now.timestamp() * 1000:
        raise RejectedError("timestamp lies in the future")
    if milliseconds < _FIRST:
        raise RejectedError("timestamp lies before 1995: milliseconds are wanted, these may be seconds")
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
    if product.lower() in _ABSENT:
        return ""
    if _FRACTION.fullmatch(product):
        raise RejectedError(f"{name} is a fraction; a program has taken it for a number, write it as text")
    return product


def _user(record: dict[str, Any]) -> str | None:
    user = (_words(record.get("user_id")) or "").strip()
    return None if user.lower() in _ABSENT | _NOBODY else user


def _words(given: object) -> str | None:
    """Return a text as it is, and a plain number as it is written; what is built of several things is none."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
        return None
    return str(given)
