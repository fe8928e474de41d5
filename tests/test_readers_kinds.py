"""What a file is told to be, in every packing and encoding, and how little of it is held in memory."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain, islice, repeat
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.readers import delimited, encoding, jsons, parquet
from sentiment.readers.config import FileOptions
from sentiment.readers.dialects import Dialect
from sentiment.readers.held_lines import HeldLines
from sentiment.readers.kinds import format_of
from sentiment.readers.rows import place, read
from tables import read_file

ROWS = [{"id": "1", "text": 'good "phone",\nvery', "stars": "5"}, {"id": "2", "text": "bad Größe", "stars": "1"}]
CSV = 'id,text,stars\n1,"good ""phone"",\nvery",5\n2,bad Größe,1\n'
TSV = 'id\ttext\tstars\n1\t"good ""phone"",\nvery"\t5\n2\tbad Größe\t1\n'
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CONTENT = {"csv": CSV, "tsv": TSV, "jsonl": LINES, "json": json.dumps(ROWS, ensure_ascii=False, indent=1)}


PACK = {"gz": gzip.compress, "bz2": bz2.compress, "zst": lambda content: pa.compress(content, "zstd", asbytes=True)}


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("packing", ["", "gz", "bz2", "zst"])
def test_each_kind_is_read_in_each_packing(tmp_path, kind, packing):
    path = tmp_path / f"a.{kind}.{packing}".rstrip(".")
    path.write_bytes(PACK.get(packing, bytes)(CONTENT[kind].encode()))
    assert [row.values for row in read_file(path)] == ROWS


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("kind", CONTENT)
def test_a_packed_file_that_is_cut_off_anywhere_is_broken(tmp_path, kind, packing):
    packed = PACK[packing](CONTENT[kind].encode() * (1 if kind == "json" else 3))
    path = tmp_path / f"a.{kind}.{packing}"
    for length in {*range(0, len(packed), 7), len(packed) - 1}:
        path.write_bytes(packed[:length])
        with pytest.raises(BrokenFileError):
            read_file(path)


@pytest.mark.parametrize("packing", PACK)
def test_packed_files_put_one_behind_another_are_read_to_the_end(tmp_path, packing):
    path = tmp_path / f"a.jsonl.{packing}"
    path.write_bytes(PACK[packing](LINES.encode()) * 2)
    assert [row.values for row in read_file(path)] == ROWS * 2


@pytest.mark.parametrize("packing", PACK)
def test_what_stands_behind_a_packed_stream_and_is_none_is_broken(tmp_path, packing):
    path, packed = tmp_path / f"a.jsonl.{packing}", PACK[packing](LINES.encode())
    damaged = packed[:-6] + bytes(byte ^ 0xFF for byte in packed[-6:-2]) + packed[-2:]
    for rest in (b"\0" * 64, b"\0" * 4 + packed[4:], packed[:5], damaged):
        path.write_bytes(packed + rest)
        with pytest.raises(BrokenFileError):
            read_file(path)


def test_a_file_that_is_packed_and_not_called_so_is_unpacked_and_one_that_is_only_called_so_is_broken(tmp_path):
    for packing, pack in PACK.items():
        (tmp_path / "a.csv").write_bytes(pack(CSV.encode()))
        assert [row.values for row in read_file(tmp_path / "a.csv")] == ROWS
        (tmp_path / f"b.csv.{packing}").write_text(CSV)
        with pytest.raises(BrokenFileError):
            read_file(tmp_path / f"b.csv.{packing}")


def test_a_parquet_file_that_is_cut_off_or_none_is_broken(tmp_path):
    for content in (b"", b"PAR1", b"text\ngood\n"):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(BrokenFileError):
            read_file(tmp_path / "a.parquet")


MARKED = {"utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-32": b""}


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("name", MARKED)
def test_a_mark_tells_the_encoding_and_is_no_part_of_the_first_name(tmp_path, kind, name):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(MARKED[name] + CONTENT[kind].encode(name))
    assert [row.values for row in read_file(path)] == ROWS
    assert [row.values for row in read_file(path, encoding=name)] == ROWS


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_refused_until_it_is_told(tmp_path, kind, name):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(CONTENT[kind].encode(name))
    with pytest.raises(ContractError, match="UTF-16 without its mark"):
        read_file(path)
    assert [row.values for row in read_file(path, encoding=name)] == ROWS


@pytest.mark.parametrize("kind", CONTENT)
def test_bytes_of_another_encoding_are_a_fault_of_their_row_until_it_is_told(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(CONTENT[kind].encode("cp1252"))
    good, bad = read_file(path)
    assert good.values == ROWS[0]
    assert "the byte 0xf6 is no UTF-8" in bad.fault
    assert [row.values for row in read_file(path, encoding="cp1252")] == ROWS


def test_what_a_file_may_be_in_is_guessed_a_few_times_whatever_the_number_of_its_bad_rows(tmp_path, monkeypatch):
    guessed = list[bytes]()
    monkeypatch.setattr(encoding, "_guess", lambda content: guessed.append(content) or "")
    for kind, first, row in (("csv", "id,text\n", "1,schön\n"), ("jsonl", "", '{"text": "schön"}\n')):
        path = tmp_path / f"a.{kind}"
        path.write_bytes((first + row * 99).encode("cp1252"))
        form = format_of(str(path), FileOptions())
        guessed.clear()
        assert all(row.fault for row in read(str(path), form))
        assert [content.count(b"\xf6") for content in guessed] == [1, 2, 4, 8, 16]


def test_a_bad_byte_costs_one_row_in_utf_8_with_a_mark_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbftext,stars\ngood,5\ncaf\xe9,4\nbad,1\n")
    for told in ("utf-8-sig", "utf-8"):
        first, second, third = read_file(path, encoding=told)
        assert (first.values["text"], bool(second.fault), third.values["text"]) == ("good", True, "bad")


def test_utf_16_that_breaks_off_within_a_character_is_broken_behind_its_whole_rows(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes((LINES * 2000).encode("utf-16")[:-3])
    rows = read(str(path), format_of(str(path), FileOptions()))
    assert next(rows).values == ROWS[0]
    with pytest.raises(BrokenFileError):
        list(rows)


@pytest.mark.parametrize("name", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("packing", ["", "bz2", "zst"])
def test_json_lines_that_end_within_an_object_are_broken_in_every_encoding_and_packing(tmp_path, name, packing):
    path = tmp_path / f"a.jsonl.{packing}".rstrip(".")
    for last, whole in (('{"id": "3", "te', False), ('{"id": "3"}', True), ('{"id": "3"} -- end', True)):
        path.write_bytes(PACK.get(packing, bytes)((LINES + last).encode(name)))
        rows = read(str(path), format_of(str(path), FileOptions(encoding=name)))
        assert [row.values for row in islice(rows, 2)] == ROWS
        with nullcontext() if whole else pytest.raises(BrokenFileError, match="it breaks off within line 3"):
            assert len(list(rows)) == 1


def test_a_character_that_the_end_of_the_first_look_cuts_changes_nothing(tmp_path):
    for name in ("utf-8", "utf-16"):
        for shift in range(4):
            path = tmp_path / "a.csv"
            path.write_bytes(("text\n" + "a" * shift + "🙂" * 40_000 + "\n").encode(name))
            assert [len(row.values["text"]) for row in read_file(path)] == [shift + 40_000]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_array_is_read_equal_wherever_its_pieces_are_cut(data):
    objects = [{"a": 1, "b": [{"c": "]}"}, None]}, {}, {"a": '\\"[{'}, {"d": -1.5e10}]
    text = data.draw(st.sampled_from([" ", "\n", ""])) + json.dumps(
        objects, indent=data.draw(st.sampled_from([None, 1]))
    )
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert [element for element, _ in jsons.elements(pieces)] == objects


def test_elements_that_are_no_objects_or_name_a_value_twice_are_refused_wherever_they_are_cut():
    text = '[{"a": {"b": 1, "b": 2}, "c": 3}, 7, [{"a": 1}], {"a": 1}]'
    for cut in range(1, len(text)):
        found = [element for element, _ in jsons.elements([text[:cut], text[cut:]])]
        assert [isinstance(element, dict) for element in found] == [False, False, False, True]


def test_an_array_that_breaks_off_says_so_behind_its_whole_elements():
    text = f"[{', '.join(map(json.dumps, ROWS))}]"
    ends = [len(", ".join(map(json.dumps, ROWS[: number + 1]))) + 1 for number in range(len(ROWS))]
    for cut in range(1, len(text)):
        whole = []
        with pytest.raises(BrokenFileError, match="from element"):
            whole += (element for element, _ in jsons.elements([text[:cut]]))
        assert whole == ROWS[: sum(end <= cut for end in ends)]


class Counted:
    """Lines that are counted as they are taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.taken += 1
            yield line


def test_rows_are_read_as_they_are_asked_for():
    endless = Counted(chain(["id,text\n"], repeat('1,"a\nb"\n')))
    found = list(islice(delimited.rows(endless, Dialect(",", "doubled", 2)), 10))
    assert len(found) == 10
    assert endless.taken <= 12
    pieces = Counted(chain(["["], repeat('{"a": 1},')))
    assert len(list(islice(jsons.elements(pieces), 10))) == 10
    assert pieces.taken <= 13


def test_a_line_that_does_not_end_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "LONGEST_LINE", 1 << 10)
    for name in ("utf-8", "utf-16"):
        for kind in ("csv", "jsonl"):
            path = tmp_path / f"a.{kind}"
            path.write_bytes(("text\n" + "a" * 5000).encode(name))
            with pytest.raises(BrokenFileError, match="a line has not ended"):
                read_file(path)


def test_a_packed_parquet_file_is_not_unpacked_into_all_of_memory(tmp_path, monkeypatch):
    pa.parquet.write_table(pa.table({"text": ["fine"]}), tmp_path / "a.parquet")
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    assert [row.values for row in read_file(packed)] == [{"text": "fine"}]
    monkeypatch.setattr(parquet, "_MOST_UNPACKED", 100)
    with pytest.raises(BrokenFileError, match="more than 0 MB unpacked; unpack it before it is read"):
        read_file(packed)


# Each opens a quote, some of them within the quotes of the line before.
STRAY = ['1,"a\n', 'a",b,"c\n', '"a\n', '"""a",\n', 'a,"b""\n', '1,"a\\",\n', '"\\",",\\"\n', '","\n', '"",",\n']

# Each goes on in the next line where a backslash takes the line end's meaning.
LEADING_ON = ["a,C:\\in\\\n", "a\\\n"]


@pytest.mark.parametrize("quotes", ["doubled", "backslash", "plain"])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("stray", "times"), [*((stray, 20) for stray in STRAY), *((row, 110) for row in LEADING_ON)])
def test_a_file_of_stray_quotes_or_backslashes_is_read_in_linear_time(monkeypatch, quotes, told, stray, times):
    read_lines = []
    take = HeldLines.__next__
    behind = HeldLines._behind
    monkeypatch.setattr(HeldLines, "__next__", lambda held: read_lines.append(1) or take(held))
    monkeypatch.setattr(HeldLines, "_behind", lambda held: (read_lines.append(1) or line for line in behind(held)))
    lines = ["a,b\n", *[stray] * 3000]
    found = list(delimited.rows(lines, Dialect(",", quotes, 2, told=told)))
    assert found
    assert len(read_lines) < times * len(lines)


def test_a_row_is_on_a_line_or_where_lines_say_nothing_it_has_a_number(tmp_path):
    said = {}
    for kind, content in CONTENT.items():
        path = str(tmp_path / f"a.{kind}")
        Path(path).write_text(content)
        form = format_of(path, FileOptions())
        said[kind] = [place(form, row) for row in read(path, form)]
    assert said == {
        "csv": ["line 2", "line 4"],
        "tsv": ["line 2", "line 4"],
        "jsonl": ["line 1", "line 2"],
        "json": ["row 1", "row 2"],
    }
