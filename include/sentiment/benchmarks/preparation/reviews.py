"""The import of reviews in pandas: lines in, whole days of Parquet out, by the rules of `ingest` and in its layout.

Every step takes and returns a frame, so that Dask can run the same steps on parts. Nothing is committed to a table.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sentiment.benchmarks.preparation.cleaning import clean, is_blank
from sentiment.lake.files import write_day_file
from sentiment.lake.schemas import QUARANTINE, REVIEWS

_FIELDS = ("rating", "title", "text", "asin", "parent_asin", "user_id", "timestamp")
_EPOCH = date(1970, 1, 1)
_DAY_MILLISECONDS = 86_400_000
_TIE = ["review_key", "source_file"]


def read_lines(files: Sequence[str]) -> pd.DataFrame:
    """Read the files' lines: columns source_file, line (from 1) and raw; empty lines are no lines."""
    rows = [(file, number, text) for file in files for number, text in _lines(file)]
    return pd.DataFrame(rows, columns=["source_file", "line", "raw"])


def judge(lines: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Parse, clean and judge lines; a bad one has a `reason` and its `raw` text, a good one `review_key` and `day`."""
    records = [_record(raw) for raw in lines["raw"]]
    fields = pd.DataFrame(
        [record or (None,) * len(_FIELDS) for record in records], columns=list(_FIELDS), index=lines.index, dtype=object
    )
    fields["parent_asin"], fields["asin"] = (
        fields[one].where(fields[one].notna(), fields[other])
        for one, other in (("parent_asin", "asin"), ("asin", "parent_asin"))
    )
    fields["stars"] = pd.to_numeric(fields["rating"], errors="coerce").astype(float)
    whole = fields["timestamp"].str.fullmatch(r"-?[0-9]{1,15}(\.0+)?", na=False)
    fields["milliseconds"] = pd.to_numeric(fields["timestamp"].where(whole), errors="coerce").astype(float)
    not_json = pd.Series([record is None for record in records], fields.index, bool)
    fields["reason"] = _reasons(fields, not_json, now)
    fields["title"], fields["text"] = clean(fields["title"]), clean(fields["text"])
    empty = fields["reason"].isna() & (fields["text"] == "")
    fields.loc[empty, "reason"] = "text holds nothing but markup, links or white space"
    return _with_keys(pd.concat([lines, fields], axis=1))


def without_repetitions(reviews: pd.DataFrame) -> pd.DataFrame:
    """Keep of one user's reviews of a product the latest, then of a product's equal texts the earliest; and bad lines.

    Ties are broken as in `ingest/deduplicate.py`.
    """
    good = reviews[reviews["reason"].isna()]
    reviewer = ("u" + good["user_id"]).where(good["user_id"].notna(), "k" + good["review_key"])
    newest_first = good.assign(reviewer=reviewer).sort_values(["milliseconds", *_TIE], ascending=[False, True, True])
    of_user = newest_first.drop_duplicates(["parent_asin", "reviewer"]).drop(columns="reviewer")
    of_text = of_user.sort_values(["milliseconds", *_TIE]).drop_duplicates(["parent_asin", "text"])
    return pd.concat([of_text, reviews[reviews["reason"].notna()]])


def write(reviews: pd.DataFrame, root: str, now: datetime) -> pd.DataFrame:
    """Write good rows as one file a day and bad ones as a file of the quarantine; returns one row: kept, rejected."""
    bad = reviews["reason"].notna()
    kept = reviews[~bad].sort_values(["day", "review_key"])
    table = _as_table(kept, now)
    days = np.unique(kept["day"].to_numpy(), return_index=True, return_counts=True)
    for day, start, count in zip(*(column.tolist() for column in days), strict=True):
        write_day_file(root, REVIEWS, _EPOCH + timedelta(day), table.slice(start, count).to_batches())
    if bad.any():
        rejected = reviews[bad].assign(ingest_date=now.date())
        batch = pa.RecordBatch.from_pandas(rejected[QUARANTINE.schema.names], QUARANTINE.schema, preserve_index=False)
        write_day_file(root, QUARANTINE, now.date(), [batch])
    return pd.DataFrame({"kept": [len(kept)], "rejected": [int(bad.sum())]})


def _lines(file: str) -> Iterator[tuple[int, str]]:
    with gzip.open(file) if file.endswith(".gz") else Path(file).open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if text := line.decode("utf-8", errors="replace").strip("\r\n \t"):
                yield number, text


def _record(raw: str) -> tuple[str | None, ...] | None:
    """Return a line's fields as they stand there, a number as its text; None when it is no JSON object."""
    try:
        found = json.loads(raw, parse_int=str, parse_float=str, parse_constant=str, strict=False)
    except ValueError:
        return None
    return tuple(_text(found.get(name)) for name in _FIELDS) if isinstance(found, dict) else None


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.isascii()):
        return value
    # Half of a pair of surrogates cannot be written as UTF-8.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else json.dumps(value)


def _reasons(fields: pd.DataFrame, not_json: pd.Series, now: datetime) -> pd.Series:
    """Return why each line is no review, or None: the rules of `ingest/validate.py`, in its order."""
    stars, moment = fields["stars"], fields["milliseconds"]
    rules = [
        (not_json, "the line is not a JSON object"),
        (fields["text"].isna(), "text is missing"),
        (is_blank(fields["text"]), "text is white space only"),
        (fields["rating"].isna(), "rating is missing"),
        (stars.isna(), "rating is not a number"),
        (~stars.between(1, 5), "rating is outside 1 to 5"),
        (fields["timestamp"].isna(), "timestamp is missing"),
        (moment.isna(), "timestamp is not a number of milliseconds"),
        (moment > int(now.timestamp() * 1000), "timestamp lies in the future"),
        (moment < 0, "timestamp lies before 1970"),
        (fields["parent_asin"].isna(), "asin and parent_asin are both missing"),
    ]
    reason = pd.Series(None, fields.index, object)
    for bad, message in reversed(rules):
        reason[bad] = message
    return reason


def _with_keys(judged: pd.DataFrame) -> pd.DataFrame:
    good = judged["reason"].isna()
    milliseconds = judged["milliseconds"].where(good, 0).astype("int64")
    named = zip(good, judged["user_id"], judged["text"], judged["parent_asin"], milliseconds, strict=True)
    keys = [_key(user, text, product, moment) if is_good else None for is_good, user, text, product, moment in named]
    return judged.assign(
        raw=judged["raw"].where(~good, None),
        milliseconds=milliseconds,
        day=(milliseconds // _DAY_MILLISECONDS).where(good, -1),
        review_key=pd.Series(keys, judged.index, object),
        rating=judged["stars"],
        parent_asin=judged["parent_asin"].fillna(""),
    ).drop(columns=["stars", "timestamp"])


def _key(user: str | None, text: str, product: str, milliseconds: int) -> str:
    reviewer = hashlib.sha256(text.encode()).hexdigest() if user is None else user
    return hashlib.sha256(f"{reviewer}\x1f{product}\x1f{milliseconds}".encode()).hexdigest()[:32]


def _as_table(kept: pd.DataFrame, now: datetime) -> pa.Table:
    full = kept.assign(
        category="unknown",
        word_count=kept["text"].str.count(" ") + 1,
        timestamp=pd.to_datetime(kept["milliseconds"], unit="ms", utc=True),
        ingested_at=pd.Timestamp(now.astimezone(UTC)),
        review_date=pd.to_datetime(kept["day"], unit="D").dt.date,
    )
    return pa.Table.from_pandas(full[REVIEWS.schema.names], REVIEWS.schema, preserve_index=False)
