"""The landing: which files are a day's and which a history's, and what happens when one cannot be read."""

import errno
import gzip
import json
import os
import time
from datetime import date
from pathlib import Path

import pytest

from conftest import MASTER, aged, fill, lake_review, raw_review
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import Settings
from sentiment.ingest import lines as lines_module
from sentiment.ingest.arrival import require_unchanged, still_arriving, whole_delivery
from sentiment.ingest.config import ImportHistoryConfig, IngestConfig
from sentiment.ingest.landing import (
    Origin,
    files_of_day,
    history,
    landed_days,
    passed_over,
    product_files,
)
from sentiment.ingest.lines import LandedFile, _of_file, lines_of, lines_of_reviews
from sentiment.ingest.products import found_files
from sentiment.ingest.verbs import IMPORT_HISTORY, INGEST
from sentiment.readers import encoding
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark import speaks_connect
from sentiment.views.days import missing_files
from verbs_here import done

DAY = date(2014, 5, 5)
# As it is, for the tests put another in its place.
WRITTEN = storage._written


def names(home, files):
    return [getattr(file, "uri", file).removeprefix(f"{home}/landing/") for file in files]


@pytest.mark.parametrize("name", ["2014-05-05.jsonl.gz", "2014-05-05.jsonl", "2014-05-05/part-1.jsonl.gz"])
def test_a_days_file_is_found_under_each_of_its_names(home, land, name):
    land(name, [])
    land("2014-05-06.jsonl", [])

    assert names(home, files_of_day(f"{home}/landing", DAY)) == [name]
    assert missing_files(DAY, Settings()) is None


def test_a_folder_of_the_day_holds_several_files_at_any_depth_and_other_kinds_are_left_alone(home, land):
    for name in ("2014-05-05/b.jsonl", "2014-05-05/a/c.jsonl.gz", "2014-05-05/_SUCCESS", "2014-05-05.jsonl.tmp"):
        land(name, [])

    assert names(home, files_of_day(f"{home}/landing", DAY)) == ["2014-05-05/a/c.jsonl.gz", "2014-05-05/b.jsonl"]


def test_what_begins_with_a_day_and_is_not_called_so_is_named_and_nothing_of_another_day(home, land):
    beside = [f"{DAY} (1).csv", f"{DAY}-old/a.jsonl", f"{DAY}.csv.zip", f"{DAY}.jsonl.xz", f"{DAY}_2.csv"]
    others = ("2014-05-06.csv", "2014-05-06_2.csv", "2014-05-0.csv", f"old-{DAY}.csv", f".{DAY}.csv", f"._{DAY}_2.csv")
    own = (f"{DAY}.jsonl", f"{DAY}.csv.gz", f"{DAY}/part-1.jsonl", f"{DAY}.parquet/.hidden", f"{DAY}/_SUCCESS")
    for name in (*beside, *others, *own, f"{DAY}/b.txt", f"{DAY}/b-\udcff.txt"):
        land(name, [])
    named = [name.removesuffix("/a.jsonl") for name in beside]
    assert passed_over(f"{home}/landing", DAY) == [*named, f"{DAY}/b-\ufffd.txt", f"{DAY}/b.txt"]


def test_a_day_of_which_all_files_are_called_otherwise_says_so(home, land):
    for number in range(4):
        land(f"{DAY}_{number}.csv", [])
    named = f"what is there is not read: {DAY}_0.csv, {DAY}_1.csv, {DAY}_2.csv and 1 more; deliver"
    assert named in missing_files(DAY, Settings())


def test_all_forms_of_a_day_count_together(home, land):
    for name in ("2014-05-05.jsonl", "2014-05-05.jsonl.gz", "2014-05-05/late.jsonl"):
        land(name, [])

    assert len(files_of_day(f"{home}/landing/", DAY)) == 3


def test_a_day_without_files_says_what_was_looked_for(home, land):
    land("2014-05-06.jsonl", [])
    looked_for = r"no file for 2014-05-05: looked for 2014-05-05\.jsonl, .* and 2014-05-05/ in "

    with pytest.raises(ContractError, match=looked_for + f"{home}/landing"):
        done(INGEST, IngestConfig(day=DAY))
    assert "2014-05-05.jsonl" in missing_files(DAY, Settings())


def test_a_landing_that_does_not_exist_is_a_landing_without_files(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_LANDING", f"{home}/nowhere")
    with pytest.raises(ContractError, match="SENTIMENT_LANDING"):
        done(INGEST, IngestConfig(day=DAY))


def test_product_files_are_no_history(home, land):
    for name in ("Electronics.jsonl.gz", "older/2013.jsonl", "meta_Electronics.jsonl.gz", "README.md"):
        land(name, [])
    root = f"{home}/landing"

    assert names(home, history(root, root).files) == ["Electronics.jsonl.gz", "older/2013.jsonl"]
    assert history(root, root).others == ("README.md", "meta_Electronics.jsonl.gz")
    assert names(home, product_files(root)) == ["meta_Electronics.jsonl.gz"]
    assert names(home, history(f"{root}/Electronics.jsonl.gz", root).files) == ["Electronics.jsonl.gz"]


@pytest.mark.parametrize("name", ["meta_reviews.csv", "meta_2013.parquet", "old/meta_a.json.gz", "meta_b.jsonl.bz2"])
def test_what_no_products_are_read_from_is_of_the_history_though_it_begins_as_they_do(home, land, name):
    land(name, [])
    root = f"{home}/landing"
    assert (names(home, history(root, root).files), product_files(root)) == ([name], [])


def test_a_landing_without_product_files_says_what_becomes_of_the_categories(home, caplog):
    assert found_files(f"{home}/products") == []
    assert f"lies under {home}/products: every review is of the category 'unknown'" in caplog.text


def test_a_source_without_history_is_refused_by_its_name(home, land):
    land("meta_Electronics.jsonl.gz", [])

    what = r"landing' holds no file of reviews \(\.jsonl, .*"
    with pytest.raises(ContractError, match=what + r"; what is there is not read: meta_Electronics\.jsonl\.gz; check"):
        done(IMPORT_HISTORY, ImportHistoryConfig(source=f"{home}/landing"))


HIDDEN = (
    "._2014-05-05.jsonl",
    ".2014-05-05.jsonl.gz.Xq3",
    "2014-05-05/_temporary/0/part-1.jsonl",
    "2014-05-05/.x.jsonl",
)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_files_and_what_a_writer_has_not_finished_are_passed_over(home, land, name):
    land(name, [raw_review(DAY)])
    land("2014-05-06.jsonl", [])
    root = f"{home}/landing"
    assert files_of_day(root, DAY) == []
    assert names(home, history(root, root).files) == ["2014-05-06.jsonl"]
    assert landed_days(root, DAY, date(2014, 5, 9)) == [date(2014, 5, 6)]


def test_a_landing_below_a_hidden_folder_is_read(tmp_path):
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / f"{DAY}.jsonl").write_text("")
    assert len(files_of_day(str(tmp_path / ".data"), DAY)) == 1


def test_a_linked_folder_is_read_by_the_place_of_its_link_and_one_that_leads_back_ends(tmp_path):
    elsewhere, source = tmp_path / "disk2" / "archive", tmp_path / "history"
    (elsewhere / "2013").mkdir(parents=True)
    (elsewhere / "2013" / "reviews.jsonl").write_text("{}\n")
    (elsewhere / "2013" / "back").symlink_to(elsewhere)
    source.mkdir()
    (source / "old").symlink_to(elsewhere)
    (source / "round").symlink_to(source)
    (source / "gone").symlink_to(tmp_path / "nowhere")
    assert [file.uri for file in history(str(source), "").files] == [str(source / "old" / "2013" / "reviews.jsonl")]


@pytest.mark.parametrize("linked", ["2014-05-05.jsonl", "2014-05-05", "2014-05-05/part-1.jsonl"])
def test_what_a_days_link_leads_to_is_called_by_the_place_of_the_link_and_taken(home, land, linked):
    blob = land("../store/ab/2f91.jsonl", [raw_review(DAY)])
    link = home / "landing" / linked
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(blob if linked.endswith(".jsonl") else blob.parent)

    delivery = whole_delivery(f"{home}/landing", DAY)

    assert len(delivery.names) == 1
    assert all(map(delivery.origin.holds, delivery.names))
    require_unchanged(delivery)
    blob.write_text("")
    with pytest.raises(UnavailableError, match="changed while it was read"):
        require_unchanged(delivery)


def test_a_file_name_that_no_table_can_hold_is_refused_by_its_name(home, land):
    path = land("2014-05-05/part-1.jsonl", [raw_review(DAY)])
    path.rename(path.with_name("part-\udcff.jsonl"))
    with pytest.raises(ContractError, match=r"2014-05-05/part-.udcff\.jsonl' is not in UTF-8; rename it"):
        whole_delivery(f"{home}/landing", DAY)


def test_the_landed_days_are_those_of_files_and_folders_of_a_range(home, land):
    for name in ("2014-05-01.jsonl", "2014-05-03.jsonl.gz", "2014-05-05/a.jsonl", "2014-05-07.jsonl", "old/x.jsonl"):
        land(name, [])
    for no_name_of_a_day in ("20140502.jsonl", "2014-W18-5.jsonl", "2014-05-4.jsonl"):
        land(no_name_of_a_day, [])
    assert [day.day for day in landed_days(f"{home}/landing", date(2014, 5, 1), date(2014, 5, 6))] == [1, 3, 5]


def test_a_file_that_was_written_a_moment_ago_is_waited_for_unless_its_writer_says_that_it_is_whole(home, land):
    aged(land("2014-05-05/part.jsonl", []), seconds=3)
    assert "may not be whole" in missing_files(DAY, Settings())
    aged(land("2014-05-05/_SUCCESS", []), seconds=3)
    assert missing_files(DAY, Settings()) is None


@pytest.mark.parametrize(
    ("newest", "marked"),
    [
        ("part-1.jsonl", False),  # copied behind the mark, or delivered over an old one
        (".part-1.jsonl.Xy12Za", False),
        ("_temporary/0/task_1/part-1.jsonl", False),
        ("../2014-05-05.csv", False),
        ("._SUCCESS.crc", True),
        (".part-0.jsonl.crc", False),
    ],
)
def test_a_mark_speaks_of_nothing_that_is_newer_than_it(home, land, newest, marked):
    aged(land(f"{DAY}/part-0.jsonl", []), seconds=9)
    aged(land(f"{DAY}/.part-0.jsonl.crc", []), seconds=8)
    aged(land(f"{DAY}/_SUCCESS", []), seconds=5)
    assert missing_files(DAY, Settings()) is None
    aged(land(f"{DAY}/{newest}", []), seconds=2)
    assert (missing_files(DAY, Settings()) is None) == marked
    if not marked:
        assert "with a _SUCCESS in the day's folder that is newer" in missing_files(DAY, Settings())
        assert still_arriving(f"{home}/landing", DAY, time.time() + 30) is None


def test_parts_that_are_copied_behind_their_mark_are_all_of_the_day(home, land):
    aged(land(f"{DAY}/_SUCCESS", []), seconds=4)
    aged(land(f"{DAY}/part-0.jsonl", [raw_review(DAY)]), seconds=2)
    copied = iter([1])

    def wait(_: float) -> None:
        for number in copied:
            aged(land(f"{DAY}/part-{number}.jsonl", [raw_review(DAY, number)]), seconds=0)

    assert len(whole_delivery(f"{home}/landing", DAY, wait).files) == 2


def test_a_mark_that_is_dated_ahead_says_nothing_of_what_comes_behind_it(home, land):
    land(f"{DAY}/part-0.jsonl", [raw_review(DAY)])
    aged(land(f"{DAY}/_SUCCESS", []), seconds=-3600)
    waited = list[float]()
    whole_delivery(f"{home}/landing", DAY, waited.append)
    assert len(waited) == 1


@pytest.mark.spark
@pytest.mark.skipif(speaks_connect(MASTER), reason="Sail leaves no _SUCCESS behind what it writes")
def test_what_spark_has_written_is_taken_at_once(home, spark, monkeypatch):
    monkeypatch.setattr(storage, "_written", WRITTEN)
    rows = spark.createDataFrame([("a", 1), ("b", 2)], "text string, part int").repartition(2)
    for name in (f"{DAY}.parquet", f"{DAY}.json"):
        rows.write.format(name.rpartition(".")[2]).mode("overwrite").save(f"{home}/landing/{name}")
        assert still_arriving(f"{home}/landing", DAY, time.time()) is None


def test_a_file_that_grows_between_two_looks_is_looked_at_until_it_is_the_same(home, land):
    path = land("2014-05-05.jsonl", [raw_review(DAY)])
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) < 3:
            path.write_bytes(path.read_bytes() * 2)

    aged(path, seconds=0)
    found = whole_delivery(f"{home}/landing", DAY, wait)
    assert (len(waited), found.files[0].size) == (3, path.stat().st_size)


def test_a_file_that_never_stops_growing_is_not_taken(home, land):
    path = land("2014-05-05.jsonl", [raw_review(DAY)])
    aged(path, seconds=0)
    with pytest.raises(UnavailableError, match="still being written"):
        whole_delivery(f"{home}/landing", DAY, lambda _: path.write_bytes(path.read_bytes() + b"{}\n"))


def test_what_changed_while_it_was_read_is_not_taken(home, land):
    path = land("2014-05-05.jsonl", [raw_review(DAY)])
    for deliver in (lambda: whole_delivery(f"{home}/landing", DAY), lambda: history(str(path), "")):
        delivery = deliver()
        require_unchanged(delivery)
        path.write_bytes(path.read_bytes() * 2)
        with pytest.raises(UnavailableError, match="changed while it was read"):
            require_unchanged(delivery)
        aged(path)


def test_a_part_that_comes_while_the_day_is_read_is_not_missed(home, land):
    land(f"{DAY}/part-1.jsonl", [raw_review(DAY)])
    delivery = whole_delivery(f"{home}/landing", DAY)
    land(f"{DAY}/part-2.jsonl", [raw_review(DAY, 1)])
    with pytest.raises(UnavailableError, match=r"part-2\.jsonl came or changed while"):
        require_unchanged(delivery)


@pytest.mark.parametrize("name", [".part-2.jsonl.Xy12Za", "_temporary/0/task_2/part-2.jsonl"])
def test_a_day_to_which_more_is_being_written_is_not_whole(home, land, name):
    land(f"{DAY}/part-1.jsonl", [raw_review(DAY)])
    written = land(f"{DAY}/{name}", [raw_review(DAY, 1)])
    aged(written, seconds=3)
    assert "may not be whole" in missing_files(DAY, Settings())

    def wait(_: float) -> None:
        if written.exists():
            written.rename(f"{home}/landing/{DAY}/part-2.jsonl")

    assert len(whole_delivery(f"{home}/landing", DAY, wait).files) == 2


def test_a_copy_that_keeps_the_date_of_what_it_is_copied_from_is_as_new_as_its_place(home, land, monkeypatch):
    path, now = land("2014-05-05.jsonl", []), time.time()
    monkeypatch.setattr(storage, "_written", WRITTEN)
    assert now - path.stat().st_mtime > 3000
    assert "may not be whole" in still_arriving(f"{home}/landing", DAY, now)
    assert still_arriving(f"{home}/landing", DAY, now + 40) is None


def test_a_file_that_is_dated_ahead_is_taken_when_two_looks_find_it_the_same(home, land):
    path, waited = land("2014-05-05.jsonl", [raw_review(DAY)]), list[float]()
    aged(path, seconds=-9 * 3600)
    assert missing_files(DAY, Settings()) is None
    assert len(whole_delivery(f"{home}/landing", DAY, waited.append).files) == len(waited) == 1


@pytest.mark.parametrize("name", ["2014-05-05.jsonl", "2014-05-05.jsonl.gz", "2014-05-05/a/b.jsonl"])
def test_a_days_delivery_is_known_by_its_day_under_all_of_its_names(name):
    assert Origin(day="2014-05-05").holds(name)
    assert not Origin(day="2014-05-06").holds(name)
    assert not Origin(day="2014-05-05").holds(f"/elsewhere/{name}")


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def corrupted(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 16]) + content[middle + 16 :]


def nothing(content: bytes) -> bytes:
    return b""


def half_a_member(content: bytes) -> bytes:
    """Two members, as `cat a.gz b.gz` makes them, of which the second breaks off in its header."""
    return content + content[:5]


def zeros_behind(content: bytes) -> bytes:
    """A second member whose place on the disk was never written."""
    return content + bytes(4096)


def not_packed(content: bytes) -> bytes:
    return gzip.decompress(content)


@pytest.mark.spark
@pytest.mark.parametrize("damage", [truncated, corrupted, not_packed, nothing, half_a_member, zeros_behind])
def test_a_broken_gzip_is_named_with_its_offset_and_nothing_is_written(home, land, spark, damage):
    lake = Lake(str(home / "lake"))
    versions = [fill(lake.root, spec, {DAY: rows}) for spec, rows in ((REVIEWS, [lake_review(DAY)]), (QUARANTINE, []))]
    land("2014-05-05/whole.jsonl", [raw_review(DAY, number) for number in range(20)])
    path = land("2014-05-05/broken.jsonl.gz", [raw_review(DAY, number) for number in range(500)])
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(UnavailableError, match=r"broken\.jsonl\.gz cannot be read .*bytes.*Nothing"):
        done(INGEST, IngestConfig(day=DAY, max_bad_share=1))
    assert [lake.open(spec).version() for spec in (REVIEWS, QUARANTINE)] == versions
    assert lake.read(REVIEWS)["review_key"].to_pylist() == ["2014-05-05-0"]


@pytest.mark.parametrize("rest", [b'{"rating": 5.0, "te', b"\xef\xbb\xbf{", b"\0" * 4096, b'{"rating": 5.0\0\0\0'])
def test_a_file_that_ends_within_a_line_or_in_room_that_was_never_written_is_not_whole(home, land, rest):
    path = land("2014-05-05.jsonl", [raw_review(DAY)])
    path.write_bytes(path.read_bytes() + rest)
    ends = [
        broken
        for batch in lines_of(LandedFile(str(path), path.name))
        for broken in batch["broken"].to_pylist()
        if broken
    ]
    assert ends == ["it breaks off within line 2"]


@pytest.mark.spark
def test_a_last_line_that_breaks_off_means_that_the_file_is_not_whole(home, land, spark):
    path = land("2014-05-05.jsonl", [raw_review(DAY, number) for number in range(9)])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(
        UnavailableError, match=r"2014-05-05\.jsonl cannot be read to its end: it breaks off within line 9"
    ):
        done(INGEST, IngestConfig(day=DAY, max_bad_share=1))
    whole = path.read_bytes().rsplit(b"\n", 1)[0]
    path.write_bytes(whole)
    assert done(INGEST, IngestConfig(day=DAY))["kept"] == 8
    path.write_bytes(whole + b" -- end of export")
    assert done(INGEST, IngestConfig(day=DAY))["reasons"] == {"the line holds more than one JSON object": 1}


def test_a_json_array_is_refused_as_such_however_many_lines_it_has(home, land, spark):
    land("2014-05-05.jsonl", ["[", *[json.dumps(raw_review(DAY, n), indent=1) + "," for n in range(5)], "]"])
    with pytest.raises(
        ContractError, match=r"bad \(.*: 1 times the line begins a JSON array.*; name the file \.json, or"
    ):
        done(INGEST, IngestConfig(day=DAY))


def test_what_goes_between_the_list_and_the_look_is_passed_over(home, land, monkeypatch):
    there, gone = land(f"{DAY}/part-0.jsonl", []), home / "landing" / str(DAY) / "_temporary"
    monkeypatch.setattr(storage, "_files_under", lambda folder: iter([Path(there), gone]))
    assert [file.uri for file in storage.look(str(home / "landing"))] == [str(there)]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_folder_that_cannot_be_looked_into_is_named_and_not_taken_for_an_empty_one(home, land, monkeypatch, number):
    for name in (f"{DAY}/a.jsonl", f"{DAY}/part/b.jsonl"):
        land(name, [])
    there, scandir = f"{home}/landing/{DAY}/part", os.scandir

    def looked(place):
        if os.fspath(place) == there:
            raise OSError(number, os.strerror(number), there)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", looked)
    with pytest.raises(UnavailableError, match=f"{there} cannot be looked at: {os.strerror(number)}"):
        files_of_day(f"{home}/landing", DAY)


def test_a_link_that_leads_nowhere_or_to_itself_is_no_file(tmp_path):
    for name, target in {"gone": "nowhere", "round": "round"}.items():
        (tmp_path / name).symlink_to(tmp_path / target)
        assert storage.look(str(tmp_path / name)) == []
    assert storage.look(str(tmp_path)) == []


@pytest.mark.parametrize("target", ["away", "part.jsonl"], ids=["nowhere", "to itself"])
def test_a_part_that_is_a_link_that_leads_nowhere_is_not_taken_for_removed(home, land, target):
    there, landing = land(f"{DAY}/whole.jsonl", []).parent, f"{home}/landing"
    (there / "part.jsonl").symlink_to(there / target)
    with pytest.raises(UnavailableError, match=rf"has links that lead nowhere: {DAY}/part\.jsonl; mount the disk"):
        files_of_day(landing, DAY)
    assert "part.jsonl" in history(str(there), landing).others

    (there / "part.jsonl").unlink()
    (there / ".#whole.jsonl").symlink_to("somebody@edits.it")
    assert len(files_of_day(landing, DAY)) == 1


def test_a_file_that_may_not_be_read_or_is_gone_is_named_like_one_that_breaks_off(tmp_path):
    (tmp_path / "folder.jsonl").mkdir()
    for name, reason in {"gone.jsonl": "No such file", "folder.jsonl": "Is a directory"}.items():
        for lines in (lines_of, lines_of_reviews):
            (batch,) = _of_file(LandedFile(str(tmp_path / name), name), lines)
            (row,) = batch.to_pylist()
            assert row["source_file"] == name
            assert reason in row["broken"]


def test_a_line_without_an_end_breaks_its_file_off_before_it_fills_memory(tmp_path, monkeypatch):
    for module in (encoding, lines_module):
        monkeypatch.setattr(module, "LONGEST_LINE", 1 << 10)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "fine"}\n{"text": "' + b"a" * 5000))
    *_, last = _of_file(LandedFile(str(tmp_path / "a.jsonl.gz"), "a"), lines_of_reviews)
    (row,) = last.to_pylist()
    assert row["broken"].startswith("a line has not ended")


class Emptied:
    """A client of an S3 from which everything went between the list and the look."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        NoSuchKey = LookupError

    def get_object(self, **_: str) -> None:
        raise LookupError


def test_an_object_of_s3_that_is_gone_is_named_as_a_file_is(monkeypatch):
    monkeypatch.setattr(storage, "s3_client", Emptied)
    for lines in (lines_of, lines_of_reviews):
        (batch,) = _of_file(LandedFile("s3://bucket/gone.jsonl", "gone.jsonl"), lines)
        assert "No such file" in batch.to_pylist()[0]["broken"]


@pytest.mark.parametrize(
    ("depth", "fault"), [(300, None), (600, "a value of the row is nested too deeply to be written")]
)
def test_a_value_that_is_nested_too_deeply_costs_its_row_alone(tmp_path, depth, fault):
    deep = json.dumps(raw_review(DAY, 1)).replace('"images": []', '"images": ' + "[" * depth + "NaN" + "]" * depth)
    (tmp_path / "a.json").write_text(f"[{json.dumps(raw_review(DAY))}, {deep}, {json.dumps(raw_review(DAY, 2))}]")
    (batch,) = lines_of_reviews(LandedFile(str(tmp_path / "a.json"), "a.json"))
    first, middle, last = batch.to_pylist()
    assert (first["fault"], middle["fault"], last["fault"]) == (None, fault, None)
    assert ("[" * depth in middle["raw"]) == (fault is None)


@pytest.mark.spark
def test_a_broken_product_file_is_named(home, land, spark):
    land("2014-05-05.jsonl", [raw_review(DAY)])
    product = {"parent_asin": "P0", "main_category": "Electronics", "categories": ["Electronics", "Cameras"]}
    path = land("../products/meta_x.jsonl.gz", [json.dumps(product | {"title": str(n)}) for n in range(500)])
    path.write_bytes(truncated(path.read_bytes()))

    with pytest.raises(ContractError, match=r"the product file .*meta_x\.jsonl\.gz cannot be read"):
        done(INGEST, IngestConfig(day=DAY))
    assert not Lake(str(home / "lake")).written_days(REVIEWS, [DAY])
