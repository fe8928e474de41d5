"""Tables that other programs write are read back equal, or refused by row and reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from sentiment.core.errors import ContractError
from sentiment.readers.rows import Row
from tables import TEXTS, Table, assert_held, read_file, tables

some = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each example writes its file anew."""
    return tmp_path_factory.mktemp("readers")


def names_of(table: Table) -> list[str]:
    return list(table[0]) if table else ["id", "text"]


def refused_or_read(path: Path, **options: Any) -> list[Row] | None:
    """Return the rows of a file, None for a file that is refused."""
    try:
        return read_file(path, **options)
    except ContractError:
        return None


@some
@given(tables(), st.sampled_from(["excel", "excel-tab", "unix"]), st.sampled_from([None, "doubled"]))
def test_what_pythons_own_writer_writes_is_held(folder, table, dialect, quotes):
    path = folder / ("a.tsv" if dialect == "excel-tab" else "a.csv")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names_of(table), dialect=dialect)
        writer.writeheader()
        writer.writerows(table)
    assert_held(read_file(path, quotes=quotes), table)


DELIMITERS = st.sampled_from([",", ";", "|", "\t"])
ENDS = st.sampled_from(["\n", "\r\n"])


@some
@given(tables(), DELIMITERS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]), ENDS)
def test_what_pandas_writes_is_held_in_every_quoting(folder, table, delimiter, quoting, end):
    path = folder / ("b.tsv" if delimiter == "\t" else "b.csv")
    frame = pd.DataFrame(table, columns=names_of(table))
    frame.to_csv(path, sep=delimiter, index=False, quoting=quoting, lineterminator=end)
    assert_held(read_file(path), table)


@example(
    [{"Text": "\n", "TITLE": "\r", "id": "r0"}, {"Text": "", "TITLE": ',"\n1,2,3\n', "id": "r1"}],
    ",",
    csv.QUOTE_MINIMAL,
    "\n",
    None,
)
@some
@given(
    # What a backslash before a backslash means nobody can tell where no quote stands behind one.
    tables(TEXTS.map(lambda text: text.replace("\\", ""))),
    DELIMITERS,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
    ENDS,
    st.sampled_from([None, "backslash"]),
)
def test_what_is_escaped_by_backslashes_is_held_or_the_file_is_refused(folder, table, delimiter, quoting, end, quotes):
    path = folder / ("i.tsv" if delimiter == "\t" else "i.csv")
    if quoting == csv.QUOTE_NONE:
        # Then pandas writes quotes that mean themselves, as those around a value elsewhere do not.
        # A text that ends in a carriage return then would be read without it: it is part of the line's end.
        table = [{name: text.replace('"', "").rstrip("\r") for name, text in row.items()} for row in table]
    frame = pd.DataFrame(table, columns=names_of(table))
    written = {"sep": delimiter, "quoting": quoting, "lineterminator": end, "escapechar": "\\", "doublequote": False}
    frame.to_csv(path, index=False, **written)
    found = refused_or_read(path, quotes=quotes)
    if found is not None:
        assert_held(found, table)


@some
@given(tables(), st.sampled_from([",", ";", "|", "\t"]), st.sampled_from(["needed", "all_valid"]))
def test_what_pyarrow_writes_as_csv_is_held(folder, table, delimiter, quoting):
    path = folder / ("c.tsv" if delimiter == "\t" else "c.csv")
    columns = {name: pa.array([row[name] for row in table], pa.string()) for name in names_of(table)}
    arrow_csv.write_csv(pa.table(columns), path, arrow_csv.WriteOptions(delimiter=delimiter, quoting_style=quoting))
    assert_held(read_file(path), table)


@some
@given(tables(), st.sampled_from([",", "\t"]), st.sampled_from(["plain", "backslash", "doubled"]))
def test_what_is_told_of_quotes_wrongly_ends_no_reading(folder, table, delimiter, quotes):
    path = folder / ("d.tsv" if delimiter == "\t" else "d.csv")
    pd.DataFrame(table, columns=names_of(table)).to_csv(path, sep=delimiter, index=False)
    found = refused_or_read(path, quotes=quotes) or []
    assert all(bool(row.fault) != bool(row.values) for row in found)


@some
@given(tables(), st.booleans(), st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_pandas_writes_as_json_is_read_equal(folder, table, lines, ascii_only, encoding):
    path = folder / ("e.jsonl" if lines else "e.json")
    frame = pd.DataFrame(table, columns=names_of(table))
    written = frame.to_json(orient="records", lines=lines, force_ascii=ascii_only)
    path.write_text(written, encoding=encoding, newline="")
    assert [row.values for row in read_file(path)] == table


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@some
@given(st.lists(st.dictionaries(TEXTS, JSON_VALUES, max_size=4), max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_objects_of_any_values_are_read_equal_half_surrogates_too(folder, objects, ascii_only, indent):
    array, lines = folder / "f.json", folder / "f.jsonl"
    errors = "strict" if ascii_only else "surrogatepass"
    array.write_text(json.dumps(objects, ensure_ascii=ascii_only, indent=indent), "utf-8", errors, newline="")
    lines.write_text(
        "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in objects), "utf-8", errors, newline=""
    )
    for path in (array, lines):
        found = read_file(path)
        assert len(found) == len(objects)
        for row, given_object in zip(found, objects, strict=True):
            assert "is no UTF-8" in row.fault if row.fault else row.values == given_object


@some
@given(
    tables(st.text(st.characters(exclude_categories=["Cs"])) | TEXTS),
    st.sampled_from(["string", "large", "binary", "dictionary"]),
)
def test_what_pyarrow_writes_as_parquet_is_read_equal(folder, table, kind):
    types = {"string": pa.string(), "large": pa.large_string(), "binary": pa.binary(), "dictionary": pa.string()}
    columns = {}
    for name in names_of(table):
        array = pa.array([row[name] for row in table], pa.string()).cast(types[kind])
        columns[name] = array.dictionary_encode() if kind == "dictionary" else array
    path = folder / "g.parquet"
    parquet.write_table(pa.table(columns), path)
    found = read_file(path)
    assert [row.number for row in found] == list(range(1, len(table) + 1))
    assert [row.values for row in found] == table


def test_a_text_of_a_megabyte_is_read_whole(folder):
    text = 'a "quoted", text\nof two lines\\ ' * 32_000
    table = [{"id": "r0", "text": text, "stars": "5"}, {"id": "r1", "text": "short", "stars": "1"}]
    pd.DataFrame(table).to_csv(folder / "h.csv", index=False)
    pd.DataFrame(table).to_csv(folder / "h.tsv", index=False, sep="\t")
    pd.DataFrame(table).to_json(folder / "h.json", orient="records")
    pd.DataFrame(table).to_parquet(folder / "h.parquet")
    for name in ("h.csv", "h.tsv", "h.json", "h.parquet"):
        assert [row.values for row in read_file(folder / name)] == table
