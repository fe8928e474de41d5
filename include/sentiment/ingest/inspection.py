"""What a file is and how it would be read, found in this process by what ingestion itself reads and judges with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sentiment.core.context import Context
from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.core.plain_json import plain_json
from sentiment.ingest.config import IngestOptions, InspectConfig, InspectResult, RowRead, RowRejected
from sentiment.ingest.judge import Rules, judge
from sentiment.ingest.landing import history
from sentiment.ingest.lines import LandedFile, lines_of_reviews, mapping_of_file
from sentiment.readers.config import ReviewOptions, Role
from sentiment.readers.kinds import Format, format_of
from sentiment.readers.rows import columns_of, read
from sentiment.readers.schemas import ColumnMapping, require_review

_SHOWN_ROWS = 5
_SHOWN_LETTERS = 200
_ROLES: dict[str, Role] = {
    "rating": "rating",
    "time": "timestamp",
    "product": "product",
    "user": "user",
    "title": "title",
    "text": "text",
}
# The same in a judged row.
_NAMES = {**_ROLES, "product": "parent_asin", "user": "user_id"}


def inspect_file(config: InspectConfig, context: Context) -> InspectResult:
    """Look at a file, the first of a folder, and judge its rows.

    Raises ContractError for a file that cannot be read at all, and one that breaks off.
    """
    delivery = history(config.file, context.settings.landing_root, config)
    uri, options = delivery.files[0].uri, delivery.options[0]
    try:
        form = format_of(uri, options)
        columns = columns_of(uri, form)
        mapping = mapping_of_file(form, columns, options)
        lacks = _lacks(mapping, columns)
        rows = _as_they_are(uri, form, mapping) if lacks else _judged(uri, options, context)
        looked = list(islice(_counted(rows, context), config.rows + 1))
    except BrokenFileError as error:
        raise ContractError(f"{uri} cannot be read to its end: {error}; fetch it again") from error
    whole, looked = len(looked) <= config.rows, looked[: config.rows]
    rejected = [row for row in looked if row["reason"]]
    sound = islice((row for row in looked if not row["reason"]), _SHOWN_ROWS)
    return InspectResult(
        file=uri,
        files=len(delivery.files),
        kind=form.kind,
        packing=form.packing,
        encoding=form.encoding,
        delimiter=form.dialect.delimiter if form.dialect else "",
        quotes=form.dialect.quotes if form.dialect else "",
        columns=tuple(columns),
        known_as=mapping.schema,
        mapping=dict(mapping.columns),
        times=dict(Counter(row["unit"] for row in looked if row["unit"])),
        rows=len(looked),
        whole=whole,
        reviews=len(looked) - len(rejected),
        rejected=len(rejected),
        reasons=dict(Counter(row["kind"] for row in rejected).most_common()),
        lacks=lacks,
        first_rows=tuple(RowRead(line=row["line"], **{name: row[name] for name in _ROLES}) for row in sound),
        first_rejected=tuple(map(_rejected, rejected[:_SHOWN_ROWS])),
    )


def _rejected(row: Mapping[str, Any]) -> RowRejected:
    return RowRejected(line=row["line"] or 0, reason=row["reason"], row=row["raw"])


def _lacks(mapping: ColumnMapping, columns: list[str]) -> str:
    try:
        if columns:  # a file without a line is a day without reviews
            require_review(mapping, columns)
    except ContractError as error:
        return f"It cannot be imported as it is: {error}"
    return ""


def _judged(uri: str, options: ReviewOptions, context: Context) -> Iterator[dict[str, Any]]:
    """Give each row as ingestion would judge it, repetitions aside."""
    rules = Rules(IngestOptions(), context.now)
    for lines in lines_of_reviews(LandedFile(uri, uri, options.model_dump_json(exclude_defaults=True))):
        for row in judge(lines, rules).to_pylist():
            if row["broken"] or row["refused"]:
                raise BrokenFileError(row["broken"]) if row["broken"] else ContractError(row["refused"])
            told = {name: row[name] for name in ("line", "reason", "kind", "unit")}
            yield {**told, **_in_words(row, {**_NAMES, "raw": "raw"})}


def _as_they_are(uri: str, form: Format, mapping: ColumnMapping) -> Iterator[dict[str, Any]]:
    """Give each row by the columns that are known, where it cannot be a review."""
    for row in read(uri, form):
        ours = {name: mapping.value(row.values, role) for name, role in _ROLES.items()}
        raw = row.raw or plain_json(row.values)
        told = {"line": row.number, "reason": row.fault, "kind": row.fault, "unit": ""}
        yield {**told, **_in_words({**ours, "raw": raw}, {name: name for name in (*ours, "raw")})}


def _in_words(row: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    values = {shown: row.get(name) for shown, name in names.items()}
    return {shown: "" if value is None else str(value)[:_SHOWN_LETTERS] for shown, value in values.items()}


def _counted(rows: Iterator[dict[str, Any]], context: Context) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        if number % 10_000 == 0:
            context.progress(f"looked at {number:,} rows")
        yield row
