"""Files as people have them: read into the lake as our own lines are, or refused by row and reason."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import time
import zipfile
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from conftest import aged, raw_review
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.ingest.arrival import still_arriving, whole_delivery
from sentiment.ingest.config import ImportHistoryConfig, IngestConfig, IngestOptions, InspectConfig
from sentiment.ingest.judge import Rules, judge
from sentiment.ingest.landing import Origin, delivery_of_day, files_of_day, history, landed_days
from sentiment.ingest.lines import LandedFile, lines_of_reviews
from sentiment.ingest.verbs import IMPORT_HISTORY, INGEST, INSPECT
from sentiment.readers.config import FileOptions, ReviewOptions
from sentiment.readers.jsons import ARRAY
from sentiment.readers.told import options_of
from sentiment.scoring.source import Source
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.lake.tables import Lake
from verbs_here import done

DAY = date(2014, 5, 5)
COLUMNS = ("rating", "title", "text", "asin", "parent_asin", "user_id", "timestamp")


@pytest.fixture
def lake(home, spark) -> Lake:
    return Lake(str(home / "lake"))


def reviews(first: int, count: int = 3, **changes):
    """Reviews in whose texts is what other kinds of files stumble over."""
    hard = 'says "yes", costs; 1\t2 | \\n and\nmore'
    return [
        {name: raw_review(DAY, number, text=f"Number {number} {hard}", **changes)[name] for name in COLUMNS}
        for number in range(first, first + count)
    ]


def as_csv(rows, delimiter=",", encoding="utf-8", dialect="excel"):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), dialect=dialect, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def as_parquet(rows):
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def zstandard(content):
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(content)
    return out.getvalue().to_pybytes()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    aged(path)
    return path


def kept(lake):
    rows = lake.read(REVIEWS, columns=[*COLUMNS])
    return {row["user_id"]: row for row in rows.to_pylist()}


@pytest.mark.spark
def test_a_folder_of_every_kind_gives_the_reviews_that_our_own_lines_give(home, lake):
    kinds = {
        "a.jsonl": lambda rows: b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        "b.json": lambda rows: json.dumps(rows, indent=2).encode(),
        "c.json.gz": lambda rows: gzip.compress(b"\n".join(json.dumps(row).encode() for row in rows)),
        "d.csv": as_csv,
        "e.csv.bz2": lambda rows: bz2.compress(as_csv(rows, ";")),
        "f.csv.zst": lambda rows: zstandard(as_csv(rows, "|")),
        "g.tsv": lambda rows: as_csv(rows, "\t", "utf-16"),
        "h.parquet": as_parquet,
        "i.parquet/part-00000.snappy.parquet": as_parquet,
        "j.jsonl.zst": lambda rows: zstandard(b"".join(json.dumps(row).encode() + b"\n" for row in rows)),
        "rating=5/part-1.parquet": lambda rows: as_parquet([{**row, "rating": None} for row in rows]),
    }
    given = {}
    for at, (name, spelled) in enumerate(kinds.items()):
        rows = reviews(10 * at)
        given |= {row["user_id"]: row for row in rows}
        content = [{k: v for k, v in row.items() if k != "rating"} for row in rows] if "rating=" in name else rows
        write(home / "others" / name, as_parquet(content) if "rating=" in name else spelled(content))
    write(home / "others/i.parquet/_SUCCESS", b"")

    result = done(IMPORT_HISTORY, ImportHistoryConfig(source=f"{home}/others"))

    assert (result["read"], result["kept"], result["rejected"], result["files"]) == (33, 33, 0, 11)
    found = kept(lake)
    assert found.keys() == given.keys()
    for user, row in given.items():
        assert found[user]["timestamp"] == datetime.fromtimestamp(row["timestamp"] / 1000, UTC)
        assert found[user]["text"] == " ".join(row["text"].split())
        assert all(found[user][name] == row[name] for name in ("rating", "title", "asin", "parent_asin"))


@pytest.mark.spark
def test_a_known_schema_is_found_and_what_is_said_of_the_rest_is_done(home, lake):
    older = [{"reviewText": f"Bought {n} of them, all good.", "overall": 5, "unixReviewTime": 1_399_291_200 + n,
              "asin": f"00{n}", "reviewerID": f"A{n}", "style": {"Size:": "L"}} for n in range(3)]  # fmt: skip
    write(home / "old/reviews.json.gz", gzip.compress(b"\n".join(json.dumps(row).encode() for row in older)))
    apps = [{"Meinung": f"App {n} stürzt ab", "Punkte": "3", "am": "2014-05-05"} for n in range(2)]
    write(home / "apps/export.csv", as_csv(apps, ";", "cp1252"))

    first = done(IMPORT_HISTORY, ImportHistoryConfig(source=f"{home}/old"))
    columns = ("text=Meinung", "rating=Punkte", "timestamp=am")
    options = {"columns": columns, "stars": 10, "product": "Our app", "encoding": "cp1252"}
    second = done(IMPORT_HISTORY, ImportHistoryConfig(source=f"{home}/apps", **options))

    assert (first["kept"], first["schemas"], first["times"]) == (3, {"amazon-2014-2018": 3}, {"seconds": 3})
    assert (second["kept"], second["times"]) == (2, {"dates": 2})
    rows = lake.read(REVIEWS).to_pylist()
    assert sorted(row["asin"] for row in rows) == ["000", "001", "002", "Our app", "Our app"]
    assert {(row["text"], row["rating"]) for row in rows if row["asin"] == "Our app"} == {
        ("App 0 stürzt ab", 2.0),
        ("App 1 stürzt ab", 2.0),
    }


@pytest.mark.spark
def test_rows_that_cannot_be_read_are_in_the_quarantine_and_the_rest_is_kept(home, lake):
    rows = as_csv(reviews(0, 6)).decode().split("\r\n")
    spoilt = [*rows[:3], '5,"Loud but it works,4', "5,too,few", *rows[3:]]
    write(home / "landing/2014-05-05.csv", "\r\n".join(spoilt).encode() + b"5,caf\xe9,a,b,c,d,1399291200000\r\n")

    result = done(INGEST, IngestConfig(day=DAY, max_bad_share=0.5))

    assert result["read"] == result["kept"] + result["rejected"] == 9
    assert result["kept"] == 6
    reasons = {row["line"]: row["reason"] for row in lake.read(QUARANTINE).to_pylist()}
    assert len(reasons) == 3
    assert sum("do not close" in reason for reason in reasons.values()) == 1
    assert sum("3 values" in reason for reason in reasons.values()) == 1
    assert sum("0xe9 is no UTF-8" in reason for reason in reasons.values()) == 1


@pytest.mark.spark
@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"id,points,words\n1,5,good\n", ContractError, "to be the text, the stars, the time, the product of a review; "
         "the columns are id, points, words"),
        (b"text\trating\n1\t2\n", ContractError, r"is tab separated; name it .tsv, or say --kind tsv"),
        (b"<!DOCTYPE html><html>", ContractError, "is a web page"),
        (as_csv(reviews(0)).rpartition(b", costs")[0], UnavailableError, "it breaks off within line"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_told_is_refused_by_name_and_writes_nothing(home, lake, content, error, says):
    write(home / "landing/2014-05-05.csv", content)
    with pytest.raises(error, match=f"2014-05-05.csv.*{says}"):
        done(INGEST, IngestConfig(day=DAY, max_bad_share=1))
    assert not (home / "lake/reviews").exists() or lake.read(REVIEWS).num_rows == 0


@pytest.mark.parametrize(
    ("best", "stars"),
    [
        (2, [1, 5]),
        (3, [1, 3, 5]),
        (4, [1, 2, 4, 5]),
        (5, [1, 2, 3, 4, 5]),
        (7, [1, 2, 3, 3, 4, 5, 5]),
        (10, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
    ],
)
def test_the_worst_that_can_be_given_is_one_star_and_the_best_five(tmp_path, best, stars):
    rows = "".join(f"Good,{points},A,1399291200000\n" for points in range(1, best + 1))
    path = write(tmp_path / "a.csv", f"text,rating,asin,timestamp\n{rows}".encode())
    (batch,) = lines_of_reviews(LandedFile(str(path), path.name, ReviewOptions(stars=best).model_dump_json()))
    judged = judge(batch, Rules(IngestOptions(), datetime(2026, 1, 1, tzinfo=UTC))).to_pylist()
    assert [row["rating"] for row in judged] == stars


@pytest.mark.parametrize(
    ("end", "broken"),
    [
        ("13992", True),  # the moment is cut
        ("1399291200009,x", True),
        ("1399291200009", False),
        ("13992\n", False),
    ],
)
def test_a_bad_last_row_without_a_line_end_may_be_the_beginning_of_one(tmp_path, end, broken):
    rows = "text,rating,asin,timestamp\nGood,5,A,1399291200000\nBad,1,A," + end
    path = write(tmp_path / "a.csv", rows.encode())
    (batch,) = lines_of_reviews(LandedFile(str(path), path.name))
    first, last = judge(batch, Rules(IngestOptions(), datetime(2026, 1, 1, tzinfo=UTC))).to_pylist()
    assert not first["broken"]
    assert ("line 3, has no line end and is bad (" in (last["broken"] or "")) == broken
    assert bool(last["reason"]) == (end != "1399291200009")


@pytest.mark.parametrize(
    "name", ["2014-05-05.csv", "2014-05-05.TSV.gz", "2014-05-05.parquet/part-0.parquet", "2014-05-05/a/b.json.bz2"]
)
def test_a_days_files_may_be_of_any_kind(home, name):
    landing = str(home / "landing")
    file = write(home / "landing" / name, b"")
    write(home / "landing/2014-05-05-old/c.csv", b"")
    assert [seen.uri for seen in files_of_day(landing, DAY)] == [str(file)]
    assert landed_days(landing, DAY, DAY) == [DAY]
    assert Origin(str(DAY)).holds(name)


LOGS = {
    "_delta_log/00000000000000000000.json": "Delta",
    ".hoodie/hoodie.properties": "Hudi",
    "metadata/00001-8f2c.metadata.json": "Iceberg",
    "metadata/v2.gz.metadata.json": "Iceberg",
}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("above", ["", "old/shop/"])
def test_the_folder_of_a_table_is_no_history_for_its_files_hold_deleted_rows(home, above, log):
    write(home / "h" / f"{above}part-0.parquet", as_parquet(reviews(0)))
    write(home / "h" / f"{above}{log}", b"{}")
    table = f"{home}/h/{above}".rstrip("/")
    for source in (f"{home}/h", f"{home}/h/"):
        with pytest.raises(
            ContractError, match=rf"{table} is a table of {LOGS[log]}: .*; export its rows first.*'{table}'"
        ):
            history(source, "")
    assert len(history(f"{home}/h/{above}part-0.parquet", "").files) == 1


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("name", [f"{DAY}", f"{DAY}.parquet", f"{DAY}/shop"])
def test_a_days_folder_that_is_a_table_is_refused(home, name, log):
    write(home / "landing" / name / "part-0.parquet", as_parquet(reviews(0)))
    write(home / "landing" / name / log, b"{}")
    with pytest.raises(ContractError, match=f"{home}/landing/{name} is a table of {LOGS[log]}"):
        whole_delivery(f"{home}/landing", DAY)


@pytest.mark.parametrize(
    "name", [".cache/lake/_delta_log/0.json", "metadata/notes.json", "metadata.json", "hoodie/a.csv"]
)
def test_what_lies_in_a_hidden_folder_or_is_called_alike_is_no_table(home, name):
    write(home / "h/a.csv", b"")
    write(home / "h" / name, b"")
    assert f"{home}/h/a.csv" in [file.uri for file in history(f"{home}/h", "").files]


def test_a_folder_that_spark_wrote_is_whole_by_its_mark(home):
    part = write(home / "landing/2014-05-05.parquet/part-0.parquet", b"")
    aged(part, seconds=3)
    assert still_arriving(f"{home}/landing", DAY, time.time())
    aged(write(home / "landing/2014-05-05.parquet/_SUCCESS", b""), seconds=2)
    assert still_arriving(f"{home}/landing", DAY, time.time()) is None


def test_a_history_that_comes_packed_otherwise_is_the_same(home):
    write(home / "h/reviews.csv.gz", b"")
    origin = history(f"{home}/h", f"{home}/h").origin
    assert all(map(origin.holds, ("reviews.csv", "reviews.csv.bz2", "reviews.csv.zst")))
    assert not origin.holds("reviews.tsv")


def test_how_files_are_read_stands_in_the_nearest_folder_and_what_is_asked_comes_before_it(home):
    def told(folder, **options):
        write(home / folder / "_columns.json", json.dumps(options).encode())

    told("landing", stars=10, columns={"text": "body"})
    told("landing/2014-05-05/apps", product="App", columns=["text=words"])
    files = [f"{home}/landing/{name}" for name in ("2014-05-04.csv", "2014-05-05/a.csv", "2014-05-05/apps/b.csv")]

    plain = options_of([f"{home}/landing"], files, ReviewOptions())
    assert [(one.stars, one.columns, one.product) for one in plain] == [
        (10, ("text=body",), ""),
        (10, ("text=body",), ""),
        (None, ("text=words",), "App"),
    ]
    assert {one.stars for one in options_of([f"{home}/landing"], files, ReviewOptions(stars=5))} == {5}
    assert {one.encoding for one in options_of([f"{home}/landing"], files, ReviewOptions(encoding="cp1252"))} == {
        "cp1252"
    }


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (
            b'{"colums": {}, "stars": 10}',
            "colums is none of its keys, which are columns, encoding, kind, quotes, product",
        ),
        (
            b'{"stars": "many"}',
            "stars: Input should be a valid integer, unable to parse string as an integer (given: 'ma",
        ),
        (b'{"columns": {"body": "text"}}', "columns: 'body=text' names no column; write ROLE=COLUMN, with a role of"),
        (b'{"encoding": "latin-15x", "kind": "xls"}', "encoding: 'latin-15x' is no encoding that is known"),
        (b'[{"stars": 10}]', 'it is no object; write {"columns": '),
        (b"null", 'it is no object; write {"columns": '),
        (b'{"stars": 10', "it is no JSON (Expecting"),
        (b'{"product": "caf\xe9"}', "it is no JSON ("),
    ],
)
def test_what_is_wrong_in_columns_json_is_told_in_words_with_the_file(home, content, mistake):
    write(home / "landing/_columns.json", content)
    with pytest.raises(ContractError) as raised:
        options_of([], [f"{home}/landing/a.csv"], ReviewOptions())
    told = str(raised.value)
    assert told.startswith(f"{home}/landing/_columns.json does not say how files are read: {mistake}")
    assert "pydantic" not in told
    assert "validation error" not in told


def inspected(path, **options):
    return done(INSPECT, InspectConfig(file=str(path), **options))


@pytest.mark.parametrize("given", ["2014-05-05/apps/part.csv", "2014-05-05/apps", "2014-05-05"])
def test_inspect_and_a_history_read_what_lies_in_the_landing_as_an_ingestion_does(home, given):
    landing = home / "landing"
    write(home / "_columns.json", b'{"stars": 7, "encoding": "cp1252"}')
    write(landing / "_columns.json", b'{"columns": {"text": "body"}, "stars": 10, "product": "App"}')
    write(landing / "2014-05-05/apps/part.csv", b"body,rating,timestamp\nfine,9,2014-05-05\n")
    assert inspected(landing / given)["reviews"] == 1
    ingested = delivery_of_day(str(landing), DAY, files_of_day(str(landing), DAY)).options
    assert history(str(landing / given), str(landing)).options == ingested
    assert history(str(landing / given), f"{home}/another").options == (ReviewOptions(),)


def test_inspect_shows_what_a_file_is_how_it_is_read_and_what_is_rejected(home):
    rows = [{"Text": f"It is fine, {n}.", "Score": n, "Time": 1_399_291_200, "ProductId": "01", "Summary": ""}
            for n in range(7)]  # fmt: skip
    result = inspected(write(home / "r.csv", as_csv(rows, ";")))
    assert (result["kind"], result["delimiter"], result["known_as"]) == ("csv", ";", "fine-food")
    assert result["mapping"] == {
        "text": "Text", "rating": "Score", "timestamp": "Time", "product": "ProductId", "title": "Summary"
    }  # fmt: skip
    assert (result["rows"], result["reviews"], result["rejected"]) == (7, 5, 2)
    assert result["reasons"] == {"rating is outside 1 to 5": 2}
    assert result["times"] == {"seconds": 5}
    assert [row["line"] for row in result["first_rejected"]] == [2, 8]
    assert result["first_rows"][0] == {
        "line": 3, "rating": "1.0", "time": "2014-05-05 12:00:00+00:00", "product": "01", "user": "", "title": "",
        "text": "It is fine, 1.",
    }  # fmt: skip


def test_inspect_says_what_keeps_a_file_from_the_lake_and_opens_nothing_else(home):
    result = inspected(write(home / "r.csv", b'id,text\n1,good\n2,"bad\n3,fine\n'))
    assert "to be the stars, the time, the product of a review" in result["lacks"]
    assert (result["rows"], result["reviews"], result["rejected"]) == (3, 2, 1)
    assert [row["text"] for row in result["first_rows"]] == ["good", "fine"]
    assert sorted(path.name for path in home.iterdir()) == ["r.csv"]


@pytest.mark.parametrize("between", [",\n", ", "])
def test_inspect_names_the_ways_out_for_an_array_that_is_called_json_lines(home, between):
    array = f"[{between.join(json.dumps(raw_review(DAY, n)) for n in range(4))}]\n".encode()
    first, *_ = inspected(write(home / "r.jsonl", array))["first_rejected"]
    assert (first["line"], first["reason"]) == (1, ARRAY)
    assert ARRAY.endswith("; name the file .json, or say --kind json")
    assert inspected(home / "r.jsonl", kind="json")["reviews"] == 4
    assert inspected(write(home / "r.json", array))["reviews"] == 4


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl"])
def test_a_file_without_a_line_has_no_rows_and_lacks_nothing(home, name):
    result = inspected(write(home / name, b""))
    assert (result["lacks"], result["rows"], result["reviews"], result["rejected"]) == ("", 0, 0, 0)
    assert [*Source.of(home / name, FileOptions()).rows()] == []


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        ("schön und gut", "cp1252", "cp1252"),
        ("Très déçu ça ne marche pas", "cp1252", "cp1252"),
        ("El año pasado compré tres", "cp1252", "cp1252"),
        *((short, "cp1252", "cp1252") for short in ("Très déçu", "Né", "Été", "não é", "Größe", "É ótimo", "più")),
        ("É ótimo né? Só é má à fé" * 5, "cp1252", "cp1252"),
        ("Это очень хороший телефон и мне нравится", "cp1251", "cp1251"),
        ("とても良い商品です。気に入りました", "cp932", "cp932"),
        ("スマホのケースとケーブル、ノートパソコンのバッテリー", "cp932", "cp932"),
        ("梱包が丁寧でした。ありがとうございます", "cp932", "cp932"),
        ("色が違う、二度と買わない。残念", "cp932", "cp932"),
        ("정말 좋은 제품입니다 추천합니다", "cp949", "cp949"),
        ("Güzel teşekkürler sağlam hızlı", "cp1254", "cp1254"),
        ("kâğıt kalitesi kötü", "cp1254", "cp1254"),
        *((short, "cp1250", "cp1252") for short in ("rychlý", "Výborný telefon doporučuji všem")),
        ("Það er mjög góð vara og ódýr", "cp1252", "cp1252"),
    ],
)
def test_the_encoding_that_is_named_for_bytes_of_another_one_is_the_likely_one(home, text, encoding, told):
    file = write(home / "r.csv", f"text,stars,time,product\n{text},5,2014-05-05,P\n".encode(encoding))
    (rejected,) = inspected(file)["first_rejected"]
    assert rejected["reason"].endswith(f": --encoding {told}")
    assert f"in {told}" in rejected["reason"]


@pytest.mark.parametrize(
    ("text", "encoding", "people"),
    [
        ("Bardzo dobry polecam każdemu", "cp1250", "of Central Europe"),
        ("Çok kötü bir ürün hiç beğenmedim", "cp1254", "Turkish"),
        ("Ļoti slikts neiesaku šo preci nevienam", "cp1257", "Baltic"),
        ("Labas labai geras telefonas ačiū už greitą pristatymą", "cp1257", "Baltic"),
    ],
)
def test_where_few_letters_tell_no_language_of_latin_script_each_encoding_stands_with_whose_it_is(
    home, text, encoding, people
):
    file = write(home / "r.csv", f"text,stars,time,product\n{text},5,2014-05-05,P\n".encode(encoding))
    (rejected,) = inspected(file)["first_rejected"]
    assert f"{encoding} where it is {people}" in rejected["reason"]


@pytest.mark.parametrize(
    ("text", "encoding"), [("良い", "cp932"), ("Хорошо", "cp1251"), ("很好用", "gb18030"), ("좋아요", "cp949")]
)
def test_no_encoding_is_named_for_too_few_bytes_to_tell(home, text, encoding):
    file = write(home / "r.csv", f"text,stars,time,product\n{text},5,2014-05-05,P\n".encode(encoding))
    (rejected,) = inspected(file)["first_rejected"]
    assert rejected["reason"].endswith("is no UTF-8")


def test_inspect_looks_at_as_many_rows_as_are_asked_for(home):
    path = write(home / "r.jsonl", b"".join(json.dumps(raw_review(DAY, n)).encode() + b"\n" for n in range(9)))
    few, all_rows = inspected(path, rows=4), inspected(path, rows=9)
    assert (few["rows"], few["whole"]) == (4, False)
    assert (all_rows["rows"], all_rows["whole"]) == (9, True)


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", content)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        zipped(b"<workbook/>"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        lzma.compress(b"text\n"),
        b"7z\xbc\xaf'\x1c\0\4",
    ],
    ids=["zip", "xls", "xz", "7z"],
)
@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.json", "r.csv.gz"])
def test_a_spreadsheet_or_an_archive_of_another_name_is_told_as_such(home, name, content):
    file = write(home / name, gzip.compress(content) if name.endswith(".gz") else content)
    for read in (inspected, lambda file: Source.of(file, FileOptions())):
        with pytest.raises(ContractError, match="is a spreadsheet or an archive; save it as CSV, or unpack it"):
            read(file)


def test_inspect_names_a_file_that_is_none_or_breaks_off(home):
    with pytest.raises(ContractError, match="cannot be read to its end"):
        inspected(write(home / "r.csv.gz", gzip.compress(as_csv(reviews(0, 500)))[:-20]))
    with pytest.raises(ContractError, match="holds no file of reviews"):
        inspected(home / "nothing.csv")
    assert inspected(write(home / "export.dat", as_csv(reviews(0))), kind="csv")["reviews"] == 3
