"""The files of days as ingestion writes them: row groups, and products that lie over many batches."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentiment.ingest.days import ROWS, _delivery, write_days
from sentiment.stores.lake.schemas import REVIEWS

DAY = date(2024, 3, 1)


def rows_of(products: list[str | None]) -> pa.Table:
    """Return a fresh review of each product, in different words; every tenth repeats the one before."""
    moment = datetime(2024, 3, 1, 12, tzinfo=UTC)
    rows = [
        {
            "review_key": f"{number:06d}",
            "user_id": None,
            "asin": product,
            "parent_asin": product,
            "category": "Phones",
            "rating": 5.0,
            "title": "",
            "text": f"good in every way that one thinks of, number {number - (number % 10 == 9)}",
            "timestamp": moment,
            "source_file": "history.jsonl",
            "ingested_at": moment,
            "review_date": DAY,
            "fresh": True,
            "former": False,
        }
        for number, product in enumerate(products)
    ]
    return pa.Table.from_pylist(rows, schema=ROWS)


def written(table: pa.Table, batch_rows: int, root) -> tuple[dict, parquet.ParquetFile]:
    """Write the rows, which reach the writer in batches of so many, and return counts and file."""
    (batch,) = write_days(table.to_batches(max_chunksize=batch_rows), str(root))
    (row,) = batch.to_pylist()
    return row, parquet.ParquetFile(root / REVIEWS.name / row["path"])


def test_a_day_of_few_reviews_is_one_row_group_however_it_comes(tmp_path):
    row, file = written(rows_of([f"P{number // 3:03d}" for number in range(300)]), 7, tmp_path)
    assert (row["kept"], file.metadata.num_rows, file.num_row_groups) == (
        280,
        280,
        1,
    )  # 20 of the 30 are of one product


@pytest.mark.parametrize("batch_rows", [500, 4_096, 20_000])
@pytest.mark.parametrize("reviews_a_product", [10, 6_000])
def test_repetitions_are_found_over_batches_and_the_file_is_sorted(reviews_a_product, batch_rows, tmp_path):
    products = [f"P{number // reviews_a_product:05d}" for number in range(18_000)]
    row, file = written(rows_of(products), batch_rows, tmp_path)
    table = file.read()
    assert (row["kept"], table.num_rows) == (16_200, 16_200)
    assert sum(len(one or ()) for one in table["displaced"].to_pylist()) == 1_800
    keys = list(zip(table["parent_asin"].to_pylist(), table["review_key"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_between_equals_a_days_file_stands_before_a_history_whatever_that_is_called():
    names = ["2014-05-05.jsonl", "2014-archive.jsonl", "2014-05-05-again.jsonl", "export.jsonl"]
    assert sorted(names, key=lambda name: _delivery({"source_file": name}))[-1] == "2014-05-05.jsonl"
    assert _delivery({"source_file": "2014-05-06/part-0.csv"}) > _delivery({"source_file": "2014-05-05.jsonl"})


def test_rows_of_no_product_are_written_too(tmp_path):
    row, file = written(rows_of([*["P1"] * 4_500, *[None] * 4_500]), 1_000, tmp_path)
    assert row["kept"] == file.metadata.num_rows == 9_000 - 900


def test_no_product_is_another_one_than_the_product_none(tmp_path):
    table = rows_of([None, None, "None", "None"])
    repeated = pa.array(["the same words, of which there are many, of each"] * 4)
    row, file = written(table.set_column(table.schema.get_field_index("text"), "text", repeated), 4, tmp_path)
    assert (row["kept"], file.read()["parent_asin"].to_pylist()) == (2, ["None", None])
