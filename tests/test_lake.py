"""The lake's promises: whole days, one commit, one winner, and nothing half-written is ever seen."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyarrow import parquet

from conftest import PROJECT, fill, lake_review
from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.stores.lake import tables
from sentiment.stores.lake.files import DataFile, write_day_file
from sentiment.stores.lake.schemas import PROMOTIONS, QUARANTINE, REVIEWS, SCORES, DayTable
from sentiment.stores.lake.tables import Lake

MONDAY, TUESDAY, WEDNESDAY = (date(2014, 5, 5) + timedelta(n) for n in range(3))


def reviews(day: date, *keys: str) -> list[dict[str, object]]:
    return [lake_review(day, number, review_key=key) for number, key in enumerate(keys)]


def batch(day: date, *keys: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(reviews(day, *keys), schema=REVIEWS.schema)


def day_file(lake: Lake, day: date, *keys: str) -> DataFile:
    return write_day_file(lake.root, REVIEWS, day, [batch(day, *keys)])


def keys(lake: Lake, *days: date, version: int | None = None) -> list[str]:
    span = (days[0], days[-1]) if days else None
    return sorted(lake.read(REVIEWS, span, ["review_key"], version)["review_key"].to_pylist())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three days: Monday with two reviews, Tuesday and Wednesday with one each."""
    days = {MONDAY: reviews(MONDAY, "a", "b"), TUESDAY: reviews(TUESDAY, "c"), WEDNESDAY: reviews(WEDNESDAY, "d")}
    fill(tmp_path, REVIEWS, days, run_id="first")
    return Lake(str(tmp_path))


@pytest.fixture
def empty_lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def test_a_table_that_is_not_there_yet_is_read_as_empty(empty_lake):
    assert empty_lake.read(REVIEWS).num_rows == 0
    assert empty_lake.read(REVIEWS).schema == REVIEWS.schema
    assert empty_lake.files(REVIEWS) == []
    assert empty_lake.written_days(REVIEWS, [MONDAY]) == set()
    assert empty_lake.read(PROMOTIONS).num_rows == 0
    assert list(Path(empty_lake.root).iterdir()) == []


def test_to_open_a_table_that_nobody_wrote_names_the_lake(empty_lake):
    with pytest.raises(ContractError, match=f"the lake {empty_lake.root} has no table reviews yet"):
        empty_lake.open(REVIEWS)
    assert list(Path(empty_lake.root).iterdir()) == []


def test_a_state_stays_as_it_was_and_the_next_question_sees_what_another_writer_did(lake):
    state = lake.state(REVIEWS)
    write_deltalake(lake.uri(REVIEWS), pa.Table.from_batches([batch(WEDNESDAY + timedelta(1), "z")]), mode="append")

    assert WEDNESDAY + timedelta(1) not in state.days
    assert sorted(state.read(columns=["review_key"])["review_key"].to_pylist()) == ["a", "b", "c", "d"]
    assert keys(lake) == ["a", "b", "c", "d", "z"]


def test_a_table_that_was_made_anew_under_its_address_is_read_as_the_new_one(lake):
    assert keys(lake) == ["a", "b", "c", "d"]
    shutil.rmtree(lake.uri(REVIEWS))
    assert keys(lake) == []
    fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "other")})
    assert keys(lake) == ["other"]
    fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "third")})
    assert keys(lake) == ["third"]


def test_an_older_copy_that_is_put_back_is_read_as_it_is(lake, tmp_path):
    shutil.copytree(lake.uri(REVIEWS), tmp_path / "copy")
    fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "newer")})
    assert keys(lake, MONDAY) == ["newer"]
    shutil.rmtree(lake.uri(REVIEWS))
    (tmp_path / "copy").rename(lake.uri(REVIEWS))
    assert keys(lake, MONDAY) == ["a", "b"]


def test_many_questions_at_once_are_answered_alike(lake):
    assert at_once(6, lambda _: keys(lake)) == [["a", "b", "c", "d"]] * 6


def test_replacing_a_day_replaces_that_day_and_nothing_else(lake):
    untouched = {file.path for file in lake.files(REVIEWS) if file.day != TUESDAY}
    fill(lake.root, REVIEWS, {TUESDAY: reviews(TUESDAY, "e", "f")})

    assert keys(lake) == ["a", "b", "d", "e", "f"]
    assert {file.path for file in lake.files(REVIEWS) if file.day != TUESDAY} == untouched


def test_several_days_are_replaced_in_one_commit(lake):
    before = lake.open(REVIEWS).version()
    after = fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "x"), TUESDAY: []})

    assert after == before + 1
    assert keys(lake) == ["d", "x"]


def test_rows_come_back_as_they_were_written(lake):
    written = sorted([*reviews(MONDAY, "a", "b"), *reviews(TUESDAY, "c")], key=lambda row: row["review_key"])
    read = lake.read(REVIEWS, (MONDAY, TUESDAY)).sort_by("review_key")

    assert read.schema.names == REVIEWS.schema.names
    assert read.to_pylist() == written


def test_a_range_of_days_and_some_columns_can_be_read(lake):
    assert keys(lake, TUESDAY, WEDNESDAY) == ["c", "d"]
    assert lake.read(REVIEWS, (MONDAY, MONDAY), ["review_date", "rating"]).column_names == ["review_date", "rating"]
    assert [(file.day, file.rows) for file in lake.files(REVIEWS, (MONDAY, TUESDAY))] in (
        [(MONDAY, 2), (TUESDAY, 1)],
        [(TUESDAY, 1), (MONDAY, 2)],
    )


def test_a_version_that_is_not_there_yet_is_refused_in_a_sentence(lake):
    newest = lake.open(REVIEWS).version()
    with pytest.raises(ContractError, match=f"reviews has no version 9999 yet; its newest is {newest}"):
        lake.state(REVIEWS, 9999)


def test_an_older_version_can_still_be_read(lake):
    version = lake.open(REVIEWS).version()
    fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "new")})

    assert keys(lake, MONDAY, version=version) == ["a", "b"]
    assert keys(lake, MONDAY) == ["new"]


def test_a_day_written_without_rows_is_known_as_written_and_empty(lake):
    sunday = MONDAY - timedelta(1)
    fill(lake.root, REVIEWS, {sunday: []})
    fill(lake.root, REVIEWS, {MONDAY: []})

    assert lake.written_days(REVIEWS, [sunday, MONDAY, WEDNESDAY + timedelta(1)]) == {sunday, MONDAY}
    assert keys(lake, sunday, MONDAY) == []


def test_the_history_tells_which_run_wrote_what(lake):
    fill(lake.root, REVIEWS, {MONDAY: [], TUESDAY: []}, run_id="manual-7", read="12", rejected="2")

    newest, first, _ = lake.open(REVIEWS).history()
    assert (newest["run_id"], newest["read"], newest["rejected"]) == ("manual-7", "12", "2")
    assert (newest["days"], first["run_id"]) == (f"{MONDAY}..{TUESDAY}", "first")


@pytest.mark.parametrize("day", [MONDAY, WEDNESDAY + timedelta(5)], ids=["a day with rows", "a day without rows"])
def test_of_two_writers_on_one_day_one_wins_and_the_other_is_told(lake, day):
    first, second = lake.grown(REVIEWS), lake.grown(REVIEWS)
    winner, loser = day_file(lake, day, "winner"), day_file(lake, day, "loser")
    version = lake.replace_days(REVIEWS, [day], [winner], first, {})

    with pytest.raises(ConcurrentWriteError, match=f"another run wrote {day} of the table reviews.*run it again"):
        lake.replace_days(REVIEWS, [day], [loser], second, {})
    assert keys(lake, day) == ["winner"]
    assert lake.open(REVIEWS).version() == version


def test_a_writer_of_no_rows_cannot_clear_what_another_wrote_meanwhile(lake):
    first, second = lake.grown(REVIEWS), lake.grown(REVIEWS)
    lake.replace_days(REVIEWS, [MONDAY], [day_file(lake, MONDAY, "winner")], first, {})

    with pytest.raises(ConcurrentWriteError):
        lake.replace_days(REVIEWS, [MONDAY, TUESDAY], [], second, {})
    assert keys(lake) == ["c", "d", "winner"]


@pytest.mark.parametrize("day", [TUESDAY, MONDAY], ids=["of another day", "of the same day"])
def test_what_comes_between_the_last_look_and_the_commit_is_asked_for_its_days(lake, day, monkeypatch):
    base, mine, other = lake.grown(REVIEWS), day_file(lake, MONDAY, "mine"), day_file(lake, day, "other")
    look, looked = tables.removals, list[DeltaTable]()

    def meanwhile(spec, table, days):
        if not looked:
            looked.append(table)
            Lake(lake.root).replace_days(REVIEWS, [day], [other], DeltaTable(lake.uri(REVIEWS)), {})
        return look(spec, table, days)

    monkeypatch.setattr(tables, "removals", meanwhile)
    if day == MONDAY:
        with pytest.raises(ConcurrentWriteError, match=f"another run wrote {MONDAY}"):
            lake.replace_days(REVIEWS, [MONDAY], [mine], base, {})
        assert keys(lake) == ["c", "d", "other"]
    else:
        lake.replace_days(REVIEWS, [MONDAY], [mine], base, {})
        assert keys(lake) == ["d", "mine", "other"]


def lost_answer(commit):
    """Commit, and say that somebody was first, as an S3 does whose answer was lost and that is asked again."""

    def commits_and_loses(*given, **named):
        commit(*given, **named)
        raise CommitFailedError("the version is there already")

    return commits_and_loses


def test_a_commit_whose_answer_was_lost_is_a_commit(lake, monkeypatch):
    base, file = lake.grown(REVIEWS), day_file(lake, MONDAY, "mine")
    promotions = lake.grown(PROMOTIONS)
    monkeypatch.setattr(DeltaTable, "create_write_transaction", lost_answer(DeltaTable.create_write_transaction))
    monkeypatch.setattr(tables, "write_deltalake", lost_answer(tables.write_deltalake))
    version = lake.replace_days(REVIEWS, [MONDAY], [file], base, {})
    assert (version, keys(lake, MONDAY, version=version)) == (base.version() + 1, ["mine"])

    row = {"version": "1", "decided_by": "x", "reason": "y", "at": datetime.now(UTC)}
    lake.append(PROMOTIONS, [row], {}, promotions)
    assert lake.read(PROMOTIONS).num_rows == 1


def test_the_version_that_is_returned_holds_what_was_written(lake, monkeypatch):
    base, file, later = lake.grown(REVIEWS), day_file(lake, MONDAY, "mine"), day_file(lake, MONDAY, "later")
    commit, calls = DeltaTable.create_write_transaction, list[DeltaTable]()

    def overtaken(table, *given, **named):
        commit(table, *given, **named)
        calls.append(table)
        if len(calls) == 1:
            Lake(lake.root).replace_days(REVIEWS, [MONDAY], [later], DeltaTable(lake.uri(REVIEWS)), {})

    monkeypatch.setattr(DeltaTable, "create_write_transaction", overtaken)
    version = lake.replace_days(REVIEWS, [MONDAY], [file], base, {})
    assert (keys(lake, MONDAY, version=version), keys(lake, MONDAY)) == (["mine"], ["later"])


def test_columns_that_a_table_lacks_are_added_though_another_run_commits_meanwhile(empty_lake, monkeypatch):
    without = [field for field in REVIEWS.schema if field.name != "displaced"]
    row = {**lake_review(MONDAY, 0)}
    row.pop("displaced", None)
    uri = empty_lake.uri(REVIEWS)
    write_deltalake(uri, pa.Table.from_pylist([row], pa.schema(without)), partition_by=["review_date"])
    found = tables.opened

    def overtaken(*given):
        table = found(*given)
        write_deltalake(uri, pa.Table.from_pylist([row], pa.schema(without)), mode="append")
        return table

    monkeypatch.setattr(tables, "opened", overtaken)
    grown = empty_lake.grown(REVIEWS)
    assert set(REVIEWS.schema.names) <= set(grown.schema().to_arrow().names)


def test_the_loser_wins_when_it_runs_again(lake):
    first, second = lake.grown(REVIEWS), lake.grown(REVIEWS)
    lake.replace_days(REVIEWS, [MONDAY], [day_file(lake, MONDAY, "one")], first, {})
    again = day_file(lake, MONDAY, "two")
    with pytest.raises(ConcurrentWriteError):
        lake.replace_days(REVIEWS, [MONDAY], [again], second, {})

    lake.replace_days(REVIEWS, [MONDAY], [again], lake.open(REVIEWS), {})
    assert keys(lake, MONDAY) == ["two"]


def at_once(count: int, write) -> list[object]:
    """Call `write` with 0, 1, ... in threads that start together; return what each gave or raised."""
    outcomes: list[object] = [None] * count
    together = threading.Barrier(count)

    def run(number: int) -> None:
        together.wait()
        try:
            outcomes[number] = write(number)
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_many_writers_at_the_same_moment_exactly_one_wins(lake):
    bases = [lake.grown(REVIEWS) for _ in range(6)]
    files = [day_file(lake, MONDAY, f"writer {number}") for number in range(6)]
    outcomes = at_once(6, lambda n: lake.replace_days(REVIEWS, [MONDAY], [files[n]], bases[n], {}))

    lost = [isinstance(outcome, ConcurrentWriteError) for outcome in outcomes]
    assert lost.count(False) == 1
    assert keys(lake, MONDAY) == [f"writer {lost.index(False)}"]


@pytest.mark.parametrize("before", [(), ("old",)], ids=["of new days", "that replace what was there"])
def test_writers_of_different_days_all_commit(lake, before):
    days = [WEDNESDAY + timedelta(n) for n in range(1, 7)]
    if before:
        fill(lake.root, REVIEWS, {day: reviews(day, *before) for day in days})
    bases = [lake.grown(REVIEWS) for _ in days]
    files = [day_file(lake, day, f"of {day}") for day in days]
    outcomes = at_once(6, lambda n: lake.replace_days(REVIEWS, [days[n]], [files[n]], bases[n], {}))

    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    assert keys(lake, *days) == [f"of {day}" for day in days]


def test_a_table_may_be_opened_first_by_many_at_once(empty_lake):
    tables = at_once(6, lambda _: empty_lake.grown(SCORES))

    assert [table.file_uris() for table in tables] == [[]] * 6
    fill(empty_lake.root, SCORES, {MONDAY: [{"review_key": "a", "review_date": MONDAY}]})
    assert empty_lake.read(SCORES)["review_key"].to_pylist() == ["a"]


WRITER = """
import sys, time
from datetime import date
import test_lake
from sentiment.stores.lake.tables import Lake
lake = Lake(sys.argv[1])
base = lake.grown(test_lake.REVIEWS)
file = test_lake.day_file(lake, date.fromisoformat(sys.argv[2]), "new")
print("written", flush=True)
time.sleep(60)
lake.replace_days(test_lake.REVIEWS, [file.day], [file], base, {})
"""


def test_a_writer_killed_before_its_commit_leaves_the_old_day_and_can_run_again(lake):
    path = os.pathsep.join([str(PROJECT / "include"), str(PROJECT / "tests")])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, lake.root, str(MONDAY)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout.readline() == "written\n"
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL

    left = list(Path(lake.root, "reviews", f"review_date={MONDAY}").glob("*.parquet"))
    assert len(left) == 2  # the old file and the one that no commit names
    assert keys(lake) == ["a", "b", "c", "d"]
    fill(lake.root, REVIEWS, {MONDAY: reviews(MONDAY, "new")})
    assert keys(lake, MONDAY) == ["new"]


def test_a_day_file_that_fails_in_the_middle_is_not_part_of_the_table(lake):
    def rows():
        yield batch(MONDAY, "x")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_day_file(lake.root, REVIEWS, MONDAY, rows())
    assert keys(lake, MONDAY) == ["a", "b"]


def test_versions_and_written_days_outlive_a_checkpoint_and_the_months(empty_lake):
    days = [MONDAY + timedelta(n) for n in range(105)]
    base = empty_lake.grown(REVIEWS)
    for day in days[:51]:
        empty_lake.replace_days(REVIEWS, [day], [], base, {})
    long_ago = time.time() - 90 * 86_400
    for commit in Path(empty_lake.root, "reviews", "_delta_log").iterdir():
        os.utime(commit, (long_ago, long_ago))
    for day in days[51:]:
        empty_lake.replace_days(REVIEWS, [day], [], base, {})

    assert empty_lake.open(REVIEWS, version=3).version() == 3
    assert len(empty_lake.open(REVIEWS).history()) == 106
    assert empty_lake.written_days(REVIEWS, days) == set(days)


def test_rows_are_added_to_a_small_table(empty_lake):
    row = {"version": "3", "previous_version": None, "decided_by": "ann", "reason": "better", "at": datetime.now(UTC)}
    empty_lake.append(PROMOTIONS, [row], {"run_id": "one"})
    empty_lake.append(PROMOTIONS, [row | {"version": "4", "previous_version": "3"}], {"run_id": "two"})

    assert sorted(empty_lake.read(PROMOTIONS)["version"].to_pylist()) == ["3", "4"]
    assert empty_lake.open(PROMOTIONS).history(1)[0]["run_id"] == "two"


@pytest.mark.spark
def test_spark_writes_a_file_a_day_and_reads_back_what_it_wrote(spark, empty_lake):
    from sentiment.stores.lake.spark import read_table, write_files

    rows = [*reviews(MONDAY, "a", "b", "c"), *reviews(TUESDAY, "d"), *reviews(WEDNESDAY, "e", "f")]
    frame = spark.createDataFrame(pa.Table.from_pylist(rows, schema=REVIEWS.schema)).repartition(4)
    base = empty_lake.grown(REVIEWS)
    files = write_files(frame, empty_lake, REVIEWS, partitions=3)
    assert sorted((file.day, file.rows) for file in files) == [(MONDAY, 3), (TUESDAY, 1), (WEDNESDAY, 2)]
    assert empty_lake.read(REVIEWS).num_rows == 0  # nothing is there before the commit
    version = empty_lake.replace_days(REVIEWS, [MONDAY, TUESDAY, WEDNESDAY], files, base, {})

    plain = empty_lake.read(REVIEWS).sort_by("review_key").to_pylist()
    assert plain == rows
    back = read_table(spark, empty_lake, REVIEWS)
    assert back.columns == REVIEWS.schema.names
    assert back.toArrow().cast(REVIEWS.schema).sort_by("review_key").to_pylist() == rows
    fill(empty_lake.root, REVIEWS, {TUESDAY: []})
    some = read_table(spark, empty_lake, REVIEWS, (TUESDAY, WEDNESDAY), version, ["rating", "review_date", "text"])
    assert some.columns == ["rating", "review_date", "text"]
    assert sorted(row["review_date"] for row in some.collect()) == [TUESDAY, WEDNESDAY, WEDNESDAY]


@pytest.mark.spark
@pytest.mark.parametrize("spec", [REVIEWS, QUARANTINE], ids=lambda spec: spec.name)
def test_spark_writes_no_file_for_no_rows_and_reads_an_empty_table(spark, empty_lake, spec: DayTable):
    from sentiment.stores.lake.spark import read_table, write_files

    nothing = read_table(spark, empty_lake, spec)
    assert (nothing.columns, nothing.count()) == (spec.schema.names, 0)
    assert write_files(nothing, empty_lake, spec, partitions=2) == []


def test_a_days_file_holds_its_columns_but_not_the_day_and_no_pickle(lake):
    (file,) = lake.files(REVIEWS, (TUESDAY, TUESDAY))
    assert parquet.read_schema(Path(lake.root, "reviews", file.path)).names == REVIEWS.file_schema.names
    assert file.size == Path(lake.root, "reviews", file.path).stat().st_size


def test_the_tables_are_read_as_their_page_shows(tmp_path, monkeypatch):
    day, text = date(2014, 6, 20), (PROJECT / "docs" / "tables.md").read_text()
    rows = {
        one: [dict.fromkeys(SCORES.schema.names) | {"review_key": str(one), "review_date": one}]
        for one in (day, date(2014, 6, 21))
    }
    fill(tmp_path / "var" / "current" / "lake", SCORES, rows)
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(text.split("```python\n")[1].split("```")[0], found)
    assert [list(found[name].review_key) for name in ("scores", "same")] == [[str(day)]] * 2
