"""The benchmark of importing: three contenders that agree review for review, and rows that say what they took."""

import json
import sys
import time

import psutil
import pytest
from pyarrow import dataset

from conftest import raw_review
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.ingest.config import ImportHistoryConfig
from sentiment.ingest.verbs import IMPORT_HISTORY
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.registry.versions import Registry
from sentiment_benchmarks import footprint
from sentiment_benchmarks.config import BenchmarkPreparationConfig
from sentiment_benchmarks.footprint import Footprint, run_watched
from sentiment_benchmarks.preparation import run as benchmark
from sentiment_benchmarks.preparation.cleaning import TEXTS, cleaning_rows
from sentiment_benchmarks.preparation.contender import DASK, OURS, PANDAS
from sentiment_benchmarks.preparation.run import Imported, preparation_rows
from sentiment_benchmarks.verbs import BENCHMARK_PREPARATION
from test_cleaning import CASES
from test_ingest import BAD_LINES, DAY
from verbs_here import done


def hostile() -> list:
    """Every kind of bad line, every text that cleaning changes, and reviews that repeat others."""
    bad = [line for line, reason in BAD_LINES if not reason.startswith("the review is of")]
    texts = [text for text, cleaned in CASES.items() if cleaned]
    good = [raw_review(DAY, number, text=text, title=f"{text} <br>") for number, text in enumerate(texts)]
    number = len(good)
    again = [
        raw_review(DAY, number, user_id="U0", asin="A0", parent_asin="P0", text="later by the same user"),
        raw_review(DAY, number + 1, asin="A0", parent_asin="P0", text="Cafe\u0301 is a word of French for a place"),
        raw_review(DAY, number + 2, asin="A0", parent_asin="P0", text="Caf&eacute; is a word of French for a place"),
        *[raw_review(DAY, number + 3, user_id=None, asin="A0", parent_asin=None, text=f"{n} nobody") for n in (1, 2)],
        raw_review(
            DAY, number + 4, rating="4", title=None, text='half \ud83d "of" one', timestamp=f"{1_399_291_200_000}.0"
        ),
        raw_review(DAY, number + 5, title=5, text=3.5, asin=None),
    ]
    return [*good, *bad, *again, "", json.dumps(raw_review(DAY, 999)) + "\r"]


def rows(root, spec) -> list[str]:
    """Return what the files under a table's folder hold, but for the moment of the import, in a fixed order."""
    table = dataset.dataset(root / spec.name, format="parquet", partitioning="hive", exclude_invalid_files=True)
    names = [name for name in spec.schema.names if name not in {"ingested_at", "ingest_date"}]
    found = table.to_table(names).to_pylist()
    for one in (one for row in found for one in row.get("displaced") or ()):
        del one["ingested_at"]
    return sorted(map(str, found))


def contend(name, source, home, monkeypatch):
    from sentiment_benchmarks.preparation import contender

    monkeypatch.setenv("SENTIMENT_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["contender", name, str(source), "2"])
    monkeypatch.setattr(contender, "_use_cores", lambda count: None)
    home.mkdir()
    contender.main()
    return json.loads((home / "result.json").read_text())


@pytest.fixture
def source(land):
    return land("../history/reviews.jsonl.gz", hostile())


@pytest.mark.spark
def test_pandas_keeps_and_rejects_the_same_reviews_as_the_import_and_cleans_them_to_the_same_texts(
    spark, source, home, monkeypatch
):
    counts = done(IMPORT_HISTORY, ImportHistoryConfig(source=str(source), max_bad_share=0.9))
    assert contend(PANDAS, source, home / "other", monkeypatch) == {
        name: counts[name] for name in ("read", "kept", "duplicate", "rejected")
    }
    assert counts["duplicate"] == 2
    for spec in (REVIEWS, QUARANTINE):
        assert rows(home / "other" / "lake", spec) == rows(home / "lake", spec)
    assert benchmark._unlike(home, home / "other") == 0


@pytest.mark.slow
def test_dask_in_several_processes_does_what_pandas_does_in_one(source, home, monkeypatch):
    pytest.importorskip("dask")
    assert contend(DASK, source, home / "dask", monkeypatch) == contend(PANDAS, source, home / "pandas", monkeypatch)
    assert rows(home / "dask" / "lake", REVIEWS) == rows(home / "pandas" / "lake", REVIEWS)
    assert benchmark._unlike(home / "dask", home / "pandas") == 0


def test_a_history_without_a_good_line_is_imported_by_pandas_too(land, home, monkeypatch):
    counts = contend(PANDAS, land("bad/lines.jsonl", ["no JSON", "[]"]), home / "other", monkeypatch)
    assert counts == {"read": 2, "kept": 0, "duplicate": 0, "rejected": 2}
    assert benchmark._unlike(home / "other", home / "other") == 0


def test_a_history_with_names_of_its_own_is_imported_by_pandas_as_it_is_told(land, home, monkeypatch):
    source = land("told/reviews.csv", ["said,score,when", "Great sound and a fine case,9,2014-05-05"])
    columns = {"text": "said", "rating": "score", "timestamp": "when"}
    told = {"columns": columns, "stars": 10, "product": "Our app"}
    (source.parent / "_columns.json").write_text(json.dumps(told))
    assert contend(PANDAS, source, home / "other", monkeypatch) == {
        "read": 1,
        "kept": 1,
        "duplicate": 0,
        "rejected": 0,
    }


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("refused/reviews.csv", ["who,what", "U1,A1"], "is refused: "),
        ("broken/reviews.jsonl", ['{"rating": 5.0, "text": "it breaks o'], "is broken: it breaks off"),
    ],
)
def test_a_file_that_cannot_be_read_is_no_row_to_compare(name, lines, said, land, home, monkeypatch):
    source = land(name, lines)
    source.write_text(source.read_text().rstrip("\n"))
    with pytest.raises(ContractError, match=said):
        contend(PANDAS, source, home / "other", monkeypatch)


def imported(seconds, read=1000, megabytes=100) -> Imported:
    counts = {"read": read, "kept": read - 30, "duplicate": 20, "rejected": 10}
    return Imported(Footprint(seconds, 1.5 * seconds, megabytes * 10**6), counts)


def test_a_row_holds_medians_and_how_many_times_as_fast_as_pandas_it_was():
    runs = {OURS: [imported(10), imported(30), imported(20)], PANDAS: [imported(60, megabytes=300)]}
    ours, pandas = preparation_rows(runs, {OURS: 0, PANDAS: 2})
    assert (ours["seconds"], ours["fastest"], ours["slowest"], ours["core_seconds"]) == (20, 10, 30, 30)
    assert (ours["against_pandas"], pandas["against_pandas"]) == (3, 1)
    assert (ours["reviews_per_second"], pandas["peak_megabytes"], pandas["unlike_ours"]) == (50, 300, 2)
    assert (ours["kept"], ours["duplicate"], ours["rejected"]) == (970, 20, 10)


def test_the_cost_of_cleaning_is_told_for_an_ordinary_text_and_for_hostile_ones():
    rows = cleaning_rows(400)
    assert [row["text"] for row in rows] == list(TEXTS)
    assert all(row["ratio"] == row["seconds"] / row["quarter_seconds"] > 0 for row in rows)


@pytest.fixture
def turns(monkeypatch):
    """Measurements that take no time; Dask is not installed."""
    taken = []

    def fake(name, config, settings, home):
        taken.append(name)
        return imported({OURS: 2.0, PANDAS: 6.0}[name])

    monkeypatch.setattr(benchmark, "_import", fake)
    monkeypatch.setattr(benchmark, "_unlike", lambda ours, others: 0)
    monkeypatch.setattr(benchmark, "find_spec", lambda name: None if name == DASK else name)
    return taken


def test_contenders_take_turns_and_one_that_is_not_installed_is_told(turns, source, home):
    config = BenchmarkPreparationConfig(source=str(source), repeats=2, output=home / "out")
    (home / "out" / "tables").mkdir(parents=True)
    (home / "out" / "tables" / "mine.csv").touch()
    result = done(BENCHMARK_PREPARATION, config)
    assert turns == [OURS, PANDAS, OURS, PANDAS]
    ours, _, dask = result["preparation"]
    assert ours["against_pandas"] == 3
    assert dask == {"contender": DASK, "note": "not installed: pip install -r requirements-bench.txt"}
    assert json.loads((home / "out" / "tables" / "preparation.json").read_text()) == result["preparation"]
    registry = Registry(Settings())
    assert registry.trained(result["run_id"]).metrics["seconds sentiment"] == 2.0
    artifacts = registry.download(result["run_id"], "tables", home / "down")
    assert {file.stem for file in artifacts.iterdir()} == {"preparation", "cleaning", "machine"}


def test_a_folder_that_is_a_file_is_refused_before_anything_starts(turns, source, home):
    (home / "out").touch()
    with pytest.raises(ContractError, match="give another folder with --output"):
        done(BENCHMARK_PREPARATION, BenchmarkPreparationConfig(source=str(source), output=home / "out"))
    assert turns == []


def test_a_source_without_reviews_is_refused_before_anything_starts(turns, home):
    with pytest.raises(ContractError, match="check the path"):
        done(BENCHMARK_PREPARATION, BenchmarkPreparationConfig(source=str(home / "absent")))
    assert turns == []


def test_a_contender_runs_in_a_process_of_its_own_and_leaves_the_callers_lake_alone(source, home):
    config = BenchmarkPreparationConfig(source=str(source), cores=1)
    one = benchmark._import(PANDAS, config, Settings(), home / "scratch")
    assert one.counts["read"] == one.counts["kept"] + one.counts["duplicate"] + one.counts["rejected"]
    assert one.footprint.peak_bytes > 10**7
    assert (home / "scratch" / "lake" / "reviews").is_dir()
    assert not (home / "lake").exists()


@pytest.mark.parametrize(
    ("master", "taken"),
    [("sail", "sail[3]"), ("sail[2]", "sail[3]"), ("local[*]", "local[3]"), ("spark://elsewhere:7077", "local[3]")],
)
def test_imports_are_measured_on_this_machines_spark_of_the_kind_that_is_set(home, monkeypatch, master, taken):
    seen = []

    def watched(command, environment, log):
        seen.append(environment["SENTIMENT_SPARK_MASTER"])
        (log.parent / "result.json").write_text("{}")
        return Footprint(1.0, 1.0, 1)

    monkeypatch.setattr(benchmark, "run_watched", watched)
    config = BenchmarkPreparationConfig(source="reviews.jsonl", cores=3)
    benchmark._import(OURS, config, Settings(spark_master=master), home / "scratch")
    assert seen == [taken]


# A child that works and holds memory until that was seen, or for long enough.
CHILDREN = '''
import subprocess, sys
work = """
import os, sys, time
held = bytearray(80_000_000)
while time.process_time() < 0.5: pass
while not os.path.exists(sys.argv[1]) and time.process_time() < 4: time.sleep(0.01)
"""
subprocess.run([sys.executable, "-c", work, sys.argv[1]], check=True)
'''


def test_what_a_program_took_holds_the_memory_and_the_work_of_its_children(tmp_path, monkeypatch):
    look, seen = footprint._Seen.look, tmp_path / "seen"

    def looked(self, pid):
        look(self, pid)
        if sum(self.core_seconds.values()) > 0.45 and self.peak > 80_000_000:
            seen.touch()

    monkeypatch.setattr(footprint._Seen, "look", looked)
    took = run_watched([sys.executable, "-c", CHILDREN, str(seen)], {}, tmp_path / "log")
    assert took.peak_bytes > 80_000_000
    assert took.seconds > 0.5
    assert 0.4 < took.core_seconds < 5
    assert took.worker_bytes == 0


def test_a_program_ends_with_who_runs_it_even_by_a_kill(tmp_path):
    source = "from pathlib import Path; from sentiment_benchmarks.footprint import run_watched\n"
    source += f"run_watched(['sh', '-c', 'sleep 600 & echo; sleep 600'], {{}}, Path({str(tmp_path / 'log')!r}))"
    caller = psutil.Popen([sys.executable, "-c", source])
    deadline = time.monotonic() + 120
    # The shell, its two, and what looks after them.
    while len(started := caller.children(recursive=True)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    assert len(started) == 4
    assert psutil.wait_procs(started, timeout=60)[1] == []


def test_a_program_that_fails_is_told_by_its_last_words(tmp_path):
    with pytest.raises(ContractError, match="ended with 3:\nout of paper"):
        run_watched([sys.executable, "-c", "print('out of paper'); raise SystemExit(3)"], {}, tmp_path / "log")
