"""Runs, versions and aliases in a real MLflow database, which all of these tests share because creating it is slow."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import tiny
from conftest import without_server
from sentiment.config import PREVIOUS_CHAMPION, REGISTERED_MODEL, Settings
from sentiment.errors import ContractError
from sentiment.export.bundle import INT8_MODEL, read_bundle
from sentiment.registry import Registry, bundle_cache
from sentiment.scoring.scorer import Scorer

TAGS = {"family": "linear", "snapshot": "s1", "test_reviews": "100", "macro_f1": "0.910000"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return Settings(home=home, mlflow_uri=without_server(home), artifacts="", experiment="tests")


@pytest.fixture(scope="module")
def registry(deployment) -> Registry:
    return Registry(deployment)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return tiny.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def registered(registry, bundle) -> tuple[int, int]:
    """Register the bundle twice; returns both versions."""
    with registry.run("linear", {"seed": 0}, {}) as run_id:
        pass
    return tuple(registry.register(bundle, run_id, TAGS, {"bundle_macro_f1": 0.91}) for _ in range(2))


@pytest.fixture
def task(monkeypatch):
    """Return a function that makes this process a try of an Airflow task."""

    def become(number: int, task_id: str = "train") -> None:
        given = {"DAG_ID": "train_models", "DAG_RUN_ID": "manual__1", "TASK_ID": task_id, "TRY_NUMBER": str(number)}
        for name, value in given.items():
            monkeypatch.setenv(f"AIRFLOW_CTX_{name}", value)

    return become


def train(registry: Registry, seed: int, crash: bool = False) -> str:
    with registry.run("linear-100", {"seed": seed, "encoder": "tiny"}, {"family": "linear"}) as run_id:
        registry.log_metrics({"macro_f1": 0.9, "undefined": float("nan")})
        if crash:
            raise MemoryError("killed")
    return run_id


def test_a_retry_of_the_same_task_goes_on_with_the_unfinished_run(registry, task):
    task(1)
    with pytest.raises(MemoryError):
        train(registry, seed=1, crash=True)
    task(2)
    run_id = train(registry, seed=1)
    runs = mlflow.search_runs(experiment_names=["tests"], filter_string="params.seed = '1'", output_format="list")
    assert [(run.info.run_id, run.info.status) for run in runs] == [(run_id, "FINISHED")]
    assert runs[0].data.tags["sentiment.try"] == "2"


def test_a_finished_run_other_parameters_and_another_task_each_begin_a_run_of_their_own(registry, task):
    task(1)
    finished, other_seed = train(registry, seed=2), train(registry, seed=3)
    again = train(registry, seed=2)
    task(1, "tune")
    other_task = train(registry, seed=2)
    assert len({finished, other_seed, again, other_task}) == 4


def test_a_run_keeps_parameters_finite_figures_and_where_it_came_from(registry, task):
    task(1)
    run = registry.trained(train(registry, seed=4))
    assert run.params == {"seed": "4", "encoder": "tiny"}
    assert run.metrics == {"macro_f1": 0.9}
    expected = {"dag": "train_models", "run": "manual__1", "task": "train", "try": "1", "family": "linear"}
    assert expected.items() <= {name.removeprefix("sentiment."): value for name, value in run.tags.items()}.items()


def test_versions_count_up_and_carry_their_tags_and_figures(registry, registered):
    assert registered == (1, 2)
    assert [one.version for one in registry.versions()] == [2, 1]
    version = registry.version(1)
    assert version.tags == TAGS
    assert registry.trained(version.run_id).metrics["bundle_macro_f1"] == 0.91


def test_a_version_asks_for_text_and_takes_a_title(registry, registered):
    signature = mlflow.models.get_model_info(f"models:/{REGISTERED_MODEL}/1").signature
    assert [(one.name, one.required) for one in signature.inputs] == [("text", True), ("title", False)]
    assert signature.outputs.input_names() == ["label", "positive_probability", "confidence", "needs_review"]


def test_anyone_can_load_a_version_from_mlflow_and_predict(registry, registered, bundle):
    model = mlflow.pyfunc.load_model(f"models:/{REGISTERED_MODEL}/1")
    texts = ["great excellent love perfect amazing", "broken awful refund terrible useless"]
    predicted = model.predict(pd.DataFrame({"text": texts}))
    assert predicted["label"].tolist() == ["positive", "negative"]
    titled = model.predict(pd.DataFrame({"text": texts, "title": ["", "great"]}))["positive_probability"]
    scorer = Scorer.load(bundle)
    assert titled.tolist() == pytest.approx(scorer.probabilities(["", "great"], texts).tolist())


def test_a_version_cleans_the_texts_that_it_is_given(registry, registered):
    model = mlflow.pyfunc.load_model(f"models:/{REGISTERED_MODEL}/1")
    plain, raw = ("great love", "awful"), ("gre\u00adat &lt;br&gt;love", "<b>aw\u200bful</b>")
    first, second = model.predict(pd.DataFrame([plain, raw], columns=["text", "title"]))["positive_probability"]
    assert first == second


def test_nothing_in_a_registered_model_is_a_pickle(registry, registered, tmp_path):
    uri = f"models:/{REGISTERED_MODEL}/1"
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(tmp_path)))
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} <= {
        "",  # MLmodel
        ".json",
        ".onnx",
        ".py",
        ".txt",
        ".yaml",
    }


def test_the_alias_moves_and_remembers_the_one_before(registry, registered):
    assert registry.champion() is None
    assert registry.champion(PREVIOUS_CHAMPION) is None
    registry.set_champion(1)
    assert (registry.champion(), registry.champion(PREVIOUS_CHAMPION)) == (1, None)
    registry.set_champion(2)
    registry.set_champion(2)
    assert (registry.champion(), registry.champion(PREVIOUS_CHAMPION)) == (2, 1)


def test_an_unknown_version_is_answered_with_the_known_ones(registry, registered):
    with pytest.raises(ContractError, match="there is no model version 99; registered are: 2, 1"):
        registry.version(99)
    with pytest.raises(ContractError, match="there is no model version 99"):
        registry.fetch_bundle(99)


def test_an_unknown_run_is_answered_with_where_run_ids_come_from(registry):
    with pytest.raises(ContractError, match="MLflow has no run 'nope'; take the run_id that"):
        registry.trained("nope")


def test_a_bundle_is_fetched_once_and_is_the_one_that_was_registered(registry, registered, bundle, deployment):
    folder = registry.fetch_bundle(1)
    assert folder == bundle_cache(deployment) / "1"
    assert read_bundle(folder) == read_bundle(bundle)
    before = (folder / INT8_MODEL).stat().st_mtime_ns
    assert registry.fetch_bundle(1) == folder
    assert (folder / INT8_MODEL).stat().st_mtime_ns == before
    assert [file.name for file in bundle_cache(deployment).iterdir()] == ["1"]


def test_a_cached_bundle_that_was_tampered_with_is_refused(registry, registered):
    model = registry.fetch_bundle(2) / INT8_MODEL
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(ContractError, match=INT8_MODEL):
        registry.fetch_bundle(2)


def test_a_run_that_has_ended_takes_a_table_and_gives_it_back(registry, task, tmp_path):
    task(1)
    run_id = train(registry, seed=5)
    assert registry.find(run_id, "comparison.json", tmp_path) is None
    registry.attach_json(run_id, {"runs": [run_id]}, "comparison.json")
    found = registry.find(run_id, "comparison.json", tmp_path)
    assert json.loads(found.read_text()) == {"runs": [run_id]}
