"""`predict` over files and pipes: as a program of its own, with a scorer of no model behind it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from conftest import PROJECT
from scoring_days import Oracle
from sentiment.errors import ContractError
from sentiment.scoring.files import predict_file

# The command line, whose model is the oracle of these tests.
PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT / "tests")!r})
from pathlib import Path
from scoring_days import Oracle
from sentiment import cli, resolution
from sentiment.scoring import scorer
resolution.bundle_of = lambda model, settings: ("7", Path("none"))
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


def test_a_file_alone_shows_its_rows_and_counts(tmp_path):
    (tmp_path / "in.csv").write_bytes(CSV + b"3,good\n" * 30)
    done = predicted("--input", "in.csv", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["rows"], shown["positive"], len(shown["predictions"])) == (32, 31, 20)
    assert "--output FILE" in shown["more"]


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
        (("--input", "-", "--output", "-"), b"", b"has no column text"),
        (("--input", "-", "--output", "-"), b'{"text": "good"}\nno JSON\n', b"line 2"),
        (("--input", "absent.csv"), b"", b"there is no file absent.csv"),
    ]:
        done = predicted(*words, given=given, folder=tmp_path)
        assert done.returncode == 1
        assert done.stdout == b""
        assert sentence in done.stderr.splitlines()[-1]
        assert b"Traceback" not in done.stderr


def test_a_day_without_rows_keeps_its_columns(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"id,text\n")
    for target in ("out.csv", "out.parquet"):
        assert predict_file(Oracle(), tmp_path / "in.csv", tmp_path / target, "7", lambda *_: None)["rows"] == 0
    of_csv = (tmp_path / "out.csv").read_text().strip().split(",")
    of_parquet = parquet.read_schema(tmp_path / "out.parquet").names
    assert of_csv == of_parquet
    assert of_csv[:3] == ["id", "text", "label"]


def test_two_columns_of_one_name_are_refused_by_name(tmp_path):
    (tmp_path / "twice.csv").write_bytes(b"text,text,want\na,b,c\n")
    with pytest.raises(ContractError, match=r"twice\.csv has several columns named text"):
        predict_file(Oracle(), tmp_path / "twice.csv", tmp_path / "out.csv", "7", lambda *_: None)
