"""The benchmark of scoring: who takes part, that they answer alike, in whose turn, and what is made of the times."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.image import imread
from pydantic import ValidationError

import tiny
from contexts import a_context
from sentiment.core.context import Context
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.progress import logged
from sentiment.core.settings import Settings
from sentiment.engine.engines import runs_here
from sentiment.engine.scorer import Scorer
from sentiment.evaluation.assessment import Decision
from sentiment.export.build import build_bundle
from sentiment.export.config import ExportConfig
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment_benchmarks.config import BenchmarkScoringConfig
from sentiment_benchmarks.footprint import Footprint
from sentiment_benchmarks.publishing import Publication
from sentiment_benchmarks.scoring import end_to_end, latency, lexical, masters, run
from sentiment_benchmarks.scoring import material as materials
from sentiment_benchmarks.scoring import spark_contenders as in_spark
from sentiment_benchmarks.scoring.contenders import Contender, LeftOutError, joined
from sentiment_benchmarks.scoring.engine_use import full_batches, measure_engine_use
from sentiment_benchmarks.scoring.lexical import lexical_contenders
from sentiment_benchmarks.scoring.networks import network_contenders, our_contenders
from sentiment_benchmarks.scoring.peers import all_contenders, peer_rows, prepared, take_turns
from sentiment_benchmarks.scoring.pictures import peers_picture, sizes_picture, workers_picture
from sentiment_benchmarks.scoring.scratch_home import (
    CONTENT,
    FIRST_DAY,
    VERSION,
    environment,
    make_home,
    on_this_machine,
    scratch_folder,
)
from sentiment_benchmarks.scoring.spark_contenders import spark_contenders
from sentiment_benchmarks.verbs import benchmark_scoring

FP32 = "onnxruntime-fp32"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scoring")
    fitted = tiny.fitted(folder, "encoder")
    fitted.save(folder / "model")
    export = ExportConfig(run_id="tiny", parity_reviews=50, max_accuracy_loss=0.05)
    origin = {"run_id": "tiny", "snapshot": "abc"}
    build_bundle(fitted, tiny.export_data(), export, folder / "bundle", origin, Decision(1.5, 0.5))
    return materials.Material(folder / "bundle", folder / "model", "abc", folder, tiny.reviews(70, seed=9), cores=1)


@pytest.fixture(scope="module")
def expected(material):
    """The network's own probabilities, in fp32."""
    return Scorer.load(material.bundle, FP32, cascade=False).probabilities(
        material.reviews.titles, material.reviews.texts
    )


def named(contenders, beginning):
    (found,) = [one for one in contenders if one.name.startswith(beginning)]
    return found


def scored(contender, material):
    with ExitStack() as stack:
        score = contender.prepare(material, stack)
        return score(material.reviews.titles, material.reviews.texts)


def constant(value):
    return lambda material, stack: lambda titles, texts: np.full(len(texts), value)


@pytest.mark.parametrize("name", ["transformers pipeline", "onnxruntime, fp32"])
def test_a_peer_that_runs_the_same_network_gives_the_same_probabilities(material, expected, name):
    contender = named(network_contenders(material.description), name)
    assert contender.slow
    assert scored(contender, material) == pytest.approx(expected, abs=1e-4)


@pytest.mark.spark
def test_in_spark_the_published_recipe_gives_the_networks_probabilities(spark, home, material, expected):
    recipe = named(spark_contenders(Settings()), "published recipe")
    assert recipe.slow
    assert scored(recipe, material) == pytest.approx(expected, abs=1e-4)


@pytest.mark.spark
@pytest.mark.parametrize(
    "name",
    ["ours under Spark, mapInArrow", "ours under Spark, predict_batch_udf", "the bundle by mlflow.pyfunc.spark_udf"],
)
def test_ours_answers_alike_behind_every_door_of_spark(spark, home, material, name):
    answers = scored(named(spark_contenders(Settings()), name), material)
    alone = Scorer.load(material.bundle).probabilities(material.reviews.titles, material.reviews.texts)
    # What a review is batched with moves the probability of an int8 engine.
    assert answers == pytest.approx(alone, abs=0.05)
    assert answers.std() > 0.1


def test_the_served_model_takes_part_without_spark(home, material):
    answers = scored(named(spark_contenders(Settings()), "the bundle by mlflow.pyfunc, as served"), material)
    alone = Scorer.load(material.bundle).probabilities(material.reviews.titles, material.reviews.texts)
    assert answers == pytest.approx(alone, abs=1e-5)


def test_what_mlflow_serves_is_said_to_have_the_threads_that_it_takes(home, material, monkeypatch):
    taken, load = [], Scorer.load
    monkeypatch.setattr(Scorer, "load", lambda *given, **more: taken.append(more["threads"]) or load(*given, **more))
    served = named(spark_contenders(Settings()), "the bundle by mlflow.pyfunc, as served")
    scored(served, material)
    assert (served.note, taken) == ("two threads", [2])


def test_ctranslate2_runs_the_encoder_in_int8_under_our_head(material, expected):
    pytest.importorskip("ctranslate2")
    answers = scored(named(network_contenders(material.description), "CTranslate2"), material)
    assert np.abs(answers - expected).mean() < 0.02
    assert ((answers >= 0.5) == (expected >= 0.5)).mean() > 0.95


def test_ours_takes_part_with_every_engine_that_runs_here_with_the_cascade_and_without(material):
    assert material.description.gate is not None
    contenders = our_contenders(material.description)
    engines = [engine for engine in material.description.engines if runs_here(engine)]
    assert len(engines) >= 2
    expected_names = [f"ours, {engine}, cascade {state}" for engine in engines for state in ("on", "off")]
    assert [one.name for one in contenders] == expected_names
    assert all(one.ours for one in contenders)
    names = (f"ours, {FP32}, cascade {state}" for state in ("on", "off"))
    cascaded, alone = (scored(named(contenders, name), material) for name in names)
    assert ((cascaded >= 0.5) == (alone >= 0.5)).mean() > 0.9
    assert not np.allclose(cascaded, alone)


def test_tf_idf_learns_from_the_snapshots_training_reviews(material, monkeypatch):
    asked = []
    monkeypatch.setattr(lexical, "read_split", lambda *what: asked.append(what) or tiny.reviews(300))
    answers = scored(named(lexical_contenders(), "TF-IDF"), material)
    assert asked == [("abc", "train", 20_000)]
    assert ((answers >= 0.5) == material.reviews.labels).mean() > 0.9


@pytest.mark.parametrize(("name", "package"), [("VADER", "vaderSentiment"), ("TextBlob", "textblob")])
def test_a_word_list_knows_love_from_hate(material, name, package):
    pytest.importorskip(package)
    with ExitStack() as stack:
        contender = named(lexical_contenders(), name)
        score = contender.prepare(material, stack)
    love, hate, nothing = score(["Great", "", ""], ["I love it.", "I hate this awful thing.", "Box."])
    assert 0 <= hate < 0.5 < love <= 1
    assert nothing == 0.5


def test_title_and_text_are_joined_as_the_bundles_tokenizer_joins_them():
    assert joined([" Good ", "", " "], ["text", "alone", "blank"]) == ["Good. text", "alone", "blank"]


def test_who_lacks_a_package_or_cannot_run_the_model_is_told_and_the_others_go_on(material):
    def impossible(material, stack):
        raise LeftOutError("it has three legs")

    contenders = [
        Contender("absent", constant(0.5), package="no_such_package"),
        Contender("impossible", impossible),
        Contender("present", constant(0.9), note="one thread"),
    ]
    with ExitStack() as stack:
        entries = prepared(contenders, material, 50, stack, logged)
    take_turns(entries, 1, logged)
    absent, left_out, present = peer_rows(entries, {"network": 0.5})
    assert absent["note"] == "not installed: pip install -r requirements-bench.txt"
    assert left_out["note"] == "left out: it has three legs"
    assert "seconds" not in absent
    assert "seconds" not in left_out
    assert (present["note"], present["reviews"]) == ("one thread", 70)
    assert present["accuracy"] == pytest.approx(material.reviews.labels.mean())


def test_without_java_those_are_left_out_who_need_it_and_the_others_go_on(material, home, monkeypatch):
    def session(settings, name, shared=None):
        raise UnavailableError(f"Spark could not start the Java that its master {settings.spark_master} needs")

    monkeypatch.setattr(in_spark, "session", session)
    with ExitStack() as stack:
        entries = prepared(spark_contenders(Settings()), material, 50, stack, logged)
    notes = [entry.note for entry in entries if entry.score is None]
    assert notes == 4 * ["left out: needs Java 17 or 21"]
    assert [entry.contender.name for entry in entries if entry.score] == ["the bundle by mlflow.pyfunc, as served"]


def test_everybody_has_a_turn_before_anybody_has_another(material):
    calls = []

    def recorded(name):
        def prepare(material, stack):
            return lambda titles, texts: calls.append((name, len(texts))) or np.full(len(texts), 0.7)

        return prepare

    contenders = [Contender("a", recorded("a")), Contender("b", recorded("b"), slow=True)]
    steps = []
    with ExitStack() as stack:
        entries = prepared(contenders, material, 50, stack, logged)
        take_turns(entries, 2, lambda *step: steps.append(step))
    # Before each timed pass some reviews warm the contender up.
    assert calls == 2 * [("a", 64), ("a", 70), ("b", 50), ("b", 50)]
    assert [step[1:] for step in steps] == [(done, 4) for done in range(4)]


def test_rows_hold_medians_and_how_many_times_faster_the_fastest_of_ours_is(material):
    contenders = [
        Contender("ours, slow engine", constant(0.9), ours=True),
        Contender("ours, fast engine", constant(0.9), ours=True),
        Contender("peer", constant(0.6), slow=True),
        Contender("word list", constant(0.6), decides="itself"),
    ]
    with ExitStack() as stack:
        entries = prepared(contenders, material, 35, stack, logged)
    durations = iter([*(4, 1, 7, 2), *(2, 3, 7, 2), *(3, 2, 100, 2)])
    times = []

    def clock():
        if len(times) % 2 == 0:
            times.append(0)
        else:
            times.append(next(durations))
        return times[-1]

    take_turns(entries, 3, logged, clock)
    rows = peer_rows(entries, {"network": 0.75, "itself": 0.5})
    assert [row["seconds"] for row in rows] == [3, 2, 7, 2]
    assert [(row["fastest"], row["slowest"]) for row in rows] == [(2, 4), (1, 3), (7, 100), (2, 2)]
    assert [row["reviews_per_second"] for row in rows] == [70 / 3, 35, 5, 35]
    assert [row["ours_is_faster"] for row in rows] == [1.5, 1, 7, 1]
    assert [row["reviews"] for row in rows] == [70, 70, 35, 70]
    # 0.6 is negative under the bundle's threshold, and positive to a word list.
    labels = material.reviews.labels
    assert rows[2]["accuracy"] == pytest.approx(1 - labels[:35].mean())
    assert rows[3]["accuracy"] == pytest.approx(labels.mean())


def test_what_runs_under_spark_is_held_against_ours_under_spark(material):
    contenders = [
        Contender("ours", constant(0.9), ours=True),
        Contender("ours in a job", constant(0.9), ours=True, under_spark=True),
        Contender("peer", constant(0.9)),
        Contender("peer in a job", constant(0.9), under_spark=True),
    ]
    with ExitStack() as stack:
        entries = prepared(contenders, material, 35, stack, logged)
    for entry, seconds in zip(entries, (1, 2, 5, 6), strict=True):
        take_turns([entry], 1, logged, iter([0, seconds]).__next__)
    assert [row["ours_is_faster"] for row in peer_rows(entries, {"network": 0.5})] == [1, 1, 5, 3]


def test_a_model_without_an_encoder_leaves_the_encoders_peers_out(material, monkeypatch, home):
    linear = replace(material)
    linear.__dict__["description"] = material.description.model_copy(update={"family": "linear", "gate": None})
    monkeypatch.setattr(lexical, "read_split", lambda *_: tiny.reviews(100))
    contenders = [
        one for one in all_contenders(linear, Settings()) if "Spark" not in one.name and "recipe" not in one.name
    ]
    with ExitStack() as stack:
        entries = prepared(contenders, linear, 50, stack, logged)
    left_out = {entry.contender.name for entry in entries if "no encoder" in entry.note}
    assert left_out - {"CTranslate2 encoder, int8"} == {"transformers pipeline"}
    assert not any("cascade on" in one.name for one in contenders)


def test_full_batches_hold_the_ids_in_their_order_without_padding():
    batches = full_batches(np.arange(1, 150), 2)
    assert batches.shape == (2, 32, 2)
    assert batches.ravel().tolist() == list(range(1, 129))
    assert full_batches(np.arange(5), 2).shape == (1, 32, 2)


def test_an_engines_use_is_its_tokens_a_second_under_reviews_against_those_alone(material):
    rows = measure_engine_use(material, 1, logged)
    assert [row["engine"] for row in rows] == [one for one in material.description.engines if runs_here(one)]
    for row in rows:
        assert row["share_reached"] == pytest.approx(
            row["tokens_per_second_with_reviews"] / row["tokens_per_second_alone"]
        )
        assert row["tokens"] > 70 * 10


def test_percentiles_are_told_in_milliseconds():
    row = latency.latency_row("a call", [number / 1000 for number in range(101)])
    assert (row["what"], row["times"]) == ("a call", 101)
    assert [row[f"p{share}_milliseconds"] for share in (50, 95, 99)] == pytest.approx([50, 95, 99])


def used(*seconds, cpu=1.0):
    return [Footprint(one, cpu, (900 + one) * 10**6, (300 + one) * 10**6) for one in seconds]


def test_workers_are_held_against_the_fewest_of_them():
    rows = end_to_end.worker_rows({1: used(10, 40, 12), 2: used(6), 4: used(4)}, 120)
    assert [row["seconds"] for row in rows] == [12, 6, 4]
    assert [row["speed_up"] for row in rows] == [1, 2, 3]
    assert [row["efficiency"] for row in rows] == [1, 1, 0.75]
    assert (rows[0]["fastest"], rows[0]["slowest"], rows[0]["reviews_per_second"]) == (10, 40, 10)
    assert (rows[0]["peak_megabytes"], rows[0]["worker_megabytes"]) == (940, 340)


def test_the_cost_of_100_000_reviews_counts_every_core_for_as_long_as_it_is_held():
    (row,) = end_to_end.size_rows({50_000: used(20, 30, 25, cpu=40.0)}, cores=2)
    assert row["core_seconds_per_100000"] == 2 * 25 * 2
    assert row["published_costs_times"] == pytest.approx(752 / 100)
    assert row["cpu_use"] == pytest.approx(40 / 25 / 2)
    assert row["reviews_per_second"] == 2_000


def test_a_scratch_lake_holds_as_many_reviews_as_asked_all_of_them_different(tmp_path, material):
    make_home(tmp_path / "home", material, 200)
    lake = Lake(str(tmp_path / "home" / "lake"))
    table = lake.read(REVIEWS)
    assert table.num_rows == 200
    assert len(set(table["review_key"].to_pylist())) == 200
    assert len(set(zip(table["title"].to_pylist(), table["text"].to_pylist(), strict=True))) == 200
    per_day = table.group_by("review_date").aggregate([("review_key", "count")])["review_key_count"].to_pylist()
    assert (len(per_day), min(per_day), max(per_day)) == (28, 7, 8)
    assert FIRST_DAY in lake.written_days(REVIEWS, [FIRST_DAY])
    assert (tmp_path / "home" / "bundles" / CONTENT / "bundle.json").is_file()


def test_a_scratch_homes_process_knows_nothing_of_this_deployment(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", "http://somewhere")
    variables = environment(home / "scratch", Settings(spark_memory="3g"), "local[4]")
    assert variables["SENTIMENT_MLFLOW_URI"] == "http://127.0.0.1:5000"
    assert variables["SENTIMENT_LAKE"] == str(home / "scratch" / "lake")
    assert (variables["SENTIMENT_SPARK_MASTER"], variables["SENTIMENT_SPARK_MEMORY"]) == ("local[4]", "3g")
    assert on_this_machine(Settings(spark_master="sail[2]"), 4) == "sail[4]"
    assert on_this_machine(Settings(spark_master="spark://elsewhere:7077"), 4) == "local[4]"


def test_what_a_killed_benchmark_left_is_removed_and_what_another_works_in_is_not(home):
    source = "from pathlib import Path; from sentiment_benchmarks.scoring.scratch_home import scratch_folder as given\n"
    source += f"with given(Path({str(home)!r})) as folder: (folder / 'lake').touch(); print(flush=True); input()"
    started = [
        subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        assert [one.stdout.readline() for one in started] == [b"\n", b"\n"]
        before = set(home.glob("benchmark-scoring-*/lake"))
        started[0].kill()
        started[0].wait()
        assert len(before) == 2
        with scratch_folder(home) as folder:
            assert folder.is_dir()
            (kept,) = set(home.glob("benchmark-scoring-*/lake"))
            started[1].communicate(b"\n", timeout=60)
        assert kept in before
        assert not list(home.glob("benchmark-*"))
    finally:
        for one in started:
            one.kill()
            one.communicate()


@pytest.fixture
def own(material, tmp_path):
    """The material with a scratch folder of the test's own."""
    (tmp_path / "scratch").mkdir()
    return replace(material, scratch=tmp_path / "scratch")


@pytest.mark.spark
@pytest.mark.slow
def test_the_job_is_measured_from_its_start_to_its_end_in_a_lake_of_its_own(home, own):
    config, said = BenchmarkScoringConfig(repeats=1, sizes=(60,), cores=1), []
    (row,) = end_to_end.measure_sizes(config, own, Context.of_process(lambda *progress: said.append(progress)))
    assert said[-1] == ("60 reviews on local[1]", 60, 60)
    assert row["reviews"] == 60
    assert row["seconds"] > 1
    assert row["peak_megabytes"] > row["worker_megabytes"] > 50
    assert row["cpu_use"] > 0
    assert not list((home / "lake").glob("*"))


def test_numbers_of_workers_take_turns_on_the_same_reviews(home, own, monkeypatch):
    runs = []

    def rescored(folder, master, count, context):
        runs.append((folder.name, master, count))
        return Footprint(8.0 / int(master[-2]), 1.0, 900, 300)

    monkeypatch.setattr(end_to_end, "rescore", rescored)
    config = BenchmarkScoringConfig(repeats=2, workers=(2, 1), worker_reviews=40)
    one, two = end_to_end.measure_workers(config, own, Context.of_process())
    assert runs == 2 * [("workers", "local[1]", 40), ("workers", "local[2]", 40)]
    assert (one["seconds"], two["seconds"], two["efficiency"]) == (8, 4, 1)


def scores(*rows) -> pa.Table:
    """Return a table of scores: key, label, probability, all of one day."""
    keys, labels, probabilities = zip(*rows, strict=True)
    return pa.table(
        {
            "review_key": pa.array(keys),
            "review_date": pa.array([FIRST_DAY] * len(keys)),
            "label": pa.array(labels),
            "positive_probability": pa.array(probabilities, pa.float32()),
        }
    )


def test_masters_take_turns_and_are_held_against_the_first(home, own, monkeypatch):
    runs, said = [], {"sail[2]": 0.75, "local[2]": 0.5}

    def rescored(folder, master, count, context):
        runs.append((folder.name, master, count))
        return Footprint(8.0 if master == "sail[2]" else 16.0, 1.0, 900, 300)

    monkeypatch.setattr(masters, "rescore", rescored)
    monkeypatch.setattr(masters, "_scores", lambda folder: scores(("a", "positive", said[runs[-1][1]])))
    # One that is named twice is measured once.
    config = BenchmarkScoringConfig(repeats=2, sizes=(40,), masters=("sail[2]", "local[2]", "sail[2]"))
    sail, local = masters.measure_masters(config, own, Context.of_process())
    assert runs == 2 * [("size-40", "sail[2]", 40), ("size-40", "local[2]", 40)]
    assert (sail["master"], sail["seconds"], sail["largest_difference"]) == ("sail[2]", 8, 0)
    assert (local["master"], local["seconds"], local["largest_difference"]) == ("local[2]", 16, 0.25)


@pytest.mark.parametrize("master", ["local[0]", "nonsense", ""])
def test_what_is_no_master_is_refused_before_anything_is_measured(master):
    with pytest.raises(ValidationError, match="is no master of Spark; take sail"):
        BenchmarkScoringConfig(masters=("sail[2]", master))


@pytest.mark.parametrize("master", ["spark://127.0.0.1:1", "sc://127.0.0.1:1"])
def test_a_master_that_does_not_answer_is_said_before_anything_is_measured(home, master):
    config = BenchmarkScoringConfig(parts=("peers", "masters"), masters=("sail[2]", master))
    with pytest.raises(UnavailableError, match=f"nothing answers at .*{master}"):
        benchmark_scoring(config, Context.of_process())


@pytest.mark.parametrize("java_home", ["", "nowhere"])
def test_a_master_whose_java_is_not_there_is_said_before_anything_is_measured(home, monkeypatch, java_home):
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.setenv("JAVA_HOME", java_home)
    config = BenchmarkScoringConfig(parts=("peers", "masters"), masters=("sail[2]", "local[2]"))
    with pytest.raises(UnavailableError, match=r"the Java that its master local\[2\] needs: install"):
        benchmark_scoring(config, Context.of_process())


def test_each_master_has_a_metric_that_mlflow_takes(measured, home, monkeypatch):
    asked = [{"reviews": 100, "master": name, "seconds": 2.0} for name in ("sail[2]", "spark://127.0.0.1:7077")]
    monkeypatch.setattr(run, "measure_masters", lambda *_: asked)
    result = run.run_scoring_benchmark(BenchmarkScoringConfig(parts=("masters",)), Context.of_process())
    metrics = Registry(Settings()).trained(result.run_id).metrics
    assert metrics == {"masters 100 sail2 seconds": 2.0, "masters 100 spark:/127.0.0.1:7077 seconds": 2.0}


def test_the_token_of_a_master_is_told_to_the_job_alone(measured, home, monkeypatch):
    master, there, steps = "sc://127.0.0.1:15002/;token=secret", [], []

    def watched(command, environment, log):
        there.append(environment["SENTIMENT_SPARK_MASTER"])
        assert "secret" not in str(command)
        (log.parent / "result.json").write_text(json.dumps({"reviews": 40}))
        return Footprint(2.0, 1.0, 900, 300)

    monkeypatch.setattr(end_to_end, "run_watched", watched)
    monkeypatch.setattr(masters, "_scores", lambda folder: scores(("a", "positive", 0.5)))
    monkeypatch.setattr(run, "measure_masters", masters.measure_masters)
    config = BenchmarkScoringConfig(parts=("masters",), masters=(master,), sizes=(40,), repeats=1, output=home / "out")
    result = run.run_scoring_benchmark(config, Context.of_process(lambda *step: steps.append(step)))
    assert there == [master]
    assert result.masters[0]["master"] == "sc://127.0.0.1:15002/"
    registry = Registry(Settings())
    kept = registry.trained(result.run_id)
    registry.download(result.run_id, "", home / "down")
    files = [file.read_text() for folder in ("out", "down") for file in (home / folder).rglob("*.*") if file.is_file()]
    assert "masters 40 sc:/127.0.0.1:15002/ seconds" in kept.metrics
    assert "secret" not in str([kept, result, steps, files])


def test_what_differs_between_masters_is_counted():
    turn = [Footprint(2.0, 1.0, 900, 300)]
    first = scores(("a", "positive", 0.9), ("b", "negative", 0.1), ("c", "positive", 0.6), ("e", None, None))
    row = masters.master_row(
        turn, scores(("b", "positive", 0.6), ("a", "positive", 0.9), ("d", None, 0.5), ("e", None, None)), first
    )
    assert (row["other_rows"], row["other_labels"]) == (2, 1)
    assert row["largest_difference"] == pytest.approx(0.5)
    assert row["reviews_per_second"] == 2


def test_a_job_that_scored_another_number_of_reviews_is_no_measurement(home, own, monkeypatch):
    make_home(own.scratch / "home", own, 40)

    def watched(command, environment, log):
        asked = json.loads(command[-2])
        assert (command[-3], asked["reuse"], asked["model"]) == ("rescore", False, VERSION)
        (log.parent / "result.json").write_text(json.dumps({"reviews": 39}))

    monkeypatch.setattr(end_to_end, "run_watched", watched)
    with pytest.raises(ContractError, match="scored 39 of 40 reviews"):
        end_to_end.rescore(own.scratch / "home", "local[1]", 40, Context.of_process())


@pytest.mark.spark
@pytest.mark.slow
def test_answers_are_timed_cold_warm_and_by_the_day(home, own, monkeypatch):
    for name, few in {"_COLD_STARTS": 1, "_DAY_REVIEWS": 30, "_DAY_TIMES": 2}.items():
        monkeypatch.setattr(latency, name, few)
    rows = latency.measure_latency(BenchmarkScoringConfig(calls=80), own, Context.of_process())
    assert [row["times"] for row in rows] == [1, 80, 1, 80, 2]
    cold, warm, *_ = (row["p50_milliseconds"] for row in rows)
    assert cold > 10 * warm > 0
    assert rows[-1]["what"] == "a day of 30 reviews, running session"


PEER = {"contender": "ours, auto", "ours": True, "reviews": 70, "seconds": 2.0, "reviews_per_second": 35.0}
TABLES = {
    "peers": [
        {**PEER, "accuracy": 0.97, "macro_f1": 0.95},
        {**PEER, "contender": "peer", "ours": False, "reviews_per_second": 3.5, "accuracy": 0.9, "macro_f1": 0.9},
        {"contender": "absent", "ours": False, "note": "not installed"},
    ],
    "workers": end_to_end.worker_rows({1: used(10), 2: used(6)}, 120),
    "sizes": end_to_end.size_rows({100: used(20), 500: used(30)}, cores=2),
    "latency": [latency.latency_row("one review, cascade on, warm", [0.004])],
}


@pytest.mark.parametrize(
    ("name", "picture"), [("peers", peers_picture), ("workers", workers_picture), ("sizes", sizes_picture)]
)
def test_a_picture_is_drawn_of_each_table(name, picture, tmp_path):
    drawn = imread(picture(TABLES[name], tmp_path / "pictures" / f"{name}.png"))
    assert drawn.shape[1] > 1_000
    assert len({tuple(colour) for colour in drawn.reshape(-1, 4)[:, :3].round(1).tolist()}) > 3


@pytest.fixture
def measured(monkeypatch, material):
    """Every part returns its made-up table; the names of those that were asked for are collected."""
    asked = []

    def part(name):
        return lambda *_: asked.append(name) or TABLES[name]

    for name in TABLES:
        monkeypatch.setattr(run, f"measure_{name}", part(name))
    monkeypatch.setattr(run, "measure_engine_use", lambda *_: [{"engine": FP32, "share_reached": 0.97}])
    monkeypatch.setattr(run, "gather", lambda config, settings, scratch: replace(material, scratch=scratch))
    return asked


def test_tables_pictures_and_the_machine_go_to_mlflow_and_the_folder(measured, home):
    result = run.run_scoring_benchmark(BenchmarkScoringConfig(output=home / "out"), Context.of_process())
    assert measured == ["peers", "workers", "sizes", "latency"]
    result.model_dump_json()
    assert result.machine.cores >= 1
    tables = home / "out" / "tables"
    assert json.loads((tables / "sizes.json").read_text()) == result.sizes == TABLES["sizes"]
    assert "| ours, auto | yes | 70 | 2.0000 | 35.0 |" in (tables / "peers.md").read_text()
    assert {file.name for file in tables.glob("*.md")} == {f"{name}.md" for name in [*TABLES, "engines"]}
    artifacts = Registry(Settings()).download(result.run_id, "", home / "down")
    assert {file.name for file in (artifacts / "pictures").iterdir()} == {"peers.png", "workers.png", "sizes.png"}
    assert (artifacts / "tables" / "latency.json").is_file()
    assert json.loads((artifacts / "machine.json").read_text())["cores"] == result.machine.cores
    metrics = Registry(Settings()).trained(result.run_id).metrics
    assert metrics["peers ours auto reviews_per_second"] == 35.0
    assert metrics["workers 2 seconds"] == 6.0
    assert not list(home.glob("benchmark-*"))


def test_a_folder_that_is_a_file_is_refused_before_anything_is_measured(measured, home):
    (home / "out").touch()
    with pytest.raises(ContractError, match="give another folder with --output"):
        run.run_scoring_benchmark(BenchmarkScoringConfig(output=home / "out"), Context.of_process())
    assert measured == []


def test_a_part_that_fails_leaves_those_before_it_in_mlflow(measured, home, monkeypatch):
    def failed(*_: object) -> None:
        raise ContractError("no Java")

    begun, publish = [], Publication.publish
    monkeypatch.setattr(run, "measure_latency", failed)
    monkeypatch.setattr(Publication, "publish", lambda self: begun.append(self.run_id) or publish(self))
    config = BenchmarkScoringConfig(parts=("sizes", "latency"), output=home / "out")
    with pytest.raises(ContractError, match="no Java"):
        run.run_scoring_benchmark(config, Context.of_process())
    registry = Registry(Settings())
    artifacts = registry.download(begun[0], "", home / "down")
    assert (artifacts / "tables" / "sizes.json").is_file()
    assert (artifacts / "pictures" / "sizes.png").is_file()
    assert registry.trained(begun[0]).metrics["sizes 100 seconds"] == 20.0


def test_a_part_alone_is_measured_alone(measured, home):
    result = run.run_scoring_benchmark(BenchmarkScoringConfig(parts=("latency",)), Context.of_process())
    assert measured == ["latency"]
    assert result.model_fields_set & {*TABLES, "engines"} == {"latency"}
    artifacts = Registry(Settings()).download(result.run_id, "", home / "down")
    assert not (artifacts / "pictures").exists()


def test_the_material_is_what_the_bundle_says_it_comes_from(home, material, monkeypatch):
    registry = Registry(Settings())
    with registry.run("train", {"n": 1}, {}, a_context()) as run:
        run.log_folder(material.model, "model")
    origin = material.description.provenance | {"run_id": run.run_id}
    cached = home / "bundles" / CONTENT
    cached.parent.mkdir()
    cached.symlink_to(material.bundle, target_is_directory=True)
    known = {"provenance": origin}
    monkeypatch.setattr(materials, "read_bundle", lambda folder: material.description.model_copy(update=known))
    asked = []
    monkeypatch.setattr(materials, "read_split", lambda *what: asked.append(what) or tiny.reviews(60))
    gathered = materials.gather(
        BenchmarkScoringConfig(model=VERSION, reviews=60), Context.of_process(), home / "scratch"
    )
    assert asked == [(f"{Settings().lake_root}/snapshots/abc", "test", 60)]
    assert gathered.fitted.family == "encoder"
    known["provenance"] = {}
    with pytest.raises(ContractError, match="does not say which run and snapshot"):
        materials.gather(BenchmarkScoringConfig(model=VERSION), Context.of_process(), home / "scratch")
