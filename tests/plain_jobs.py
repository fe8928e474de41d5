"""The ingestion and the scoring job without Spark: the same functions on the same batches, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import compute

from scoring_days import Oracle
from sentiment.ingest.config import IngestConfig
from sentiment.ingest.days import ORDER, ROWS, is_of, present_rows, write_days
from sentiment.ingest.judge import JUDGED, Rules, judge
from sentiment.ingest.landing import Delivery
from sentiment.ingest.lines import LandedFile, lines_of_reviews
from sentiment.scoring import days as scoring_days
from sentiment.scoring.job import _commit
from sentiment.scoring.scored import KEPT, SCORED, UNCHANGED
from sentiment.scoring.worker import Scoring, score_batch
from sentiment.stores.lake.files import DataFile
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, QUARANTINE, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Bases = Mapping[str, DeltaTable]


def bases_of(lake: Lake) -> Bases:
    """Open the tables, as a job does when it begins."""
    return {spec.name: lake.grown(spec) for spec in (REVIEWS, QUARANTINE, SCORES, DAILY_SENTIMENT)}


def ingest(
    lake: Lake, delivery: Delivery, day: date | None, bases: Bases | None = None, late_days: int = 60
) -> set[date]:
    """Bring a delivery into the lake, from the state that `bases` are in; returns the days that were written."""
    bases = bases or bases_of(lake)
    scope = (day - timedelta(late_days), day) if day else None
    rules = Rules(IngestConfig(day=day or NOW.date()), NOW, scope)
    judged, reach = _judged(delivery, rules), rules.reach
    days = set(judged["review_date"].drop_null().to_pylist()) | ({day} if day else set())
    stored = [batch for batch in _stored(lake, bases[REVIEWS.name]) if not reach or reach[0] <= batch[0] <= reach[1]]
    days |= {at for at, batch in stored if is_of(batch, delivery.origin)}
    fresh = _fresh(judged)
    present = [present_rows(batch, delivery.origin) for at, batch in stored if at in days]
    rows = pa.Table.from_batches([*fresh.to_batches(), *present], ROWS).sort_by([(name, "ascending") for name in ORDER])
    written = [row for batch in write_days(rows.to_batches(), lake.root) for row in batch.to_pylist()]
    files = [DataFile(*(row[name] for name in ("day", "path", "size", "rows"))) for row in written]
    lake.replace_days(QUARANTINE, [day or NOW.date()], [], bases[QUARANTINE.name], {})
    if days:
        lake.replace_days(REVIEWS, days, files, bases[REVIEWS.name], {})
    return days


def score(lake: Lake, days: list[date], bases: Bases | None = None) -> None:
    """Score days by a scorer of no model, from the state that `bases` are in."""
    bases = bases or bases_of(lake)
    version = bases[REVIEWS.name].version()
    contents = {day: content for day, content in lake.content(REVIEWS, version).items() if day in days}
    run = Scoring("", 1, "test", NOW, content="bundle")  # type: ignore[arg-type]
    known = _known(lake, bases[SCORES.name], run)
    found = [row for day in contents for row in _score_day(lake, day, version, contents[day], run, known)]
    written = scoring_days.WrittenDays.of(found)  # type: ignore[arg-type]
    _commit(lake, sorted(days), written, bases, contents, {})


def _judged(delivery: Delivery, rules: Rules) -> pa.Table:
    batches = [
        judge(batch, rules)
        for file, name in zip(delivery.files, delivery.names, strict=True)
        for batch in lines_of_reviews(LandedFile(file.uri, name))
    ]
    return pa.Table.from_batches(batches, JUDGED)


def _fresh(judged: pa.Table) -> pa.Table:
    good = judged.filter(compute.is_null(judged["reason"]))
    constant: dict[str, Any] = {"category": "unknown", "ingested_at": NOW, "fresh": True, "former": False}
    for name, value in constant.items():
        good = good.append_column(name, pa.array([value] * good.num_rows, ROWS.field(name).type))
    return good.select(ROWS.names).cast(ROWS)


def _stored(lake: Lake, base: DeltaTable) -> list[tuple[date, pa.RecordBatch]]:
    table = lake.read(REVIEWS, None, None, base.version())
    return [(batch["review_date"][0].as_py(), batch) for batch in table.to_batches() if batch.num_rows]


def _known(lake: Lake, base: DeltaTable, run: Scoring) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the scores that still hold, as `known` joins them: by what it says that makes a review unchanged."""
    rows = lake.read(SCORES, None, None, base.version()).to_pylist()
    same = [row for row in rows if (row["model_version"], row["bundle"]) == (str(run.version), run.content)]
    return {tuple(row[name] for name in UNCHANGED): {name: row[name] for name in KEPT} for row in same}


def _text_hash(row: Mapping[str, Any]) -> int:
    return int.from_bytes(sha256(f"{row['title']}\x1f{row['text']}".encode()).digest()[:8], "big", signed=True)


def _score_day(
    lake: Lake, day: date, version: int, content: str, run: Scoring, known: Mapping[tuple[Any, ...], dict[str, Any]]
) -> list[dict[str, Any]]:
    reviews = lake.read(REVIEWS, (day, day), None, version).to_pylist()
    if not reviews:
        return []
    rows = []
    for row in ({**review, "text_hash": _text_hash(review)} for review in reviews):
        kept = known.get(tuple(row[name] for name in UNCHANGED))
        rows.append({**row, **(kept or {}), "reused": kept is not None})
    schema = pa.schema([*SCORED, pa.field("title", pa.string()), pa.field("text", pa.string())])
    batch = score_batch(Oracle(), pa.RecordBatch.from_pylist(rows, schema), run)  # type: ignore[arg-type]
    return scoring_days._write_day(lake.root, day, iter([batch]), content)
