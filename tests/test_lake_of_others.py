"""The lake's tables belong to other programs too: what they delete, restore, rewrite or turn on."""

from __future__ import annotations

import json
import string
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

import plain_jobs
from conftest import fill, lake_review, raw_review
from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.ingest.landing import delivery_of_day, files_of_day
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import DAILY_SENTIMENT, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake

MONDAY = date(2024, 5, 6)
TUESDAY = MONDAY + timedelta(1)
MONDAY_NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path) -> Lake:
    """Two days of three reviews each."""
    fill(tmp_path, REVIEWS, {day: [lake_review(day, n) for n in range(3)] for day in (MONDAY, TUESDAY)})
    return Lake(str(tmp_path))


def users(lake: Lake, day: date) -> list[str]:
    return sorted(lake.read(REVIEWS, (day, day), ["user_id"])["user_id"].to_pylist())


def test_rows_that_another_program_deleted_stay_deleted_and_change_what_stands_for_the_day(lake):
    before = lake.content(REVIEWS)
    DeltaTable(lake.uri(REVIEWS)).delete("user_id = 'U1'")
    assert users(lake, MONDAY) == ["U0", "U2"]
    assert all(lake.content(REVIEWS)[day] != before[day] for day in (MONDAY, TUESDAY))


def test_a_restore_takes_days_back_with_their_rows(lake):
    before = lake.content(REVIEWS)
    base = lake.grown(REVIEWS)
    fill(lake.root, REVIEWS, {TUESDAY: [], TUESDAY + timedelta(1): [lake_review(TUESDAY + timedelta(1))]})
    DeltaTable(lake.uri(REVIEWS)).restore(base.version())
    assert lake.written_days(REVIEWS, [MONDAY, TUESDAY, TUESDAY + timedelta(1)]) == {MONDAY, TUESDAY}
    assert lake.content(REVIEWS) == before


def test_a_copy_of_the_table_by_another_tool_knows_its_days(lake, tmp_path):
    rows = lake.read(REVIEWS)
    write_deltalake(str(tmp_path / "copy" / "reviews"), rows, partition_by=["review_date"])
    copy = Lake(str(tmp_path / "copy"))
    assert copy.written_days(REVIEWS, [MONDAY, TUESDAY]) == {MONDAY, TUESDAY}
    assert copy.read(REVIEWS).sort_by("review_key").equals(rows.sort_by("review_key"))


def test_a_compaction_by_another_program_changes_no_row(lake):
    before = lake.read(REVIEWS).sort_by("review_key")
    write_deltalake(lake.uri(REVIEWS), lake.read(REVIEWS, (MONDAY, MONDAY)), mode="append")
    DeltaTable(lake.uri(REVIEWS)).delete("review_date = DATE '2024-05-06'")
    fill(lake.root, REVIEWS, {MONDAY: [lake_review(MONDAY, n) for n in range(3)]})
    DeltaTable(lake.uri(REVIEWS)).optimize.compact()
    assert lake.read(REVIEWS).sort_by("review_key").equals(before)


def test_a_day_that_another_program_changed_meanwhile_is_not_written_over(lake):
    base = lake.grown(REVIEWS)
    DeltaTable(lake.uri(REVIEWS)).delete("user_id = 'U1' AND review_date = DATE '2024-05-06'")
    file = write_day_file(
        lake.root, REVIEWS, MONDAY, [pa.RecordBatch.from_pylist([lake_review(MONDAY)], REVIEWS.schema)]
    )
    with pytest.raises(ConcurrentWriteError, match="2024-05-06"):
        lake.replace_days(REVIEWS, [MONDAY], [file], base, {})
    lake.replace_days(REVIEWS, [TUESDAY + timedelta(1)], [], base, {})


def test_a_range_that_began_before_another_run_wrote_one_of_its_later_days_does_not_undo_it(lake):
    base = lake.grown(REVIEWS)
    fill(lake.root, REVIEWS, {TUESDAY: [lake_review(TUESDAY, 9)]})
    lake.replace_days(REVIEWS, [MONDAY], [], base, {})
    with pytest.raises(ConcurrentWriteError, match="2024-05-07"):
        lake.replace_days(REVIEWS, [TUESDAY], [], base, {})
    assert users(lake, TUESDAY) == ["U9"]


def test_a_run_that_lost_a_days_scores_leaves_its_sentiment_too(lake):
    plain_jobs.score(lake, [MONDAY])
    bases = plain_jobs.bases_of(lake)
    lake.replace_days(SCORES, [MONDAY], [], lake.open(SCORES), {})
    before = lake.content(DAILY_SENTIMENT)
    with pytest.raises(ConcurrentWriteError, match="2024-05-06 of the table scores"):
        plain_jobs.score(lake, [MONDAY], bases)
    assert lake.content(DAILY_SENTIMENT) == before


def hide_first_row(table: DeltaTable, day: date) -> None:
    """Delete a day's first row as Spark does: a deletion vector in the log, and the file as it was."""
    log = Path(table.table_uri.removeprefix("file://")) / "_delta_log"
    actions = [json.loads(line) for file in sorted(log.glob("*.json")) for line in file.read_text().splitlines()]
    added = next(one["add"] for one in actions if "add" in one and str(day) in one["add"]["path"])
    # One bitmap under the high key 0: the container of key 0, one value, at offset 16: row 0.
    bitmap = struct.pack("<IIHHIH", 12346, 1, 0, 0, 16, 0)
    vector = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    vector += b"\0" * (-len(vector) % 4)
    inline = {"storageType": "i", "pathOrInlineDv": z85(vector), "sizeInBytes": len(vector), "cardinality": 1}
    features = {"minReaderVersion": 3, "minWriterVersion": 7}
    names = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    removed = {"path": added["path"], "deletionTimestamp": 1, "dataChange": True}
    new = [{"protocol": features | names}, {"remove": removed}, {"add": {**added, "deletionVector": inline}}]
    text = "\n".join(json.dumps(one) for one in new)
    (log / f"{table.version() + 1:020}.json").write_text(text)


def z85(content: bytes) -> str:
    digits = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
    numbers = struct.unpack(f">{len(content) // 4}I", content)
    return "".join(digits[number // 85**power % 85] for number in numbers for power in range(4, -1, -1))


def test_a_table_whose_deleted_rows_still_stand_in_its_files_is_refused_and_never_read_with_them(lake):
    table = lake.open(REVIEWS)
    hide_first_row(table, MONDAY)
    assert pa.table(DeltaTable(lake.uri(REVIEWS)).deletion_vectors())["selection_vector"].to_pylist()[0][0] is False
    for ask in (lambda: lake.read(REVIEWS), lambda: lake.replace_days(REVIEWS, [MONDAY], [], table, {})):
        with pytest.raises(ContractError, match=r"deletion vectors.*REORG"):
            ask()


@pytest.mark.parametrize(
    ("turned_on", "named"),
    [
        (
            {"delta.columnMapping.mode": "name", "delta.minReaderVersion": "2", "delta.minWriterVersion": "5"},
            "columnMapping",
        ),
        ({"delta.appendOnly": "true"}, "appendOnly"),
    ],
)
def test_a_table_with_what_is_not_known_here_is_refused_with_the_remedy(tmp_path, turned_on, named):
    from deltalake import Schema

    DeltaTable.create(
        str(tmp_path / "reviews"),
        Schema.from_arrow(REVIEWS.schema),
        partition_by=["review_date"],
        configuration=turned_on,
    )
    lake = Lake(str(tmp_path))
    with pytest.raises(ContractError, match=f"{named}.*TBLPROPERTIES"):
        lake.replace_days(REVIEWS, [MONDAY], [], lake.open(REVIEWS), {})


def test_a_constraint_of_another_program_is_not_written_past(lake):
    DeltaTable(lake.uri(REVIEWS)).alter.add_constraint({"stars": "rating <= 5"})
    with pytest.raises(ContractError, match=r"delta\.constraints\.stars"):
        lake.replace_days(REVIEWS, [MONDAY], [], lake.open(REVIEWS), {})
    assert users(lake, MONDAY) == ["U0", "U1", "U2"]


@pytest.mark.parametrize("lacking", [name for name in REVIEWS.schema.names if name != "review_date"])
@pytest.mark.parametrize("product", ["P0", "one of its own"])
def test_a_row_of_another_program_that_lacks_what_ours_have_stays_and_stops_neither_ingest_nor_scoring(
    home, land, lacking, product
):
    lake, landing = Lake(str(home / "lake")), str(home / "landing")

    def ingest(*numbers: int) -> None:
        land(f"{MONDAY}.jsonl", [raw_review(MONDAY, number) for number in numbers])
        plain_jobs.ingest(lake, delivery_of_day(landing, MONDAY, files_of_day(landing, MONDAY)), MONDAY)

    ingest(0, 1)
    theirs = lake_review(MONDAY, 9, parent_asin=product, source_file="theirs", rating=1.0) | {lacking: None}
    write_deltalake(lake.uri(REVIEWS), pa.Table.from_pylist([theirs], schema=REVIEWS.schema), mode="append")
    ingest(0, 2)
    plain_jobs.score(lake, [MONDAY])

    moments = [row["timestamp"] or MONDAY_NOON for row in lake.read(REVIEWS).to_pylist()]
    assert sorted(moments) == sorted(
        [MONDAY_NOON, MONDAY_NOON + timedelta(milliseconds=2), theirs["timestamp"] or MONDAY_NOON]
    )
    assert lake.read(SCORES).num_rows == 3
