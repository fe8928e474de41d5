"""The benchmarks of models and of remedies: measured once, resumed for nothing, told in tables."""

import csv
import json
import re
from threading import Event
from threading import enumerate as enumerate_threads
from types import SimpleNamespace

import numpy as np
import pytest

import tiny
from contexts import a_context
from sentiment import cli
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.evaluation.intervals import intervals
from sentiment.evaluation.predictions import OF_BUNDLE, read_predictions, write_predictions
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig
from sentiment_benchmarks import imbalance, tables
from sentiment_benchmarks import models as benchmark
from sentiment_benchmarks.config import BenchmarkImbalanceConfig, BenchmarkModelsConfig
from sentiment_benchmarks.tables import markdown, output_folder
from sentiment_benchmarks.verbs import BENCHMARK_IMBALANCE, BENCHMARK_MODELS
from verbs_here import done

SMALL = {"evaluation_reviews": 60, "test_reviews": 100}


def pinned(home, seed):
    reviews = tiny.reviews(700, seed=seed)
    with (home / "train.csv").open("w", encoding="utf-8", newline="") as file:
        rows = zip(reviews.labels.tolist(), reviews.titles, reviews.texts, strict=True)
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([label + 1, title, text] for label, title, text in rows)
    config = SnapshotConfig(dataset="amazon_polarity", source=str(home / "train.csv"), min_words=1)
    return done(SNAPSHOT, config)["snapshot"]


@pytest.fixture
def snapshot(home):
    return pinned(home, 5)


@pytest.mark.slow
def test_every_candidate_is_measured_once_and_told_beside_the_others(home, snapshot, monkeypatch):
    config = BenchmarkModelsConfig(
        snapshots=(snapshot,), models=("linear", "gru"), train_reviews=400, output=home / "benchmark", **SMALL
    )
    result = done(BENCHMARK_MODELS, config)
    rows = {row["model"]: row for row in result["models"]}
    assert rows["linear"]["training_seconds"] > 0
    assert list(rows) == ["linear", "gru"]
    for row in rows.values():
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
        assert row["intervals_over"] == "reviews"
        assert row["trained_on"] == 400
        assert row["reviews_per_second"] > 0
        assert row["bundle_megabytes"] > 0
    (pair,) = result["comparisons"]
    assert {pair["a"], pair["b"]} == {"linear", "gru"}
    written = home / "benchmark" / "tables"
    assert json.loads((written / "models.json").read_text()) == result["models"]
    table, _, below = (written / "models.md").read_text().partition("\n\n")
    assert table.count("\n") == 3
    assert re.fullmatch(r"\d+ cores of .*; other programs took \d+% of the cores' time meanwhile\.\n", below)
    assert json.loads((written / "machine.json").read_text())["busy_elsewhere"] == result["machine"]["busy_elsewhere"]
    assert (written / "amazon_polarity.png").read_bytes().startswith(b"\x89PNG")

    def trained_again(*_):
        raise AssertionError("a finished candidate was trained again")

    with monkeypatch.context() as patch:
        patch.setattr(benchmark, "fit", trained_again)
        assert done(BENCHMARK_MODELS, config)["models"] == result["models"]
    other = config.model_copy(update={"models": ("linear",), "train_reviews": 200, "seed": 3})
    assert [row["trained_on"] for row in done(BENCHMARK_MODELS, other)["models"]] == [200]
    assert len(list((home / "benchmark" / snapshot).glob("linear-*/settings.json"))) == 2


@pytest.mark.slow
def test_every_remedy_that_a_family_knows_is_measured_at_both_thresholds(home, snapshot):
    config = BenchmarkImbalanceConfig(
        snapshot=snapshot, families=("linear",), train_reviews=300, output=home / "benchmark", **SMALL
    )
    rows = done(BENCHMARK_IMBALANCE, config)["imbalance"]
    assert [row["technique"] for row in rows[::2]] == ["none", "class_weights", "oversampling", "smote"]
    assert {row["threshold"] for row in rows[::2]} == {0.5}
    assert all(0 <= row["recall_negative"] <= 1 for row in rows)


@pytest.mark.slow
def test_a_run_of_any_family_is_measured_beside_the_candidates(home, snapshot):
    small = {"train_reviews": 300, "evaluation_reviews": 60, "test_reviews": 100, "epochs": 1.0, "evaluations": 1}
    trained = [
        train_candidate(TrainConfig(family=family, snapshot=snapshot, **small), Context.of_process())
        for family in ("gru", "linear")
    ]
    config = BenchmarkModelsConfig(
        snapshots=(snapshot,),
        models=("linear",),
        runs=tuple(one.run_id for one in trained),
        train_reviews=200,
        output=home / "benchmark",
        **SMALL,
    )
    rows = {row["model"]: row["trained_on"] for row in done(BENCHMARK_MODELS, config)["models"]}
    assert rows == {"linear": 200} | {f"{one.family}-{one.run_id[:6]}": 300 for one in trained}


def test_two_snapshots_of_one_data_set_are_told_apart_and_one_given_twice_is_measured_once(home, snapshot, monkeypatch):
    def kept(config, earlier, snapshot, data, output, context):
        for folder in (output / "a", output / "b"):
            write_predictions(folder / OF_BUNDLE, data.test.keys, data.test.labels, np.ones(len(data.test)))
            row = {
                name: 0.9 for figure in ("accuracy", "macro_f1") for name in (figure, f"{figure}_low", f"{figure}_high")
            }
            (folder / benchmark.RESULT).write_text(json.dumps(row))
        return {"a": output / "a", "b": output / "b"}

    monkeypatch.setattr(benchmark, "_all_candidates", kept)
    other = pinned(home, 6)
    config = BenchmarkModelsConfig(snapshots=(snapshot, other, snapshot), output=home / "out", **SMALL)
    result = done(BENCHMARK_MODELS, config)
    names = [f"amazon_polarity-{one}" for one in (snapshot, other)]
    assert [row["data"] for row in result["models"]] == [name for name in names for _ in range(2)]
    assert [row["data"] for row in result["comparisons"]] == names
    assert {file.stem for file in (home / "out" / "tables").glob("*.png")} == set(names)


def test_a_run_is_judged_as_it_decides(home, snapshot, tmp_path):
    context = Context.of_process()
    registry, small = Registry(context.settings), BenchmarkModelsConfig(snapshots=(snapshot,), **SMALL)
    tiny.fitted(tmp_path, "linear").save(tmp_path / "model")
    with registry.run("earlier", {"family": "linear", "snapshot": snapshot}, {}, context) as run:
        run.log_folder(tmp_path / "model", "model")
        run.log_metrics(TRAINED | {"threshold": 0.9})
    data = benchmark.BenchmarkData.read(context.settings, snapshot, small)
    (folder,) = benchmark._taken_in(registry, registry.trained(run.run_id), data, home / "out").values()
    row, said = benchmark._result(folder), read_predictions(folder / OF_BUNDLE)
    assert row["threshold"] == 0.9
    assert row["accuracy"] == pytest.approx(((said.positive_probability >= 0.9) == said.labels).mean())


class NothingTrainsError(Exception):
    """In the place of a training; has the reviews that it was to learn from."""


TRAINED = {"train_reviews_used": 9, "training_seconds": 1, "temperature": 1.0}


def no_training(config, train, *_):
    raise NothingTrainsError(train.keys)


@pytest.mark.parametrize(
    ("params", "metrics", "said"),
    [
        (None, {}, "MLflow has no run"),
        (
            {"family": "gru", "snapshot": "another"},
            TRAINED,
            "snapshot another",
        ),
        ({"family": "gru", "snapshot": "SNAPSHOT"}, TRAINED, "keeps no model"),
        ({"family": "gru", "snapshot": "SNAPSHOT"}, {}, "has no train_reviews_used, no training_seconds"),
    ],
)
def test_a_run_that_cannot_be_measured_is_refused_before_anything_is_trained(
    params, metrics, said, home, snapshot, monkeypatch
):
    monkeypatch.setattr(benchmark, "fit", no_training)
    run_id = "0" * 32
    if params is not None:
        named = {name: snapshot if value == "SNAPSHOT" else value for name, value in params.items()}
        context = Context.of_process()
        with Registry(context.settings).run("earlier", named, {}, context) as run:
            run.log_metrics(metrics)
        run_id = run.run_id
    config = BenchmarkModelsConfig(snapshots=(snapshot,), models=("linear",), runs=(run_id,), output=home, **SMALL)
    with pytest.raises(ContractError, match=said):
        done(BENCHMARK_MODELS, config)


@pytest.mark.parametrize("seed", [17, 18])
def test_a_seed_draws_the_sample_of_its_training(seed, home, snapshot, monkeypatch):
    folder = snapshot_folder(Lake(Context.of_process().settings.lake_root), snapshot)
    few = {"train_reviews": 100, "seed": seed, "output": home, **SMALL}
    asked = {
        benchmark: (BENCHMARK_MODELS, BenchmarkModelsConfig(snapshots=(snapshot,), models=("linear",), **few)),
        imbalance: (BENCHMARK_IMBALANCE, BenchmarkImbalanceConfig(snapshot=snapshot, families=("linear",), **few)),
    }
    for module, (verb, config) in asked.items():
        monkeypatch.setattr(module, "fit", no_training)
        with pytest.raises(NothingTrainsError) as stopped:
            done(verb, config)
        assert stopped.value.args == (read_split(folder, "train", 100, seed).keys,)


@pytest.mark.parametrize(("different", "over"), [(40, "products"), (200, "reviews")])
def test_intervals_of_candidates_are_over_what_those_of_a_training_are(different, over):
    test, probability = tiny.reviews(200, seed=3), np.random.default_rng(4).random(200)
    products = [f"B{row % different}" for row in range(200)]
    row = benchmark._quality(benchmark.BenchmarkData("data", "folder", test, test, products), probability)
    ends = intervals(test.labels, probability, products=products)
    assert row["intervals_over"] == over
    for name in ("accuracy", "macro_f1"):
        assert (row[f"{name}_low"], row[f"{name}_high"]) == ends[name]
    assert (ends == intervals(test.labels, probability)) is (over == "reviews")


@pytest.mark.parametrize(
    ("module", "verb", "config"),
    [
        (
            benchmark,
            BENCHMARK_MODELS,
            lambda snapshot: BenchmarkModelsConfig(snapshots=(snapshot,)),
        ),
        (imbalance, BENCHMARK_IMBALANCE, lambda snapshot: BenchmarkImbalanceConfig(snapshot=snapshot)),
    ],
)
def test_a_folder_that_is_a_file_is_refused_before_anything_is_trained(
    module, verb, config, home, snapshot, monkeypatch
):
    monkeypatch.setattr(module, "fit", no_training)
    (home / "out").touch()
    with pytest.raises(ContractError, match="give another folder with --output"):
        done(verb, config(snapshot).model_copy(update={"output": home / "out"}))


class Trainings:
    """In the place of `fit`: leaves a checkpoint where it is told to work; `stopped`, it gets no further than that."""

    def __init__(self, stopped=False):
        self.stopped, self.at = stopped, []

    def __call__(self, config, train, validation, workdir, settings):
        self.at.append(workdir)
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / "checkpoint").touch()
        if self.stopped:
            raise NothingTrainsError


@pytest.fixture
def remedies(home, snapshot, monkeypatch):
    """`benchmark imbalance` with a `fit` and a number of reviews to train on."""

    def run(fit, train_reviews):
        monkeypatch.setattr(imbalance, "fit", fit)
        monkeypatch.setattr(imbalance, "predict_logits", lambda fitted, reviews, precision: np.ones((len(reviews), 2)))
        asked = {"snapshot": snapshot, "families": ("linear",), "train_reviews": train_reviews, "output": home / "out"}
        done(BENCHMARK_IMBALANCE, BenchmarkImbalanceConfig(**asked, **SMALL))

    return run


def test_a_stopped_benchmark_of_remedies_goes_on_under_its_own_settings_and_under_no_others(remedies):
    stopped, others, on = Trainings(stopped=True), Trainings(), Trainings()
    with pytest.raises(NothingTrainsError):
        remedies(stopped, 100)
    remedies(others, 200)
    assert stopped.at[0].is_dir()
    remedies(on, 100)
    assert len(set(others.at)) == len(others.at) == 4
    assert not {one.parent for one in others.at} & {one.parent for one in on.at}
    assert on.at[0] == stopped.at[0]
    assert not [one for one in (*others.at, *on.at) if one.parent.exists()]


def test_checkpoints_of_a_candidate_go_once_its_result_is_there(home, snapshot, monkeypatch):
    def result(fitted, data, folder, known):
        assert (folder / "work" / "checkpoint").is_file()
        (folder / benchmark.RESULT).write_text("{}")

    trainings, context = Trainings(), Context.of_process()
    monkeypatch.setattr(benchmark, "fit", trainings)
    monkeypatch.setattr(benchmark, "_write_result", result)
    config = BenchmarkModelsConfig(snapshots=(snapshot,), models=("linear",), train_reviews=100, **SMALL)
    data = benchmark.BenchmarkData.read(context.settings, snapshot, config)
    assert data.tested == data.test.keys  # nobody knows the products of Amazon Polarity
    kept = benchmark._all_candidates(config, [], snapshot, data, home / "out", context)
    assert [work.parent for work in trainings.at] == [kept["linear"]]
    assert sorted(file.name for file in kept["linear"].iterdir()) == [benchmark.RESULT, "settings.json"]


@pytest.mark.parametrize(
    ("models", "said"), [("nonsense", "Input should be 'linear', 'gru'"), ("base encoder", "give base_reviews")]
)
def test_a_model_that_is_none_of_the_candidates_is_wrong_use(models, said, capsys):
    assert cli.main(["benchmark", "models", "--snapshots", "s", "--models", models]) == cli.WRONG_USE
    assert said in capsys.readouterr().err


def test_benchmarks_write_into_a_folder_of_the_home_unless_they_are_told_where(home, tmp_path):
    for name in ("models", "imbalance", "training", "scoring", "preparation"):
        assert output_folder(None, a_context(), name) == home / "benchmarks" / name
    assert output_folder(tmp_path / "here", a_context(), "models") == tmp_path / "here"


class Process:
    """A process that has used so many core-seconds."""

    def __init__(self, pid, used):
        self.pid, self.used = pid, used

    def create_time(self):
        return 0.0

    def cpu_times(self):
        return SimpleNamespace(user=self.used, system=0.0)


@pytest.mark.parametrize(("waited_for", "elsewhere"), [(1.0, 0.5), (5.0, 0.25)])
def test_the_work_of_what_was_started_is_ones_own_whether_anybody_waits_for_it(waited_for, elsewhere, monkeypatch):
    looks = iter([[Process(1, 10.0)], [Process(1, 10.5), Process(2, 3.0)]])
    seen = Event()

    def family(pid):
        living = next(looks, None)
        if living is None:  # the second process has ended
            seen.set()
        return living or [Process(1, 11.0)]

    monkeypatch.setattr(tables, "family", family)
    monkeypatch.setattr(tables, "_PAUSE", 0.01)
    monkeypatch.setattr(tables, "_core_seconds", iter([(100.0, 10.0), (106.0, 10.0 + waited_for)]).__next__)
    monkeypatch.setattr(tables, "time", SimpleNamespace(monotonic=iter([0.0, 2.0]).__next__))
    monkeypatch.setattr(tables, "this_machine", lambda: tables.Machine("a", 2, (), "2"))
    others = set(enumerate_threads())
    watch = tables.Watch()
    (looking,) = set(enumerate_threads()) - others
    assert seen.wait(60)
    assert watch.machine().busy_elsewhere == elsewhere
    del watch
    looking.join(60)
    assert not looking.is_alive()


def test_a_snapshot_that_is_nowhere_is_refused(home):
    with pytest.raises(ContractError, match="there is no snapshot nowhere; make it"):
        done(BENCHMARK_MODELS, BenchmarkModelsConfig(snapshots=("nowhere",), output=home))


def test_a_table_shows_every_column_that_any_row_has_and_no_stray_bar():
    table = markdown([{"model": "a|b", "accuracy": 0.95}, {"model": "c", "reviews": 12345, "speed": 99.25}])
    assert table.splitlines() == [
        "| model | accuracy | reviews | speed |",
        "| --- | --- | --- | --- |",
        "| a\\|b | 0.9500 |  |  |",
        "| c |  | 12,345 | 99.2 |",
    ]
    assert markdown([]) == ""
