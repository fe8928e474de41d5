"""What a version makes of texts unlike those that it learnt from, as a table."""

import csv
import json
import shutil

import pytest

import tiny
from scoring_days import ONE
from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.engine.bundle import read_bundle, seal
from sentiment.export.stress import FITTED_ON, JUDGED_ON, stress_texts
from sentiment_benchmarks.config import BenchmarkStressConfig
from sentiment_benchmarks.verbs import BENCHMARK_STRESS
from verbs_here import done


def pinned(home, seed, titled=True):
    """Pin generated reviews as a data set of their own, with titles or without."""
    reviews, folder = tiny.reviews(300, seed), home / str(seed)
    folder.mkdir()
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        rows = zip(reviews.labels.tolist(), reviews.titles, reviews.texts, strict=True)
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
            [label + 1, title * titled, text] for label, title, text in rows
        )
    config = SnapshotConfig(dataset="amazon_polarity", source=str(folder / "train.csv"), min_words=1)
    return done(SNAPSHOT, config)["snapshot"]


@pytest.fixture
def version(home, tmp_path_factory):
    """A version whose bundle says which snapshot it comes from."""
    folder = home / "bundles" / ONE[2:]
    shutil.copytree(tiny.write_bundle(tmp_path_factory.mktemp("stressed"), "encoder"), folder)

    def of(snapshot):
        seal(folder, read_bundle(folder).model_copy(update={"provenance": {"run_id": "r", "snapshot": snapshot}}))
        return ONE

    return of


@pytest.mark.slow
def test_gate_and_network_are_judged_beside_the_network_on_every_kind_of_text_and_data_set(home, version):
    own, other, mine = pinned(home, 5), pinned(home, 6, titled=False), home / "mine.csv"
    mine.write_text("sentence,label,rating\nGreat sound.,positive,85\nIt broke at once.,negative,0\n")
    config = BenchmarkStressConfig(
        model=version(own),
        snapshots=(own, other),
        files=(mine,),
        columns=("text=sentence",),
        reviews=50,
        output=home / "out",
    )
    result = done(BENCHMARK_STRESS, config)
    rows = {(row["data"], row["kind"]): row for row in result["stress"]}
    kinds = ("reviews", "titles", "sentences")
    assert list(rows) == [
        *((own, kind) for kind in kinds),
        ("templates", "templates"),
        *((other, kind) for kind in kinds if kind != "titles"),
        (str(mine), "texts"),
        ("templates", "without opinion"),
    ]
    for (_, kind), row in rows.items():
        if kind != "without opinion":
            assert row["difference"] == pytest.approx(row["accuracy"] - row["accuracy_alone"])
    assert rows[own, "reviews"]["gate_share"] > 0
    assert rows["templates", "without opinion"]["gate_share"] == 0
    fitted_on = stress_texts(tiny.reviews(9))["templates"]
    judged_on = stress_texts(tiny.reviews(9), JUDGED_ON, without=FITTED_ON)["templates"]
    seen, judged = ({*zip(one.titles, one.texts, strict=True)} for one in (fitted_on, judged_on))
    assert not seen & judged
    assert rows["templates", "templates"]["texts"] == len(judged_on)
    assert rows[str(mine), "texts"]["texts"] == 2
    assert json.loads((home / "out" / "tables" / "stress.json").read_text()) == result["stress"]


def test_a_snapshot_that_is_nowhere_is_refused(home):
    with pytest.raises(ContractError, match="there is no snapshot nowhere; make it"):
        done(BENCHMARK_STRESS, BenchmarkStressConfig(model=ONE, snapshots=("nowhere",)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mine.csv", 'text,label\n"fine\n!",1\nbad,maybe\n', r"mine\.csv, line 4: the label is 'maybe'"),
        ("mine.csv", "text,label\n,1\n", r"mine\.csv, line 2: the text is empty; mend or remove"),
        ("mine.csv", "text,stars\nfine,1\n", r"mine\.csv: no column is the label among text, stars; call it label"),
        (
            "mine.csv",
            "text,Sentiment,label\nfine,0,1\n",
            r"mine\.csv: Sentiment and label may each be the label; leave one",
        ),
        ("mine.jsonl", "", r"mine\.jsonl: no column is the label among none"),
        ("mine.csv", "text,label\n", r"mine\.csv holds no row"),
        ("mine.txt", "fine", r"mine\.txt"),
        (None, "", "there is no file .*"),
    ],
)
def test_a_file_of_ones_own_that_is_not_labelled_is_refused_before_a_model_is_looked_for(home, name, content, said):
    if name:
        (home / name).write_text(content)
    with pytest.raises(ContractError, match=said):
        done(BENCHMARK_STRESS, BenchmarkStressConfig(model=ONE, files=(home / (name or "nowhere.csv"),)))


@pytest.mark.parametrize(("name", "place"), [("b.jsonl", "line 3"), ("b.json", "row 2")])
def test_a_row_of_a_folder_is_named_by_its_file_and_where_it_stands_in_there(home, name, place):
    bad = '[{"text": "fine", "label": 1}, {"text": "fine", "label": 9}]'
    (home / "mine").mkdir()
    (home / "mine" / "a.csv").write_text("text,label\nfine,1\ngood,1\n")
    (home / "mine" / name).write_text(bad if name == "b.json" else bad[1:-1].replace("}, ", "}\n\n"))
    with pytest.raises(ContractError, match=rf"mine/{name}, {place}: the label is '9', not 0 or 1"):
        done(BENCHMARK_STRESS, BenchmarkStressConfig(model=ONE, files=(home / "mine",)))


def test_a_bundle_that_does_not_say_where_it_comes_from_cannot_be_judged(home, tmp_path_factory):
    shutil.copytree(tiny.write_bundle(tmp_path_factory.mktemp("of-nobody")), home / "bundles" / ONE[2:])
    with pytest.raises(ContractError, match="does not say which run and snapshot"):
        done(BENCHMARK_STRESS, BenchmarkStressConfig(model=ONE))
