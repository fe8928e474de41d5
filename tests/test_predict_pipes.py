"""`predict` over files and pipes: as a program of its own, with a scorer of no model behind it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pyarrow import parquet

from conftest import PROJECT
from scoring_days import Oracle
from sentiment.cli import open_closed
from sentiment.core.errors import ContractError
from sentiment.readers.config import FileOptions
from sentiment.scoring.config import PredictConfig
from sentiment.scoring.files import predict_file, require_files
from sentiment.scoring.output import begins_a_formula
from sentiment.scoring.results import FileCounts
from sentiment.scoring.source import Source

# The command line, whose model is the oracle of these tests.
PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT / "tests")!r})
from pathlib import Path
from types import SimpleNamespace
from scoring_days import Oracle
from sentiment import cli
from sentiment.engine import scorer
from sentiment.promotion import resolution
resolution.bundle_of = lambda *_: (7, SimpleNamespace(folder=Path("none")))
scorer.Scorer.load = classmethod(lambda cls, *_, **__: Oracle())
sys.exit(cli.main(sys.argv[1:]))
"""
CSV = b"id,text\n1,good phone\n2,bad phone\n"
JSONL = b'{"id": 1, "text": "good phone"}\n{"id": 2, "text": "bad phone"}\n'


def predicted(*words: str, given: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PROGRAM, "predict", *words]
    return subprocess.run(command, input=given, capture_output=True, check=False, cwd=folder)


def test_csv_comes_in_by_a_pipe_and_goes_out_as_csv_with_nothing_else_in_it():
    done = predicted("--input", "-", "--output", "-", given=CSV)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [(row["id"], row["label"]) for row in rows] == [("1", "positive"), ("2", "negative")]
    assert b"rows" in done.stderr


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_json_lines_are_told_by_their_brace_and_go_out_as_json_lines(mark):
    done = predicted("--input", "-", "--output", "-", given=mark + JSONL)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["positive", "negative"]


def test_a_text_is_shown_as_it_is_and_neither_markup_nor_a_command_to_the_terminal():
    texts = ["Great [/b] phone", "[sic] it [i]never[/i]", "[[ASIN:B0]] kettle", "[...] I :heart: it", "broke [after 2"]
    done = predicted(*texts, "red \x1b[31m or \x9b31m")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert [text for text in texts if text not in shown] == []
    assert r"red \x1b[31m or \x9b31m" in shown


def test_a_file_alone_shows_its_rows_and_counts(tmp_path):
    (tmp_path / "in.csv").write_bytes(CSV + b"3,good\n" * 30)
    done = predicted("--input", "in.csv", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["rows"], shown["positive"], len(shown["predictions"])) == (32, 31, 20)
    assert "--output FILE" in shown["more"]


def test_rows_of_csv_end_with_a_line_feed_and_a_return_within_a_value_stays_there(tmp_path):
    (tmp_path / "in.csv").write_bytes(b'id,text\r\n1,"good\rand\r\nmore"\r\n2,bad\r\n')
    done = predicted("--input", "in.csv", "--output", "-", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"id,text,label,")
    assert (done.stdout.count(b"\r\n"), done.stdout.count(b"\n")) == (1, 4)
    assert [row["text"] for row in csv.DictReader(io.StringIO(done.stdout.decode(), newline=""))] == [
        "good\rand\r\nmore",
        "bad",
    ]


def test_a_pipe_may_have_a_name_and_a_closed_one_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    Thread(target=lambda: (tmp_path / "pipe").write_bytes(CSV), daemon=True).start()
    done = predicted("--input", "pipe", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2
    words = [sys.executable, "-c", PROGRAM, "predict", "--input", "-"]
    closed = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *words], capture_output=True, check=False)
    assert closed.returncode == 1
    assert b"standard input is closed" in closed.stderr


def test_rows_for_a_standard_output_that_is_closed_are_refused(tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    open_closed()
    with pytest.raises(ContractError, match="standard output is closed"):
        require_files(PredictConfig(input=tmp_path / "in.csv", output="-"))


def test_of_a_file_of_many_columns_the_text_and_the_decision_are_what_is_shown(tmp_path):
    names = "reviewerID,asin,reviewerName,helpful,unixReviewTime,reviewTime,overall,summary,reviewText"
    row = "A1YS9MDZP93857,B000F83SZQ,Jane of the long name,0,1251244800,08 26 2009,5,A summary,good and so on"
    (tmp_path / "in.csv").write_text(f"{names}\n{row}\n")
    done = predicted("--input", "in.csv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert [word for word in ("good and so on", "label", "positive", "confidence") if word not in shown] == []
    twice = predicted("--input", "in.csv", "--columns", "text=summary", "--columns", "title=asin", folder=tmp_path)
    assert b"the text is read from summary, the title is read from asin" in twice.stdout


def test_a_pipe_goes_into_a_file_and_a_file_out_through_a_pipe(tmp_path):
    assert predicted("--input", "-", "--output", "out.parquet", given=CSV, folder=tmp_path).returncode == 0
    assert parquet.read_table(tmp_path / "out.parquet")["label"].to_pylist() == ["positive", "negative"]
    parquet.write_table(pa.table({"text": ["good"]}), tmp_path / "in.parquet")
    done = predicted("--input", "in.parquet", "--output", "-", folder=tmp_path)
    assert json.loads(done.stdout)["label"] == "positive"


def test_what_cannot_be_read_or_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(CSV)
    (tmp_path / "in.csv").write_bytes(CSV)
    for words, given, sentence in [
        (("--input", "in.csv", "--output", "file/out.csv"), b"", b"file"),
        (("--input", "-", "--output", "-"), b"id,remark\n1,good\n", b"the pipe: no column is known to be the text"),
        (("--input", "-", "--output", "-"), b'{"text": "good"}\nno JSON\n', b"the pipe, line 2"),
        (("--input", "absent.csv"), b"", b"there is no file absent.csv"),
    ]:
        done = predicted(*words, given=given, folder=tmp_path)
        assert done.returncode == 1
        assert done.stdout == b""
        assert sentence in done.stderr.splitlines()[-1]
        assert b"Traceback" not in done.stderr


def test_a_day_without_rows_keeps_its_columns(tmp_path):
    assert predicted("--input", "-", "--output", "-", folder=tmp_path).stdout.startswith(b"label,")
    (tmp_path / "in.csv").write_bytes(b"id,text\n")
    for target in ("out.csv", "out.parquet"):
        assert predict(tmp_path / "in.csv", tmp_path / target).rows == 0
    of_csv = (tmp_path / "out.csv").read_text().strip().split(",")
    of_parquet = parquet.read_schema(tmp_path / "out.parquet").names
    assert of_csv == of_parquet
    assert of_csv[:3] == ["id", "text", "label"]


def test_two_columns_of_one_name_are_refused_by_name(tmp_path):
    (tmp_path / "twice.csv").write_bytes(b"text,text,want\na,b,c\n")
    with pytest.raises(ContractError, match=r"twice\.csv has several columns named text"):
        predict(tmp_path / "twice.csv", tmp_path / "out.csv")


def predict(source: Path, target: Path, *, formulas_as_text: bool = False, **options: Any) -> FileCounts:
    given = Source.of(source, FileOptions(**options))
    return predict_file(Oracle(), given, target, 7, lambda *_: None, formulas_as_text=formulas_as_text)


@pytest.mark.parametrize("ending", ["csv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("mode", [0o600, 0o440, 0o664])
def test_an_output_that_was_there_keeps_its_permissions(tmp_path, ending, mode):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    target = tmp_path / f"out.{ending}"
    target.touch()
    target.chmod(mode)
    predict(tmp_path / "in.csv", target)
    assert target.stat().st_mode & 0o777 == mode
    assert target.stat().st_size


@pytest.mark.parametrize("there", [False, True])
def test_what_a_link_names_is_written_and_the_link_stays(tmp_path, there):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    place, link = tmp_path / "elsewhere" / "of_link.csv", tmp_path / "out.csv"
    link.symlink_to(place)
    if there:
        place.parent.mkdir()
        place.write_text("old")
    predict(tmp_path / "in.csv", link)
    assert link.is_symlink()
    assert read_rows(place)[0]["label"] == "positive"
    assert [file.name for file in place.parent.iterdir()] == [place.name]


def read_rows(path: Path) -> list[dict[str, Any]]:
    return list(Source.of(path, FileOptions()).rows())


GOLD = {"text": "good phone", "label": 1, "Confidence": "annotator was sure", "predicted_label": "x"}


@pytest.mark.parametrize("source", ["in.jsonl", "in.csv", "in.parquet"])
@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_columns_of_the_input_that_have_our_names_stay_and_ours_are_told_apart(tmp_path, source, target):
    if source == "in.parquet":
        parquet.write_table(pa.Table.from_pylist([GOLD]), tmp_path / source)
    elif source == "in.csv":
        (tmp_path / source).write_text(",".join(GOLD) + "\n" + ",".join(map(str, GOLD.values())) + "\n")
    else:
        (tmp_path / source).write_text(json.dumps(GOLD))
    result = predict(tmp_path / source, tmp_path / target)
    (row,) = read_rows(tmp_path / target)
    assert {name: str(row[name]) for name in GOLD} == {name: str(value) for name, value in GOLD.items()}
    assert (row["predicted_predicted_label"], float(row["predicted_confidence"])) == ("positive", 0.9)
    assert result.positive == 1
    assert result.notes == (
        "the input has its own label, confidence, which stay; ours are predicted_predicted_label, predicted_confidence",
    )


def test_a_column_that_begins_at_the_last_line_is_told_apart_in_all_of_them(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL + b'{"text": "good", "label": "mine"}\n')
    predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    rows = read_rows(tmp_path / "out.jsonl")
    assert [row["predicted_label"] for row in rows] == ["positive", "negative", "positive"]
    assert [row.get("label") for row in rows] == [None, None, "mine"]


FORMULAS = b"text,note\n=HYPERLINK(1),good\ngood,@SUM(A1)\ngood,-5\ngood,+49 30\n"


@pytest.mark.parametrize("more", [b'{"id": 3, "text": "good", "new": 1}\n', b'{"id": 3, "text": "good"}\n', b""])
@pytest.mark.parametrize("target", ["out.csv", "out.tsv", "out.jsonl", "out.parquet"])
def test_a_file_that_changes_while_it_is_read_is_named_and_nothing_is_written(tmp_path, target, more):
    given = tmp_path / "in.jsonl"
    given.write_bytes(JSONL)
    source = Source.of(given, FileOptions())
    given.write_bytes(JSONL + more if more else JSONL[: JSONL.index(b"\n") + 1])
    with pytest.raises(ContractError, match=r"in\.jsonl changed while it was read; run it again"):
        predict_file(Oracle(), source, tmp_path / target, 7, lambda *_: None)
    assert not (tmp_path / target).exists()


def test_a_value_that_a_spreadsheet_would_run_is_told_and_made_a_text_on_request(tmp_path):
    (tmp_path / "in.csv").write_bytes(FORMULAS)
    (note,) = predict(tmp_path / "in.csv", tmp_path / "out.csv").notes
    assert note.startswith("3 rows hold a value that a spreadsheet runs as a formula; --formulas-as-text")
    assert [row["text"] for row in read_rows(tmp_path / "out.csv")] == ["=HYPERLINK(1)", "good", "good", "good"]
    assert not predict(tmp_path / "in.csv", tmp_path / "safe.csv", formulas_as_text=True).notes
    safe = [(row["text"], row["note"]) for row in read_rows(tmp_path / "safe.csv")]
    assert safe == [("'=HYPERLINK(1)", "good"), ("good", "'@SUM(A1)"), ("good", "-5"), ("good", "'+49 30")]
    assert not predict(tmp_path / "in.csv", tmp_path / "out.jsonl").notes


def test_a_column_whose_name_a_spreadsheet_would_run_is_told_and_made_a_text_on_request(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"text,=1+cmd\ngood,1\n")
    (note,) = predict(tmp_path / "in.csv", tmp_path / "out.csv").notes
    assert note.startswith("1 columns have a name that a spreadsheet runs as a formula; --formulas-as-text")
    assert not predict(tmp_path / "in.csv", tmp_path / "safe.csv", formulas_as_text=True).notes
    assert (tmp_path / "safe.csv").read_text(encoding="utf-8").startswith("text,'=1+cmd,")


@drawn(st.text(max_size=8))
def test_only_what_begins_as_a_formula_and_is_no_number_counts_as_one(text):
    assert not begins_a_formula(f"a{text}")
    assert begins_a_formula(f"={text}")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("in.parquet", b"", "several columns named text"),
        ("in.csv", b"text,,\na,b,c\n", "several columns named nothing"),
        ("in.jsonl", b'{"text": "a"}\n{"text": "a", "text": "b"}\n', "line 2: the line gives one name several values"),
        ("in.jsonl", b'{"text": ' + b"[" * 200_000 + b"\n", "line 1: the line is not a JSON object"),
        ("in.jsonl", b'{"text": ' + b"1" * 5_000 + b"}", "line 1: the line is not a JSON object"),
        ("in.jsonl", b'{"text": ' + b"[" * 200_000, "it breaks off within line 1"),
        ("in.jsonl", b'{"text": {"of": 1}', "it breaks off within line 1"),
        ("in.jsonl", b"{'text': 'a'}", "line 1: the line is a Python dictionary"),
        ("in.csv", b'id,text\n1,good\n2,"never closed\n3,bad\n', "line 3: the quotes of the row"),
        ("in.csv", b'id,text\n1,"closed\n2,"later" on\n', "line 2: the quotes of the row"),
        ("in.jsonl.gz", b"", "cannot be read to its end: it has 0 bytes"),
    ],
)
def test_what_would_lose_a_value_or_a_row_is_refused_and_named(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    if name == "in.parquet":
        parquet.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / name)
    with pytest.raises(ContractError, match=sentence):
        predict(tmp_path / name, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def nested(levels, inmost="1"):
    return "[" * levels + inmost + "]" * levels


@pytest.mark.parametrize("levels", [10, 100, 300, 500, 800])
@pytest.mark.parametrize("kind", [".jsonl", ".csv", ".parquet"])
def test_what_is_nested_is_written_so_that_it_can_be_read_or_refused_in_a_sentence(tmp_path, levels, kind):
    (tmp_path / "in.jsonl").write_text(f'{{"text": "good", "x": {nested(levels, "NaN")}}}\n')
    target, refused = tmp_path / f"out{kind}", ""
    try:
        predict(tmp_path / "in.jsonl", target)
    except ContractError as error:
        refused = str(error)

    assert bool(refused) == (not target.exists())
    assert not refused or (levels > 10 and "nested" in refused)
    if not refused:
        assert [row["text"] for row in read_rows(target)] == ["good"]


@pytest.mark.parametrize("values", [[1, "two"], [{}], [2**80], [{"a": 1}, 3]])
def test_what_parquet_cannot_hold_is_a_sentence(tmp_path, values):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": "good", "x": one}) + "\n" for one in values))
    with pytest.raises(ContractError, match=r"Parquet cannot.*write \.jsonl instead"):
        predict(tmp_path / "in.jsonl", tmp_path / "out.parquet")


@pytest.mark.parametrize("value", [2**63, -(2**80), [2**63], {"a": 2**63}])
def test_a_column_of_one_kind_with_a_value_that_parquet_cannot_hold_is_not_said_to_be_of_several(tmp_path, value):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "good", "x": value}) + "\n")
    with pytest.raises(ContractError, match=r"the column x holds a value that Parquet cannot .*write \.jsonl instead"):
        predict(tmp_path / "in.jsonl", tmp_path / "out.parquet")


def test_what_is_no_number_in_the_input_is_null_in_json_lines(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "good", "a": NaN, "b": [Infinity, {"c": -Infinity}]}\n')
    predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    row = json.loads((tmp_path / "out.jsonl").read_text(), parse_constant=pytest.fail)
    assert (row["a"], row["b"]) == (None, [None, {"c": None}])


@pytest.mark.parametrize(
    "cell", ["NaN", "true", '["good"]', '{"good": 1}', "null", '"nan"', '"NULL"', '" None "', '""']
)
def test_what_stands_for_a_missing_text_and_what_is_none_is_not_scored(tmp_path, cell):
    (tmp_path / "in.jsonl").write_text(f'{{"text": {cell}}}\n{{"text": "nan, the good bread"}}\n')
    assert predict(tmp_path / "in.jsonl", tmp_path / "out.jsonl").unscored == 1
    assert [row["label"] for row in read_rows(tmp_path / "out.jsonl")] == [None, "positive"]


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_utf_16_of_spreadsheets_is_read_by_its_mark_in_files_and_pipes(tmp_path, name):
    content = {"in.csv": "text\ngood für 猫\n", "in.jsonl": '{"text": "good für 猫"}\n'}[name].encode("utf-16")
    (tmp_path / name).write_bytes(content)
    predict(tmp_path / name, tmp_path / "out.jsonl")
    assert [row["text"] for row in read_rows(tmp_path / "out.jsonl")] == ["good für 猫"]
    done = predicted("--input", "-", "--output", "-", given=content)
    assert b"good f" in done.stdout, done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@drawn(st.lists(st.dictionaries(st.sampled_from(["text", "label", "x", "\ud83d"]), JSON), max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_rows_are_scored_whole_and_in_order_or_refused_in_a_sentence(tmp_path_factory, given):
    folder = tmp_path_factory.mktemp("any")
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    for target in ("out.jsonl", "out.csv", "out.parquet"):
        try:
            counts = predict(folder / "in.jsonl", folder / target)
        except ContractError:
            assert not (folder / target).exists()
            continue
        assert counts.rows == len(given)
    columns = all(isinstance(row.get("text"), dict | list) for row in given)  # and no reviews
    if (any("text" in row for row in given) and not columns) or not given:
        assert len((folder / "out.jsonl").read_text().splitlines()) == len(given)
