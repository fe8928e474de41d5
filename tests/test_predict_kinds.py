"""`predict` reads what people have and writes what they want: the same rows, whatever the kind and the packing."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow import parquet
from pydantic import ValidationError

from scoring_days import Oracle
from sentiment.core.errors import ContractError
from sentiment.readers.config import FileOptions
from sentiment.scoring.config import PredictConfig
from sentiment.scoring.files import predict_file
from sentiment.scoring.results import FileCounts
from sentiment.scoring.source import Source
from test_predict_pipes import predicted

ROWS = [
    {"reviewerID": "007", "summary": "Five", "reviewText": 'good, "very" good', "asin": "B0"},
    {"reviewerID": "1e5", "summary": "One", "reviewText": "bad für\nmich 😀", "asin": "B1"},
    {"reviewerID": "A3", "summary": "", "reviewText": "", "asin": "B2"},
]
LABELS = ["positive", "negative", None]
PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}


def delimited(delimiter: str, encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode(encoding)


def zstandard(content: bytes) -> bytes:
    """Pack as programs do, in a stream."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def packed(content: bytes, ending: str) -> bytes:
    return zstandard(content) if ending == ".zst" else PACKED[ending](content)


CONTENTS = {
    "in.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "lines.json": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "array.json": json.dumps(ROWS, indent=1).encode(),
    "in.csv": delimited(","),
    "semicolons.csv": delimited(";"),
    "utf16.csv": delimited(",", "utf-16"),
    "in.tsv": delimited("\t"),
}


def predict(source: Path, target: Path, **options: Any) -> FileCounts:
    return predict_file(Oracle(), Source.of(source, FileOptions(**options)), target, 7, lambda *_: None)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def refusal(source: Path, target: Path, **options: Any) -> str:
    with pytest.raises(ContractError) as raised:
        predict(source, target, **options)
    assert not target.is_file()
    return str(raised.value)


NO_TEXTS = [
    pa.array([1, 2]),
    pa.array([0.5, 2.0]),
    pa.array([True, False]),
    pa.array([datetime(2024, 5, 1, tzinfo=UTC)] * 2),
    pa.array([["good"], ["bad"]]),
    pa.array([{"en": "good"}, {"en": "bad"}]),
    pa.array([[("en", "good")], []], pa.map_(pa.string(), pa.string())),
    pa.array([b"good", b"bad "], pa.binary(4)),
]


@pytest.mark.parametrize("values", NO_TEXTS, ids=lambda values: str(values.type))
def test_a_column_of_parquet_that_holds_no_texts_is_refused_with_file_column_and_remedy(tmp_path, values):
    parquet.write_table(pa.table({"text": values, "comment": ["good", "bad"]}), tmp_path / "in.parquet")
    said = refusal(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert said.startswith(f"{tmp_path / 'in.parquet'}: the text would be read from text, which holds ")
    assert "--columns text=NAME" in said
    counts = predict(tmp_path / "in.parquet", tmp_path / "out.jsonl", columns=("text=comment",))
    assert (counts.rows, counts.unscored) == (2, 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [("in.csv", b"text\n1\n2.5\n\n"), ("in.jsonl", b'{"text": 1}\n{"text": "2.5"}\n{"text": null}\n')],
)
def test_texts_that_are_all_numbers_are_scored_and_said(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (note,) = predict(tmp_path / name, tmp_path / "out.jsonl").notes
    assert note.startswith("every text that was scored is a number: where text is not the column of the texts")
    (tmp_path / name).write_bytes(content.replace(b"2.5", b"good"))
    assert predict(tmp_path / name, tmp_path / "out.jsonl").notes == ()


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("name", CONTENTS)
def test_every_kind_packed_or_not_gives_the_same_rows_and_says_what_it_read(tmp_path, name, ending):
    source = tmp_path / f"{name}{ending}"
    source.write_bytes(packed(CONTENTS[name], ending))
    counts = predict(source, tmp_path / "out.jsonl")
    found = lines(tmp_path / "out.jsonl")
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert [row["label"] for row in found] == LABELS
    assert list(found[0])[:4] == list(ROWS[0])
    assert counts.notes == ("the text is read from reviewText, the title is read from summary (amazon-2014-2018)",)


@pytest.mark.parametrize(
    ("name", "ending"),
    [*((name, "") for name in CONTENTS), ("in.csv", ".gz"), ("in.tsv", ".bz2"), ("in.jsonl", ".zst")],
)
def test_the_content_of_a_pipe_says_what_it_is(tmp_path, name, ending):
    done = predicted("--input", "-", "--output", "out.jsonl", given=packed(CONTENTS[name], ending), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["label"] for row in lines(tmp_path / "out.jsonl")] == LABELS


def test_a_pipe_of_parquet_is_read_and_goes_out_as_json_lines(tmp_path):
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "in.parquet")
    done = predicted("--input", "-", "--output", "-", given=(tmp_path / "in.parquet").read_bytes())
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == LABELS


def test_a_pipe_that_is_tab_separated_goes_out_tab_separated():
    done = predicted("--input", "-", "--output", "-", given=b"id\ttext\n1\tgood\n")
    assert done.stdout.decode().splitlines()[0].split("\t")[:3] == ["id", "text", "label"]


def test_a_folder_of_spark_is_read_with_the_columns_of_its_folders_and_without_its_marks(tmp_path):
    folder = tmp_path / "reviews.parquet"
    for stars, text in (("1", "bad"), ("5", "good")):
        (folder / f"stars={stars}").mkdir(parents=True)
        parquet.write_table(pa.table({"text": [text]}), folder / f"stars={stars}" / "part-0.snappy.parquet")
        (folder / f"stars={stars}" / ".part-0.snappy.parquet.crc").touch()
    (folder / "_SUCCESS").touch()
    predict(folder, tmp_path / "out.jsonl")
    assert [(row["text"], row["stars"], row["label"]) for row in lines(tmp_path / "out.jsonl")] == [
        ("bad", "1", "negative"),
        ("good", "5", "positive"),
    ]


def test_the_folder_of_a_table_is_refused_for_its_files_hold_deleted_rows(tmp_path):
    table = tmp_path / "reviews"
    write_deltalake(str(table), pa.table({"id": [1, 2], "text": ["good", "bad"]}))
    DeltaTable(str(table)).delete("id = 2")
    said = refusal(table, tmp_path / "out.jsonl")
    assert f"{table} is a table of Delta: read as files, the rows that were deleted" in said
    assert f"export its rows first, as in spark.read.format('delta').load('{table}')" in said
    parquet.write_table(DeltaTable(str(table)).to_pyarrow_table(), tmp_path / "export.parquet")
    predict(tmp_path / "export.parquet", tmp_path / "out.jsonl")
    assert [row["text"] for row in lines(tmp_path / "out.jsonl")] == ["good"]


def test_a_folder_without_files_that_are_read_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    assert "folder holds no file of a kind that is read" in refusal(tmp_path / "folder", tmp_path / "out.jsonl")


def test_what_lies_in_a_folder_and_is_not_read_is_told_but_for_what_is_hidden(tmp_path):
    (folder := tmp_path / "folder").mkdir()
    (folder / "a.csv").write_text("text\ngood\n")
    assert predict(folder, tmp_path / "out.jsonl").notes == ()
    for name in ("b.csv.zip", "c.xlsx", "d.txt", "sub/e.doc", "_SUCCESS", ".a.csv.crc", "_logs/run.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    counts = predict(folder, tmp_path / "out.jsonl")
    assert counts.notes == ("4 others are not read, by what they are called: b.csv.zip, c.xlsx, d.txt and 1 more",)
    assert (counts.rows, predict(folder / "a.csv", tmp_path / "out.jsonl").notes) == (1, ())


def test_types_of_parquet_survive_to_parquet(tmp_path):
    moment = datetime(2024, 5, 31, 12, tzinfo=UTC)
    given = pa.table(
        {
            "text": ["good", "bad"],
            "helpful": pa.array([1, None], pa.int16()),
            "at": pa.array([moment, None], pa.timestamp("ms", "UTC")),
            "tags": pa.array([["a"], []], pa.list_(pa.string())),
            "place": pa.array(["x", "y"]).dictionary_encode(),
            "raw": pa.array([b"a", b"\xff"]),
        }
    )
    parquet.write_table(given, tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet")
    written = parquet.read_table(tmp_path / "out.parquet")
    assert written.select(given.column_names).equals(given)
    assert written["label"].to_pylist() == ["positive", "negative"]


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl"])
def test_other_programs_read_the_rows_that_are_written(tmp_path, kind, ending):
    (tmp_path / "in.jsonl").write_bytes(CONTENTS["in.jsonl"])
    target = tmp_path / f"out{kind}{ending}"
    predict(tmp_path / "in.jsonl", target)
    with pa.input_stream(str(target), compression="zstd" if ending == ".zst" else "detect") as stream:
        content = io.BytesIO(stream.read())
    if kind == ".jsonl":
        table = pd.read_json(content, lines=True, dtype=False)
    else:
        table = pd.read_csv(content, sep="\t" if kind == ".tsv" else ",", dtype=str, keep_default_na=False)
    assert table[list(ROWS[0])].to_dict("records") == ROWS
    assert table["label"].fillna("").tolist() == [label or "" for label in LABELS]
    assert [row.get("label") or None for row in Source.of(target, FileOptions()).rows()] == LABELS


@pytest.mark.parametrize(("first", "column"), [("marketplace", "review_body"), ("id", "text")])
def test_tsv_in_which_quotes_enclose_nothing_is_written_as_such_and_read_again_with_the_same_columns(
    tmp_path, first, column
):
    texts = ['The 32" set is good', '"bad', '"good"', 'bad "" bad', ""]
    given = "".join(f"{line}\n" for line in (f"{first}\t{column}\tlast", *(f"US\t{text}\t'x" for text in texts)))
    (tmp_path / "in.tsv").write_text(given)
    predict(tmp_path / "in.tsv", tmp_path / "out.tsv", quotes="plain")
    written = (tmp_path / "out.tsv").read_text().splitlines()
    assert [line.split("\t")[:3] for line in written] == [line.split("\t") for line in given.splitlines()]
    again = Source.of(tmp_path / "out.tsv", FileOptions(quotes=None if first == "marketplace" else "plain"))
    assert [row[column] for row in again.rows()] == texts
    assert [row["label"] for row in again.rows()] == ["positive", "negative", "positive", "negative", ""]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_what_is_nested_goes_into_a_cell_as_json(tmp_path, ending):
    pictures, more = [{"small": None, "large": True}], {"a": 1.5}
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "Great phone.", "images": pictures, "more": more}))
    predict(tmp_path / "in.jsonl", tmp_path / f"out.{ending}")
    (row,) = csv.DictReader((tmp_path / f"out.{ending}").open(newline=""), delimiter="," if ending == "csv" else "\t")
    assert json.loads(row["images"]) == pictures
    assert json.loads(row["more"]) == more


def test_text_and_title_may_be_named_and_another_encoding_told(tmp_path):
    (tmp_path / "in.csv").write_bytes("Überschrift;Meinung\nschlecht;good für mich\n".encode("cp1252"))
    told = {"columns": ("text=meinung", "title=Überschrift"), "encoding": "cp1252"}
    counts = predict(tmp_path / "in.csv", tmp_path / "out.jsonl", **told)
    assert lines(tmp_path / "out.jsonl")[0]["Meinung"] == "good für mich"
    assert counts.notes == ("the text is read from Meinung, the title is read from Überschrift",)
    untold = refusal(tmp_path / "in.csv", tmp_path / "other.jsonl")
    assert "line 1: the byte 0xdc is no UTF-8" in untold


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("in.csv", b"text\tid\tx\ngood\t1\t2\n", "is tab separated; name it .tsv, or say --kind tsv"),
        ("in.jsonl", b'[{"text": "good"}]', "name the file .json, or say --kind json"),
        ("in.json", b'[{"text": "good"}, 5]', "row 2: the element is not a JSON object; mend or remove the row"),
        ("in.jsonl", b"{'text': 'good'}\n", "line 1: the line is a Python dictionary, and no JSON; mend or remove"),
        ("in.csv", b'text,id\ngood,1\n"bad,2\ngood,3\n', "line 3: the quotes of the row do not close; write"),
        ("in.csv", "text\ngood\n".encode("utf-16-le"), "is in UTF-16 without its mark"),
        ("in.csv.zst", zstandard(b"text\n" + b"good\n" * 99)[:-9], "cannot be read to its end"),
        ("in.csv", b"text,id\ngood,1\nbad", "cannot be read to its end: it breaks off within line 3"),
        ("in.txt", b"good\n", "is of no kind that is read: name it .jsonl"),
        ("in.jsonl", b'{"id": 1}\n{"id": 2}\n', "in.jsonl: no column is known to be the text; the columns are id: say"),
        ("in.jsonl.gz", b"", "it has 0 bytes"),
    ],
)
def test_what_is_not_what_it_is_called_or_cannot_be_read_is_refused_with_a_remedy(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    assert sentence in refusal(tmp_path / name, tmp_path / "out.jsonl")


@pytest.mark.parametrize("built", [{"text": "good", "by": {"a": 1}}, {"reviews": [["good"]] * 9_000}])
@pytest.mark.parametrize("indent", ["  ", "\t"])
def test_an_object_of_json_over_several_lines_is_told_how_it_is_read(tmp_path, built, indent):
    (tmp_path / "in.json").write_text(json.dumps(built, indent=indent))
    assert "in.json is a JSON object over several lines; write" in refusal(tmp_path / "in.json", tmp_path / "o.csv")


@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("count", [1, 9_000])
@pytest.mark.parametrize(
    ("before", "behind"), [({}, {}), ({"page": 1.5, "by": 'a "shop"', "more": None}, {"next": {"text": "x"}})]
)
def test_an_object_around_the_reviews_is_told_with_where_they_stand(tmp_path, name, indent, count, before, behind):
    built = {**before, "re\u00e4": [{"text": "good", "stars": True, "images": [{"a": 1}]}] * count, **behind}
    (tmp_path / name).write_text(json.dumps(built, indent=indent))
    said = refusal(tmp_path / name, tmp_path / "out.jsonl")
    assert f"{name}: the reviews stand in re\u00e4 of one object; give that array alone" in said


@pytest.mark.parametrize(
    "row",
    [
        {"text": "good", "images": [{"a": 1}] * 9_000},
        {"images": [{"a": 1}], "text": "good"},
        {"images": [{"a": 1}] * 10, "text": "good" * 90_000},
        {"text": "good", "images": [{"a": "text"}]},
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_review_that_holds_a_list_of_objects_is_a_review(tmp_path, row, count):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for _ in range(count)))
    counts = predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (counts.rows, counts.unscored) == (count, 0)


@pytest.mark.parametrize("broken", ['{"text": "well,', '{"text": "good"', '{"text": good,', "{'text': 'a',"])
def test_a_first_line_that_is_broken_off_is_a_fault_of_its_line_alone(tmp_path, broken):
    (tmp_path / "in.json").write_text(f'{broken}\n{{"text": "good"}}\n')
    assert "in.json, line 1: " in refusal(tmp_path / "in.json", tmp_path / "o.csv")


def test_the_kind_may_be_told_where_the_name_says_another_or_none(tmp_path):
    (tmp_path / "in.txt").write_bytes(b"id\ttext\n1\tgood\n")
    assert predict(tmp_path / "in.txt", tmp_path / "out.jsonl", kind="tsv").positive == 1
    (tmp_path / "in.jsonl").write_bytes(b'[{"text": "good"}]')
    assert predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl", kind="json").positive == 1


def test_what_is_no_kind_of_output_is_refused_also_a_folder(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"text\ngood\n")
    (tmp_path / "out.parquet").mkdir()
    for name, sentence in [
        ("out.xlsx", "is of no kind that is written"),
        ("out.json", "is of no kind that is written"),
        ("out.parquet.gz", "is of no kind that is written"),
        ("out.parquet", "is a folder; name a file to write"),
    ]:
        assert sentence in refusal(tmp_path / "in.csv", tmp_path / name)


def test_a_folder_that_is_read_is_not_written_into(tmp_path):
    with pytest.raises(ValidationError, match="--output is the same file as --input, or lies in it"):
        PredictConfig(input=tmp_path / "reviews", output=tmp_path / "reviews" / "part-0.parquet")


def test_a_role_that_predict_does_not_read_is_refused():
    with pytest.raises(ValidationError, match="--columns rating=… has no use here; only text and title are read"):
        PredictConfig(input=Path("in.csv"), columns=("text=review", "rating=stars"))


@pytest.mark.parametrize("content", [b"", b"[]", b"\n\n"])
def test_a_file_of_json_without_rows_is_a_day_without_reviews_also_where_columns_are_named(tmp_path, content):
    (tmp_path / "in.json").write_bytes(content)
    assert predict(tmp_path / "in.json", tmp_path / "out.csv", columns=("text=reviewText",)).rows == 0
    assert (tmp_path / "out.csv").read_text().startswith("label,")


@pytest.mark.parametrize("target", ["out.csv", "out.tsv.gz", "out.parquet"])
def test_half_a_character_in_one_review_does_not_make_the_output_unreadable_for_others(tmp_path, target):
    (tmp_path / "in.jsonl").write_text('{"text": "half \\ud83d great", "by": ["\\ud83d"]}\n{"text": "good"}\n')
    predict(tmp_path / "in.jsonl", tmp_path / target)
    read = pd.read_parquet if target.endswith("parquet") else partial(pd.read_csv, sep="," if "csv" in target else "\t")
    assert read(tmp_path / target)["text"].tolist() == ["half ? great", "good"]


def test_numbers_that_no_one_type_holds_end_in_a_sentence(tmp_path):
    rows = [{"text": "good", "id": 2**53 + place} for place in range(1, 5_000)] + [{"text": "bad", "id": 1.5}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "write .jsonl instead" in refusal(tmp_path / "in.jsonl", tmp_path / "out.parquet")


def test_bytes_of_parquet_that_are_no_text_are_named_where_the_text_is_read_and_kept_elsewhere(tmp_path):
    table = pa.table({"text": [b"good", b"good"], "rating": [5, 5], "user_id": [b"a", b"\xff"]})
    parquet.write_table(table, tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet")["label"].to_pylist() == ["positive", "positive"]
    parquet.write_table(pa.table({"text": [b"good", "f\u00fcr".encode("cp1252")]}), tmp_path / "in.parquet")
    assert "row 2: of the column text " in refusal(tmp_path / "in.parquet", tmp_path / "out.jsonl")


def test_the_files_of_a_folder_whose_texts_stand_elsewhere_are_named(tmp_path):
    (folder := tmp_path / "reviews").mkdir()
    (folder / "a.csv").write_text("text,stars\ngood,5\n")
    for content, said in {
        "reviewText,overall\nbad,1\n": r"b\.csv has no column text, .* in reviewText: score it by itself",
        "Body,n\nbad,1\n": r"b\.csv has no column text, .*it has Body, n: score it by itself",
    }.items():
        (folder / "b.csv").write_text(content)
        with pytest.raises(ContractError, match=said):
            predict(folder, tmp_path / "out.csv")
    # A writer leaves out of an object of JSON what is empty.
    (folder / "b.csv").unlink()
    (folder / "b.jsonl").write_text('{"stars": 1}\n')
    counts = predict(folder, tmp_path / "out.csv")
    assert (counts.rows, counts.unscored) == (2, 1)
    (folder / "b.jsonl").write_text('{"stars": 1}\n{"body": "bad", "stars": 1}\n')
    with pytest.raises(ContractError, match=r"b\.jsonl has no column text, .*it has stars, body: score it by itself"):
        predict(folder, tmp_path / "out.csv")


@pytest.mark.parametrize("column", [{"0": "good", "1": "bad"}, ["good", "bad"]])
def test_columns_in_place_of_reviews_are_refused(tmp_path, column):
    (tmp_path / "in.json").write_text(json.dumps({"text": column, "stars": column}))
    with pytest.raises(
        ContractError, match=r"text holds objects or lists and no texts; .*orient='records', lines=True"
    ):
        predict(tmp_path / "in.json", tmp_path / "out.csv")
