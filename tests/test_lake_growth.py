"""A table that was made before a column was known gets it, once, and its rows stay."""

import dataclasses
import threading

import pyarrow as pa
import pytest

from conftest import fill
from scoring_days import DAY, LATER
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import SCORES
from sentiment.stores.lake.tables import Lake

OLD = dataclasses.replace(SCORES, schema=SCORES.schema.remove(SCORES.schema.get_field_index("text_hash")))


@pytest.fixture
def lake(tmp_path):
    """A lake whose scores know no `text_hash`."""
    fill(tmp_path, OLD, {DAY: [{"review_key": "old", "review_date": DAY}]})
    return Lake(str(tmp_path))


def hashes(lake):
    return dict(zip(*(lake.read(SCORES)[name].to_pylist() for name in ("review_key", "text_hash")), strict=True))


def test_an_older_table_gets_the_column_and_takes_rows_that_have_it(lake):
    base = lake.grown(SCORES)
    rows = pa.RecordBatch.from_pylist([{"review_key": "new", "text_hash": 7}], schema=SCORES.schema)
    lake.replace_days(SCORES, [LATER], [write_day_file(lake.root, SCORES, LATER, [rows])], base, {})

    assert hashes(lake) == {"old": None, "new": 7}
    assert lake.open(SCORES, version=0).schema().to_arrow().names == OLD.schema.names


def test_a_table_that_lacks_nothing_is_opened_and_not_written(lake):
    version = lake.grown(SCORES).version()

    assert lake.grown(SCORES).version() == version


def test_runs_that_add_the_column_at_the_same_moment_all_find_it(lake):
    start, found = threading.Barrier(4), []

    def grow():
        start.wait()
        found.append(lake.grown(SCORES).schema().to_arrow().names)

    threads = [threading.Thread(target=grow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert all(sorted(names) == sorted(SCORES.schema.names) for names in found)
    assert hashes(lake) == {"old": None}
