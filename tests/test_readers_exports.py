"""What exporters really write: each oddity is read as it was meant, or refused in a sentence."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.readers.config import FileOptions
from sentiment.readers.delimited import OUTSIDE
from sentiment.readers.kinds import format_of
from sentiment.readers.rows import read
from tables import assert_held, read_file

# Texts that Spark writes in ways of its own: in quotes it doubles backslashes, elsewhere it leaves them.
SPARKS = ["plain", "a,b", 'say "x"', "C:\\dir", "C:\\dir, x", "end\\", "end,\\", 'q\\"z', "two\\\\,", '"', "\\", '""']
SPARKS += [
    "line\nline",
    "line\r\nline",
    "return\rin",
    "",
    "tab\tin",
    "a\\,b",
    '\\"',
    '"start',
    "\\N",
    "Größe 🙂",
    "nul\0in",
]


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def values(path: Path, **options: Any) -> list[Any]:
    """Return each row's values, or its fault."""
    return [row.fault or [*row.values.values()] for row in read_file(path, **options)]


def told(path: Path, **options: Any) -> tuple[str, ...]:
    """Return the columns that a file is told to have."""
    return format_of(str(path), FileOptions(**options)).columns


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("sep=;\r\nid;text\r\n1;a,b\r\n", ("id", "text"), [["1", "a,b"]]),
        ("\ufeffsep=,\nid,text\n1,a\n", ("id", "text"), [["1", "a"]]),
        ("id;text;stars\n1;a, b, c;5\n", ("id", "text", "stars"), [["1", "a, b, c", "5"]]),
        ("id,text,\n1,a,\n", ("id", "text", ""), [["1", "a", ""]]),
        (' id ,"the ""text"""\n1,a\n', (" id ", 'the "text"'), [["1", "a"]]),
        ("id,text\n1,a\n\n\n2,b\n\r\n\n", ("id", "text"), [["1", "a"], ["2", "b"]]),
        ("\n\r\nid,text\n1,a", ("id", "text"), [["1", "a"]]),
        ('id,text\n1,5" disk\n2,"x"', ("id", "text"), [["1", '5" disk'], ["2", "x"]]),
        ("id;price;text\n1;1.234,5;a\n", ("id", "price", "text"), [["1", "1.234,5", "a"]]),
        ("text\na\n", ("text",), [["a"]]),
        ('text\n""\na\n', ("text",), [[""], ["a"]]),
        ('text,id\n"",\n', ("text", "id"), [["", ""]]),
        ('"te\nxt",id\na,1\n', ("te\nxt", "id"), [["a", "1"]]),
        ("id,text\n007,1e5\n", ("id", "text"), [["007", "1e5"]]),
        ("2,title,a text\n1,other,b\n", ("label", "title", "text"), [["2", "title", "a text"], ["1", "other", "b"]]),
        ("id,text\n", ("id", "text"), []),
        ("id,text", ("id", "text"), []),
        ("", (), []),
        ("\ufeff", (), []),
        ("\n\r\n\n", (), []),
    ],
)
def test_a_csv_of_this_form_is_read_as_it_was_meant(tmp_path, content, columns, rows):
    path = written(tmp_path, "a.csv", content)
    assert told(path) == columns
    assert values(path) == rows


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quotes", [None, "doubled", "backslash", "plain"])
@pytest.mark.parametrize("columns", [2, 3, 9])
def test_rows_of_delimiters_alone_are_none_and_count_as_lines(tmp_path, name, end, quotes, columns):
    delimiter = "\t" if name == "a.tsv" else ","
    line, blank = delimiter.join(map(str, range(columns))), delimiter * (columns - 1)
    names = delimiter.join(f"c{number}" for number in range(columns))
    path = written(tmp_path, name, end.join([names, blank, line, *[blank] * 30, line, blank, ""]))
    found = read_file(path, quotes=quotes)
    assert [(row.number, row.fault, len(row.values)) for row in found] == [(3, "", columns), (34, "", columns)]
    # Without a line end behind it the last row may be the beginning of another one.
    path.write_bytes(path.read_bytes().removesuffix(end.encode()))
    assert [(row.number, row.ended) for row in read_file(path, quotes=quotes)][2:] == [(35, False)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,text\r1,a\r2,b\r", "a carriage return stands outside quotes"),
        ("id\ttext\tx,y\n1\ta\tb\n", "is tab separated"),
        ("id,text,,\n1,a,,\n", "several columns named nothing"),
        ("id,text,text\n1,a,b\n", "several columns named text"),
        ('"id,text\n1,a\n', "quotes of the row do not close"),
        ("a;b,c\n", "may be separated by , or by ;"),
        ("<!DOCTYPE html>\n<html>", "a web page"),
        ("id,text\n1,a\n2", "breaks off within line 3"),
        ("id,a\\,b\n1,2,3\n", "a backslash of the row"),
    ],
)
def test_a_csv_of_this_form_is_refused_in_a_sentence(tmp_path, content, reason):
    with pytest.raises(ContractError, match=reason):
        read_file(written(tmp_path, "a.csv", content))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,a,5,\n", "the row has 4 values and the first row 3 columns"),
        ("1,a\n", "the row has 2 values"),
        ('1,"a" b,5\n', "do not close"),
        ("1,a\rb,5\n", "a carriage return stands outside quotes"),
        ("\ufeffid,text,stars\n", "names the columns once more"),
        ('1,"a\n1,b,5\nc",5\n', "takes in a line that looks like a row"),
        ('1,"a,5\n2,b",5\n', "takes in a line that looks like a row"),
        ('1,"a \\",5\n2,b",5\n', "read in two ways"),
        ('1,a\rb,"\n2,c,5\n"\n', "a carriage return stands outside quotes"),
        ('1,"a\\\\",5\n', "read in two ways"),
    ],
)
def test_a_row_of_this_form_is_refused_and_takes_no_other_row_along(tmp_path, row, reason):
    path = written(tmp_path, "a.csv", "id,text,stars\n0,first,1\n" + row + "9,last,2\n")
    first, *between, last = read_file(path)
    assert [*first.values.values()] == ["0", "first", "1"]
    assert [*last.values.values()] == ["9", "last", "2"]
    assert last.number == 3 + row.count("\n")
    assert reason in between[0].fault
    assert [found.number for found in between] == list(range(3, last.number))
    assert all(found.fault and found.raw for found in between)


def test_a_value_beyond_all_measure_is_refused_as_one(tmp_path):
    limit = csv.field_size_limit(1000)
    try:
        path = written(tmp_path, "a.csv", f'id,text,stars\n0,first,1\n1,"{"x" * 2000}",5\n9,last,2\n')
        _, refused, last = read_file(path)
    finally:
        csv.field_size_limit(limit)
    assert "a value is longer than" in refused.fault
    assert [*last.values.values()] == ["9", "last", "2"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "content",
    [
        'text,rating,timestamp,asin\n"Great phone\n\nagain",5,1588687728923,B0\nBad,1,1588687728923,B1\n',
        'text,rating\n"Great phone\nagain",5\nBad,1\n',
        'text,sentiment\n"Great, really\nagain",positive\nBad,negative\n',
        '"text","rating"\n"Great phone\nI, say, again","5"\n"Bad","1"\n',
    ],
)
def test_a_first_value_may_go_over_lines(tmp_path, content, end):
    path = written(tmp_path, "a.csv", content.replace("\n", end))
    several, one = read_file(path)
    assert (several.fault, one.fault, one.values["text"]) == ("", "", "Bad")
    assert several.values["text"].splitlines()[0].startswith("Great")
    assert several.values["text"].endswith("again")


def test_a_later_value_that_takes_in_a_row_is_refused_whatever_the_first_one_holds(tmp_path):
    rows = "".join(f'{number},"Fine, really","It works, and it lasts"\n' for number in range(20))
    path = written(tmp_path, "a.csv", f'stars,title,text\n{rows}5,"Good, cheap","great picture\n4,Sturdy,a TV of 55"\n')
    assert [bool(row.fault) for row in read_file(path)] == [*[False] * 20, True, True]


def test_a_line_of_a_refused_row_is_never_a_row(tmp_path):
    path = written(tmp_path, "a.csv", 'id,text\n1,"a\n2,b\nc",5,6\n3,d\n')
    assert [row.values for row in read_file(path)][-1] == {"id": "3", "text": "d"}
    assert [bool(row.fault) for row in read_file(path)] == [True, True, True, False]


def test_what_is_told_of_quotes_is_believed(tmp_path):
    path = written(tmp_path, "a.csv", 'id,text\n1,"C:\\\\"\n2,"a\n3,b"\n')
    assert values(path, quotes="doubled") == [["1", "C:\\\\"], ["2", "a\n3,b"]]
    assert values(path, quotes="backslash") == [["1", "C:\\"], ["2", "a\n3,b"]]
    assert values(path, quotes="plain") == [["1", '"C:\\\\"'], ["2", '"a'], ["3", 'b"']]


def test_a_tsv_whose_quotes_enclose_nothing_is_read_as_it_stands(tmp_path):
    path = written(tmp_path, "a.tsv", 'id\ttext\n1\t"Great"\n2\t"so, he said\n3\ta\rb\n')
    assert values(path) == [["1", '"Great"'], ["2", '"so, he said'], ["3", "a\rb"]]
    amazon = written(tmp_path, "b.tsv", 'marketplace\treview_body\nUS\t"" and \\\nUS\t"say ""x"""\n')
    assert values(amazon) == [["US", '"" and \\'], ["US", '"say ""x"""']]


@pytest.mark.parametrize("text", ["text", "review_body"])
@pytest.mark.parametrize(("name", "between"), [("a.csv", ","), ("a.tsv", "\t")])
def test_of_files_that_begin_with_the_marketplace_amazons_own_alone_are_believed(tmp_path, text, name, between):
    whole, open_quote, close_quote = ("US", "fine", "5"), ("US", '"bad', "1"), ("DE", 'mine"', "2")
    rows = [("marketplace", text, "stars"), *[whole] * 99, open_quote, *[whole] * 3, close_quote, whole]
    found = read_file(written(tmp_path, name, "".join(between.join(row) + "\n" for row in rows)))
    own = (text, name) == ("review_body", "a.tsv")
    assert [row.number for row in found] == [*range(2, 107)]
    assert [row.number for row in found if row.fault] == ([] if own else [*range(101, 106)])


def test_a_quoted_value_behind_the_first_look_at_a_plain_tsv_is_refused(tmp_path):
    plain = "1\tplain text\n" * 100_000
    path = written(tmp_path, "a.tsv", "id\ttext\n" + plain + '2\t"say ""x"""\n3\t"a\nb"\n4\t""\n')
    found = [row for row in read_file(path) if row.values.get("id") != "1"]
    assert [row.number - 100_001 for row in found] == [1, 2, 3, 4]
    assert all(row.fault for row in found)


def test_a_file_is_named_in_small_or_capital_letters_and_what_is_told_comes_first(tmp_path):
    assert values(written(tmp_path, "A.CSV", "id,text\n1,a\n")) == [["1", "a"]]
    assert values(written(tmp_path, "a.txt", "id\ttext\n1\ta\n"), kind="tsv") == [["1", "a"]]
    with pytest.raises(ContractError, match="no kind that is read"):
        read_file(written(tmp_path, "b.txt", "id\n"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [("\n {}\n", "jsonl"), ("\ufeff[{}]", "json"), ("id\ttext\tx, y\n", "tsv"), ("id,text\n", "csv"), ("", "csv")],
)
def test_what_comes_by_a_pipe_is_told_by_how_it_begins(tmp_path, content, kind):
    assert format_of(str(written(tmp_path, "piped", content)), FileOptions(), piped=True).kind == kind


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ("[[1], [2]]", ["the element is not a JSON object"] * 2),
        ('[{"a": 1}{"a": 2}]', ["", ""]),
        ("[]", []),
        (" \n[ ]\n", []),
        ('{"a": 1}\n{"a": 2}\n', ["", ""]),
        ('{"a": 1}{"a": 2}\n', ["more than one JSON object"]),
        ("{'a': 1}\n", ["a Python dictionary"]),
        ('{"a": 1, "a": 2}\n', ["one name several values"]),
        ('null\n"a"\n5\n', ["not a JSON object"] * 3),
        ('{"a": 1}\n\ufeff{"a": 2}\n\n', ["", ""]),
        ('{"a": ' + "[" * 100_000 + "\n", ["not a JSON object"]),
        ("", []),
    ],
)
def test_json_of_this_form_is_read_or_refused_element_by_element(tmp_path, content, reasons):
    found = read_file(written(tmp_path, "a.json", content))
    assert len(found) == len(reasons)
    for row, reason in zip(found, reasons, strict=True):
        assert reason in row.fault if reason else not row.fault


NO_END = (', {"a": NaN]', ', {"a": 05.0}, {"a": 2}]', ', {"a"', ",", "] trailing", '] [{"a": 2}]')


@pytest.mark.parametrize("rest", NO_END)
def test_an_array_that_cannot_be_read_on_is_broken_behind_its_whole_elements(tmp_path, rest):
    path = str(written(tmp_path, "a.json", '[{"a": 0}, {"a": 1}' + rest))
    rows = read(path, format_of(path, FileOptions()))
    assert [next(rows).values for _ in range(2)] == [{"a": 0}, {"a": 1}]
    with pytest.raises(BrokenFileError, match="is no JSON, from element 3 on"):
        list(rows)


def test_nested_values_of_json_stay_as_they_are(tmp_path):
    nested = {"text": ["a", "b"], "helpful": {"up": 1, "of": [2, None]}, "price": 12345678901234567890}
    assert [row.values for row in read_file(written(tmp_path, "a.jsonl", json.dumps(nested)))] == [nested]


def table_read(folder: Path, columns: dict[str, Any], *wanted: str, place: str = "a.parquet") -> list[Any]:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return [row.fault or row.values for row in read(str(path), format_of(str(path), FileOptions()), wanted or None)]


def test_parquet_gives_each_value_as_it_is(tmp_path):
    zone = pa.array([datetime(2024, 5, 31, 10, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin"))
    row = {"lists": [["a", "b"]], "points": [Decimal("4.50")], "day": [date(2024, 5, 31)], "none": [None]}
    found = table_read(tmp_path, {**row, "at": zone, "words": pa.array(["a"]).dictionary_encode()})
    assert found == [{key: value[0] for key, value in row.items()} | {"at": zone[0].as_py(), "words": "a"}]


def test_parquet_of_no_rows_or_no_columns_has_none(tmp_path):
    assert table_read(tmp_path, {"text": pa.array([], pa.string())}) == []
    assert table_read(tmp_path, {}) == []


def test_a_text_in_bytes_is_a_text_whatever_its_neighbours_are(tmp_path):
    for kind in (pa.binary(), pa.large_binary()):
        assert table_read(tmp_path, {"text": pa.array([b"\xe9", "ö".encode(), None], kind)}) == [
            {"text": b"\xe9"},
            {"text": "ö"},
            {"text": None},
        ]


def test_ids_in_bytes_of_one_length_are_texts(tmp_path):
    path = tmp_path / "a.parquet"
    ids = pa.array([b"B000", b"\xff\x00ab", None], pa.binary(4))
    parquet.write_table(pa.table({"id": ids, "again": ids.dictionary_encode(), "text": ["good"] * 3}), path)
    found = [(row.values["id"], row.values["again"]) for row in read_file(path)]
    assert found == [("B000", "B000"), (b"\xff\x00ab", b"\xff\x00ab"), (None, None)]


def test_bytes_of_a_text_are_read_as_is_told_and_else_are_a_fault_of_their_row_where_the_column_is_asked_for(tmp_path):
    kind = pa.binary()
    columns = {"text": pa.array([b"sch\xf6n", b"fine"], kind), "picture": pa.array([b"\xff\xd8", b"\xff\xd8"], kind)}
    fault, row = table_read(tmp_path, columns, "text")
    assert fault.startswith("of the column text the byte 0xf6 is no UTF-8")
    assert row == {"text": "fine"}
    path = str(tmp_path / "a.parquet")
    form = format_of(path, FileOptions(encoding="cp1252"))
    assert [row.values for row in read(path, form, ["text"])] == [{"text": "schön"}, {"text": "fine"}]


def test_a_value_that_python_has_none_for_is_a_fault_of_its_row(tmp_path):
    late = pa.array([2**62, 10**15], pa.timestamp("us"))
    fault, row = table_read(tmp_path, {"at": late})
    assert "cannot be read" in fault
    assert row == {"at": datetime(2001, 9, 9, 1, 46, 40)}


def test_two_columns_of_one_name_are_refused(tmp_path):
    parquet.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), tmp_path / "a.parquet")
    with pytest.raises(ContractError, match="several columns named text"):
        read_file(tmp_path / "a.parquet")


def test_a_folder_names_columns_of_its_rows_and_they_can_be_asked_for(tmp_path):
    place = "rating=5/sh%6Fp=a%2Fb%20c/day=__HIVE_DEFAULT_PARTITION__/x.parquet"
    columns = {"text": ["a", "b"], "id": [1, 2]}
    folders = {"rating": "5", "shop": "a/b c", "day": None}
    assert table_read(tmp_path, columns, place=place)[1] == {"text": "b", "id": 2, **folders}
    assert table_read(tmp_path, columns, "shop", "id", place=place) == [{"shop": "a/b c", "id": at} for at in (1, 2)]
    assert table_read(tmp_path, columns, "rating", place=place) == [{"rating": "5"}] * 2
    assert table_read(tmp_path, columns, "nothing", place=place) == [{}, {}]
    # A folder above others, and one that is called as texts are, is none of Spark's.
    assert table_read(tmp_path, columns, place="run=3/all/Title=exports/x.parquet")[1] == {"text": "b", "id": 2}


def test_what_is_parquet_and_not_called_so_is_told_and_the_other_way_round_it_is_broken(tmp_path):
    table_read(tmp_path, {"text": ["a"]})
    (tmp_path / "a.parquet").rename(tmp_path / "a.csv")
    with pytest.raises(ContractError, match=r"is Parquet; name it \.parquet"):
        read_file(tmp_path / "a.csv")
    with pytest.raises(BrokenFileError):
        read_file(written(tmp_path, "b.parquet", "id,text\n1,a\n"))


@pytest.mark.spark
def test_what_spark_writes_is_read_equal_or_refused_row_by_row(spark, tmp_path):
    table = [(str(at), text, str(at % 5 + 1)) for at, text in enumerate(SPARKS)]
    frame = spark.createDataFrame(table, "id string, text string, rating string").coalesce(1)
    frame.write.option("header", True).csv(str(tmp_path / "csv"))
    frame.write.option("header", True).option("sep", "\t").csv(str(tmp_path / "tsv"))
    frame.write.json(str(tmp_path / "json"))
    frame.write.partitionBy("rating").parquet(str(tmp_path / "parquet"))
    expected = [dict(zip(("id", "text", "rating"), row, strict=True)) for row in table]
    assert [row.values for path in (tmp_path / "json").glob("*.json") for row in read_file(path)] == expected
    parts = sorted((tmp_path / "parquet").rglob("*.parquet"))
    assert len(parts) == 5
    found = [row.values for path in parts for row in read_file(path)]
    assert sorted(found, key=lambda row: int(row["id"])) == expected
    (part,) = (tmp_path / "csv").glob("*.csv")
    assert [row.values for row in read_file(part)] == expected
    # Where no comma has it put in quotes, a text of two backslashes could be another writer's of one.
    (part,) = (tmp_path / "tsv").glob("*.csv")
    found = read_file(part, kind="tsv")
    assert_held(found, expected)
    assert [(row.number, row.fault) for row in found if row.fault] == [(10, OUTSIDE)]
