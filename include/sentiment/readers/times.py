"""When a review was written: a number, whose unit its magnitude tells, or a date and time in ISO's form.

Reviews are from 1995 on, as the first shop whose reviews are known is, and the ranges from then to 2100 in seconds,
milliseconds, microseconds and nanoseconds do not overlap.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sentiment.core.errors import RejectedError

FIRST = int(datetime(1995, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
DATE = "dates"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?([0-9]{1,25}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
# What pandas and databases put behind a time that is in UTC.
_ZONE = re.compile(r"\s*(UTC|GMT)$")
# XML's date with a zone, of which Python takes the zone for a time of day.
_DAY_OF_ZONE = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-](?:0[0-9]|1[0-4]):[0-9]{2})$")
# Python lets anything part a date from its time, and takes what follows a dot behind hour or minute for microseconds.
_DAY = r"[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2}(?:-?[0-9])?)"
_TIME = r"[0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?"
_ISO = re.compile(rf"{_DAY}(?:[Tt ]{_TIME}\s*(?:Z|[+-][0-9:.]+)?)?")
NO_TIME = "timestamp is neither a number of seconds or parts of seconds since 1970 nor a date such as 2024-05-31"
FUTURE = "timestamp lies in the future"
TOO_OLD = "timestamp lies before 1995"
# Of a text alone: a number of JSON or Parquet has all its digits, however it is spelled.
_ROUNDED = re.compile(r"\s*[+-]?[0-9](\.[0-9]{0,8})?[eE]\+?[0-9]+\s*")
ROUNDED = "timestamp was rounded by a spreadsheet; write it out, as a date or a whole number"


def moment(given: Any, now: datetime) -> tuple[datetime, str]:
    """Return a moment and its unit, or `dates` for one that is spelled; without a zone it is in UTC.

    Raises RejectedError for what is no time, one of which digits are lost, and one before 1995 or after `now`.
    """
    number = _number(given)
    found, unit = (_dated(given), DATE) if number is None else _counted(number)
    require_exact(given)
    if found > now:
        raise RejectedError(FUTURE)
    if found.timestamp() < FIRST:
        raise RejectedError(TOO_OLD)
    return found, unit


def require_exact(given: Any) -> None:
    """Raise RejectedError for a text such as 1.71711E+12, of which hours are lost."""
    if isinstance(given, str) and _ROUNDED.fullmatch(given):
        raise RejectedError(ROUNDED)


def _number(given: Any) -> Decimal | None:
    """Return a number as it is spelled, for a fraction of a second as a float is not exact."""
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        return None
    text = str(given).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _counted(number: Decimal) -> tuple[datetime, str]:
    unit = next((unit for unit, of in _UNITS.items() if FIRST * of <= number < _LAST * of), None)
    if unit is None:
        raise RejectedError(NO_TIME)
    # As exact as a date that is spelled: the same moment in another export of a shop is the same review.
    return _EPOCH + timedelta(microseconds=int(number * 10**6 / _UNITS[unit])), unit


def _dated(given: Any) -> datetime:
    """Return the moment of a text, or of a column of dates or times, in UTC; of a day its midnight in its zone."""
    text = _DAY_OF_ZONE.sub(r"\1T00:00\2", _ZONE.sub("+00:00", str(given).strip()))
    if not _ISO.fullmatch(text):
        raise RejectedError(NO_TIME)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RejectedError(NO_TIME) from None
