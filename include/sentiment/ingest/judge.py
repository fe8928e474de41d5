"""From lines to judged rows: a clean review with its key and day, or the reason for which the line is none.

It works on Arrow batches, in whatever process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pyarrow as pa

from sentiment.core.errors import RejectedError
from sentiment.core.text.characters import writable
from sentiment.core.text.clean import cell_text, was_cut
from sentiment.ingest.config import LATE_DAYS, IngestOptions
from sentiment.ingest.validate import EMPTY_AFTER_CLEANING, OTHER_DAY, Line, parse
from sentiment.readers.schemas import ColumnMapping
from sentiment.stores.lake.schemas import REVIEWS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REVIEW = ("review_key", "user_id", "asin", "parent_asin", "rating", "title", "text", "timestamp", "review_date")
# A row is a review, has a `reason` and its `kind`, or is of a file that is `broken` or `refused`; `raw` is kept of what
# is rejected. `schema` and `unit` say how a review of another program was read.
JUDGED = pa.schema(
    [
        ("source_file", pa.string()),
        ("line", pa.int64()),
        ("broken", pa.string()),
        ("refused", pa.string()),
        ("schema", pa.string()),
        ("unit", pa.string()),
        ("reason", pa.string()),
        ("kind", pa.string()),
        ("raw", pa.string()),
        ("cut", pa.bool_()),
        *(REVIEWS.schema.field(name) for name in _REVIEW),
    ]
)


_CONTRACTIONS = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\b(can)'t\b", r"\1not"),
        (r"\b(wo)n't\b", "will not"),
        (r"\b(sha)n't\b", "shall not"),
        (r"n't\b", " not"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'m\b", " am"),
        (r"\b(it|that|what|there|here|he|she|who)'s\b", r"\1 is"),
    )
)


@dataclass(frozen=True)
class Rules:
    """How the lines of one ingestion are judged: as of `now`, and of no day outside the closed range `days`."""

    options: IngestOptions
    now: datetime
    days: tuple[date, date] | None = None

    @property
    def reach(self) -> tuple[date, date] | None:
        """The closed range of days that may hold reviews of an earlier state of the delivery, None for all days.

        It may have been ingested with a larger `late_days` than now: at least the default is looked back, and the table
        knows of more.
        And it may have been imported as a history, with reviews of later days: as many days after it are looked at;
        without a limit all later days would be read.
        """
        late = timedelta(LATE_DAYS)
        return self.days and (min(self.days[0], self.days[1] - late), self.days[1] + late)


def judge(lines: pa.RecordBatch, rules: Rules) -> pa.RecordBatch:
    """Judge lines, a batch with the columns of LINES, and return as many rows of JUDGED."""
    judged = [_judged(row, rules) for row in lines.to_pylist()]
    return pa.RecordBatch.from_pylist(judged, schema=JUDGED)


def clean(text: str, options: IngestOptions) -> str:
    """Return the cleaned text; what programs write for a missing one is none."""
    cleaned = cell_text(text)
    if options.expand_contractions:
        cleaned = _expanded(cleaned)
    return cleaned.lower() if options.lower_case else cleaned


def _judged(row: dict[str, Any], rules: Rules) -> dict[str, Any]:
    mapping = ColumnMapping.parsed(row["mapping"]) if row["mapping"] else None
    origin = {name: row[name] for name in ("source_file", "line", "broken", "refused")}
    if mapping:
        origin["schema"] = mapping.schema
    if of_file := row["broken"] or row["refused"]:
        return {**origin, "reason": of_file, "kind": of_file}
    try:
        if row["fault"]:
            raise RejectedError(row["fault"])
        line = parse(row["raw"], rules.now, mapping)
        return {**origin, "unit": line.unit, **_review(line, rules)}
    except RejectedError as error:
        if row["unended"]:
            origin["broken"] = _perhaps_cut(row["line"], error)
        return {**origin, "reason": str(error), "kind": error.kind, "raw": writable(row["raw"])}


def _perhaps_cut(line: int, error: RejectedError) -> str:
    return (
        f"its last row, line {line}, has no line end and is bad ({error}), so it may break off there; end the row with "
        "a line end if it does not"
    )


def _review(line: Line, rules: Rules) -> dict[str, Any]:
    title, text = clean(line.title, rules.options), clean(line.text, rules.options)
    if not text:
        raise RejectedError(EMPTY_AFTER_CLEANING)
    day = line.timestamp.date()
    if rules.days and not rules.days[0] <= day <= rules.days[1]:
        raise RejectedError(_other_day(day, rules.days), OTHER_DAY)
    return {
        "review_key": _key(line, title, text),
        "user_id": line.user_id and writable(line.user_id),
        "asin": writable(line.asin),
        "parent_asin": writable(line.parent_asin),
        "rating": line.rating,
        "title": title,
        "text": text,
        "timestamp": line.timestamp,
        "review_date": day,
        "cut": was_cut(line.text) or was_cut(line.title),
    }


def _key(line: Line, title: str, text: str) -> str:
    """Name a review by who wrote it of what and when; of nobody's by what it says, stars and title included."""
    said = "\u001f".join((text, title, f"{line.rating:g}"))
    reviewer = line.user_id or sha256(said.encode()).hexdigest()
    # Cut, as databases do: an export that counts milliseconds and one that spells microseconds name it alike.
    moment = (line.timestamp - _EPOCH) // timedelta(milliseconds=1)
    parts = (reviewer, line.parent_asin, str(moment))
    return sha256("\u001f".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _other_day(day: date, days: tuple[date, date]) -> str:
    return f"the review is of {day} in UTC, the file of {days[1]}" + (
        "" if day > days[1] else f", and reviews are taken from {days[0]} on"
    )


def _expanded(text: str) -> str:
    text = text.replace("\u2019", "'")
    for pattern, words in _CONTRACTIONS:
        text = pattern.sub(words, text)
    return text
