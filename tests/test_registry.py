"""Runs, versions and aliases in a real MLflow database, which all of these tests share because creating it is slow."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import BAD_REQUEST, INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, MlflowException

import tiny
from conftest import without_server
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.names import PREVIOUS_CHAMPION, REGISTERED_MODEL
from sentiment.core.settings import Settings
from sentiment.engine.bundle import INT8_MODEL, identity, read_bundle
from sentiment.engine.scorer import Scorer
from sentiment.stores.registry import runs
from sentiment.stores.registry.bundles import bundle_cache
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.versions import Registry

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


def test_versions_count_up_and_carry_their_tags_and_figures(registry, registered, bundle):
    assert registered == (1, 2)
    assert [one.version for one in registry.versions()] == [2, 1]
    version = registry.version(1)
    assert version.tags == {**TAGS, "bundle": identity(bundle)}
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
    assert registry.alias(PREVIOUS_CHAMPION) is None
    registry.set_champion(1, None)
    assert (registry.champion(), registry.alias(PREVIOUS_CHAMPION)) == (1, None)
    registry.set_champion(2, 1)
    registry.set_champion(2, 2)
    assert (registry.champion(), registry.alias(PREVIOUS_CHAMPION)) == (2, 1)


def test_the_alias_moves_only_from_the_version_that_the_decision_was_made_against(registry, registered):
    with pytest.raises(ConcurrentWriteError, match=r"another run made version 2 champion .* against version 1; the"):
        registry.set_champion(1, 1)
    assert registry.champion() == 2


@pytest.mark.parametrize("code", [TEMPORARILY_UNAVAILABLE, INTERNAL_ERROR, BAD_REQUEST])
def test_an_mlflow_that_does_not_answer_is_an_outage_and_no_missing_champion(registry, registered, monkeypatch, code):
    def locked(*_: object, **__: object) -> None:
        raise MlflowException("database is locked", code)

    for name in ("get_registered_model", "search_model_versions", "get_run", "list_artifacts"):
        monkeypatch.setattr(mlflow.MlflowClient, name, locked)
    asked = [registry.champion, registry.versions, lambda: registry.trained("r"), lambda: registry.version(1)]
    for ask in [*asked, lambda: registry.find("r", "x", Path()), lambda: registry.set_champion(1, None)]:
        with pytest.raises(UnavailableError, match="does not answer as it should, try again: database is locked"):
            ask()


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
    assert folder == bundle_cache(deployment) / identity(bundle)
    assert read_bundle(folder) == read_bundle(bundle)
    before = (folder / INT8_MODEL).stat().st_mtime_ns
    assert registry.fetch_bundle(1) == folder
    assert (folder / INT8_MODEL).stat().st_mtime_ns == before
    assert registry.fetch_bundle(2) == folder  # the same content
    assert list(bundle_cache(deployment).iterdir()) == [folder]


def test_version_1_of_another_mlflow_is_another_bundle(registry, registered, deployment, tmp_path):
    elsewhere = deployment.model_copy(update={"mlflow_uri": without_server(tmp_path), "artifacts": str(tmp_path)})
    other = Registry(elsewhere)
    changed = tiny.write_bundle(tmp_path, temperature=2.0)
    with other.run("linear", {"seed": 0}, {}) as run_id:
        pass
    assert other.register(changed, run_id, TAGS, {}) == 1
    assert read_bundle(other.fetch_bundle(1)) == read_bundle(changed) != read_bundle(registry.fetch_bundle(1))
    with pytest.raises(ContractError, match="no model version 2"):
        other.fetch_bundle(2)
    Registry(deployment)  # MLflow's address is the process's


def test_a_version_that_says_nothing_of_its_content_is_never_taken_from_the_cache(registry, registered, deployment):
    source = registry._client.get_model_version(REGISTERED_MODEL, "1").source
    by_hand = int(registry._client.create_model_version(REGISTERED_MODEL, source).version)
    assert registry.version(by_hand).tags == {}
    assert "it has no family, no snapshot, no test_reviews" in registry.version(by_hand).lacking
    kept = registry.fetch_bundle(1)
    before = sorted(bundle_cache(deployment).iterdir())
    assert registry.fetch_bundle(by_hand) == kept
    registry._client.set_model_version_tag(REGISTERED_MODEL, str(by_hand), "bundle", "../../0123456789ab")
    with pytest.raises(ContractError, match=r"registered was \.\./\.\./0123456789ab: its artifacts were changed"):
        registry.fetch_bundle(by_hand)
    assert sorted(bundle_cache(deployment).iterdir()) == before
    registry._client.delete_model_version(REGISTERED_MODEL, str(by_hand))


def test_a_version_without_a_bundle_or_without_files_says_so(registry, registered, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.pkl").write_bytes(b"x")
    for folder, sentence in (("empty", "has no files any more"), ("other", "keeps no bundle: it was registered by")):
        made = registry._client.create_model_version(REGISTERED_MODEL, str(tmp_path / folder))
        with pytest.raises(ContractError, match=sentence):
            registry.fetch_bundle(int(made.version))
        registry._client.delete_model_version(REGISTERED_MODEL, str(made.version))


def test_a_task_that_is_killed_while_it_registers_leaves_no_version_without_tags(registry, registered, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow.MlflowClient, "set_model_version_tag", killed)
    with registry.run("linear", {"seed": 9}, {}) as run_id:
        pass
    number = registry.register(registry.fetch_bundle(1), run_id, TAGS, {})
    assert registry.version(number).tags.items() >= TAGS.items()
    registry._client.delete_model_version(REGISTERED_MODEL, str(number))


def test_a_run_that_somebody_deleted_is_named_with_what_to_do(registry, task):
    task(1)
    run_id = train(registry, seed=6)
    registry._client.delete_run(run_id)
    with pytest.raises(ContractError, match=f"run {run_id} was deleted in MLflow; restore it there"):
        registry.trained(run_id)
    assert registry.find("", "anything", Path()) is None


def test_an_experiment_that_somebody_deleted_is_named_with_what_to_do(deployment):
    one = Registry(deployment.model_copy(update={"experiment": "doomed"}))
    experiment = one._experiment()
    one._client.delete_experiment(experiment)
    with pytest.raises(ContractError, match=f"was deleted in MLflow at .*restore -x {experiment}`, or name another"):
        one.runs_address() or one._experiment()


def test_a_run_that_another_program_made_says_what_it_lacks():
    with pytest.raises(ContractError, match="run r has no snapshot, no temperature: it is no training of this"):
        TrainedRun("r", {"family": "linear"}, {"temperature": float("nan")}, {}).require(
            ("family", "snapshot"), ("temperature",)
        )


def test_an_error_inside_a_run_stays_the_error_when_mlflow_is_gone_as_well(registry, monkeypatch):
    def gone(*_: object) -> None:
        raise MlflowException("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "end_run", gone)
        with pytest.raises(MemoryError):
            train(registry, seed=11, crash=True)
        with pytest.raises(UnavailableError, match="connection refused"):
            registry._mlflow.end_run()
    mlflow.end_run()


def test_two_processes_of_one_number_on_two_machines_are_two_trainings(monkeypatch):
    keys = set()
    for host, started in (("a", 1.0), ("b", 1.0), ("a", 2.0)):
        process = {"host": host, "pid": 7, "started": started}
        monkeypatch.setattr(runs, "this_process", lambda process=process: process)
        keys.add(runs._key({"seed": 1}))
    assert len(keys) == 3


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
