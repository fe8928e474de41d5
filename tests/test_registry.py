"""Runs, versions and aliases in a real MLflow database, which all of these tests share because creating it is slow."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from threading import Barrier, Thread

import boto3
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import BAD_REQUEST, INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, MlflowException
from mlflow.protos.databricks_pb2 import UNAUTHENTICATED

import tiny
from conftest import asking_mlflow, without_server
from contexts import a_context, a_try
from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError, UnderWayError
from sentiment.core.names import PREVIOUS_CHAMPION, REGISTERED_MODEL
from sentiment.core.settings import Settings
from sentiment.engine.bundle import INT8_MODEL, REQUIRED, Bundle, Thresholds, identity, read_bundle, seal
from sentiment.engine.scorer import Scorer
from sentiment.stores.registry.bundles import bundle_cache
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.handle import RunHandle
from sentiment.stores.registry.packaging import requirements
from sentiment.stores.registry.versions import Registry
from sentiment.stores.s3 import BOTO_ATTEMPTS

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
def said(tmp_path_factory) -> Path:
    """A folder with what a bundle said of its test reviews."""
    folder = tmp_path_factory.mktemp("said")
    (folder / "behaviour.json").write_text("[]", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def registered(registry, deployment, bundle, said) -> tuple[int, int]:
    """Register the bundle twice; returns both versions."""
    run_id = run_of(registry, deployment)
    return tuple(registry.register(bundle, said, run_id, TAGS, {"bundle_macro_f1": 0.91}) for _ in range(2))


def train(registry: Registry, seed: int, context: Context, crash: bool = False) -> str:
    with registry.run("linear-100", {"seed": seed, "encoder": "tiny"}, {"family": "linear"}, context) as run:
        run.log_metrics({"macro_f1": 0.9, "undefined": float("nan")})
        if crash:
            raise MemoryError("killed")
    return run.run_id


def run_of(registry: Registry, settings: Settings, seed: int = 0) -> str:
    with registry.run("linear", {"seed": seed}, {}, a_context(settings)) as run:
        return run.run_id


def test_a_retry_of_the_same_task_goes_on_with_the_unfinished_run(registry):
    with pytest.raises(MemoryError):
        train(registry, 1, a_try(1), crash=True)
    run_id = train(registry, 1, a_try(2))
    runs = registry._client.search_runs([registry._experiment()], "params.seed = '1'")
    assert [(run.info.run_id, run.info.status) for run in runs] == [(run_id, "FINISHED")]
    assert runs[0].data.tags["sentiment.try"] == "2"


def test_a_retry_writes_the_settings_that_the_try_before_did_not_come_to(registry, monkeypatch):
    def down(*_given):
        raise UnavailableError("MLflow is down")

    with monkeypatch.context() as outage:
        outage.setattr(RunHandle, "log_params", down)
        with pytest.raises(UnavailableError):
            train(registry, 56, a_try(1))
    assert registry.trained(train(registry, 56, a_try(2))).params["seed"] == "56"


def test_a_run_that_was_begun_with_other_settings_is_not_gone_on_with_and_says_which(registry, deployment):
    with pytest.raises(MemoryError), registry.run("", {"seed": 57, "precision": "bf16"}, {}, a_try(1)) as run:
        raise MemoryError
    here = {"seed": 57, "precision": "fp32", "new": 1}
    with (
        pytest.raises(ContractError, match=rf"precision bf16 \(here fp32\): go on .* --remove {run.run_id}`"),
        registry.run("", here, {}, a_context(deployment), run.run_id),
    ):
        pass
    with registry.run("", {**here, "precision": "bf16"}, {}, a_context(deployment), run.run_id) as again:
        assert registry._client.get_run(run.run_id).info.status == "RUNNING"
    assert registry.trained(again.run_id).params == {"seed": "57", "precision": "bf16", "new": "1"}


def test_a_run_whose_settings_mlflow_does_not_take_when_it_is_gone_on_with_is_not_left_running(registry, monkeypatch):
    with pytest.raises(MemoryError):
        train(registry, 58, a_try(1), crash=True)

    def refused(*_given):
        raise ContractError("MLflow refuses")

    with monkeypatch.context() as patch:
        patch.setattr(RunHandle, "log_params", refused)
        with pytest.raises(ContractError, match="MLflow refuses"):
            train(registry, 58, a_try(2))
    (run,) = registry._client.search_runs([registry._experiment()], "params.seed = '58'")
    assert run.info.status == "FAILED"


def test_a_second_try_beside_one_that_is_still_at_work_does_not_end_its_run(registry):
    with pytest.raises(MemoryError):
        train(registry, 55, a_try(1), crash=True)
    with pytest.raises(UnderWayError), registry.run("", {"seed": 55, "encoder": "tiny"}, {}, a_try(2)):
        raise UnderWayError("the first one is at work")
    (run,) = registry._client.search_runs([registry._experiment()], "params.seed = '55'")
    assert run.info.status == "RUNNING"


def test_a_finished_run_other_parameters_and_another_task_each_begin_a_run_of_their_own(registry):
    finished, other_seed = train(registry, 2, a_try(1)), train(registry, 3, a_try(1))
    again = train(registry, 2, a_try(1))
    other_task = train(registry, 2, a_try(1, "tune"))
    assert len({finished, other_seed, again, other_task}) == 4


def test_a_run_keeps_parameters_finite_figures_who_began_it_and_where_it_came_from(registry):
    run = registry.trained(train(registry, 4, a_try(1)))
    assert run.params == {"seed": "4", "encoder": "tiny"}
    assert run.metrics == {"macro_f1": 0.9}
    assert run.tags["mlflow.user"] == "train_models/manual__1"
    expected = {"dag": "train_models", "run": "manual__1", "task": "train", "try": "1", "family": "linear"}
    assert expected.items() <= {name.removeprefix("sentiment."): value for name, value in run.tags.items()}.items()


def test_threads_of_one_process_write_to_runs_of_their_own(registry):
    begun = Barrier(4)

    def work(seed: int) -> str:
        with registry.run("linear", {"seed": seed}, {}, a_context()) as run:
            begun.wait(300)
            run.log_metrics({"seed": seed})
            return run.run_id

    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(work, range(100, 104)))
    assert [registry.trained(run_id).metrics for run_id in runs] == [{"seed": float(seed)} for seed in range(100, 104)]
    assert mlflow.active_run() is None


def test_two_registries_of_one_process_have_an_address_each(registry, registered, tmp_path):
    elsewhere = Settings(home=tmp_path, mlflow_uri=without_server(tmp_path), artifacts="")
    assert Registry(elsewhere).versions() == []
    assert [version.version for version in registry.versions()] == [2, 1]


def test_versions_count_up_and_carry_their_tags_and_figures(registry, registered, bundle):
    assert registered == (1, 2)
    assert [version.version for version in registry.versions()] == [2, 1]
    version = registry.version(1)
    assert version.tags == {**TAGS, "bundle": identity(bundle)}
    assert registry.trained(version.run_id).metrics["bundle_macro_f1"] == 0.91


def test_a_version_asks_for_text_and_takes_a_title(registered, deployment):
    signature = load_as_anyone(deployment).metadata.signature
    assert [(one.name, one.required) for one in signature.inputs] == [("text", True), ("title", False)]
    assert signature.outputs.input_names() == [
        *("label", "positive_probability", "confidence", "needs_review", "decided_by", "language"),
    ]


def load_as_anyone(settings: Settings) -> mlflow.pyfunc.PyFuncModel:
    """Load version 1 as a notebook would, that names MLflow's address and nothing of ours."""
    with asking_mlflow(settings.tracking_uri):
        return mlflow.pyfunc.load_model(f"models:/{REGISTERED_MODEL}/1")


def test_anyone_can_load_a_version_from_mlflow_and_predict(registered, bundle, deployment):
    model = load_as_anyone(deployment)
    texts = ["great excellent love perfect amazing", "broken awful refund terrible useless"]
    predicted = model.predict(pd.DataFrame({"text": texts}))
    assert predicted["label"].tolist() == ["positive", "negative"]
    titled = model.predict(pd.DataFrame({"text": texts, "title": ["", "great"]}))["positive_probability"]
    scorer = Scorer.load(bundle)
    assert titled.tolist() == pytest.approx(scorer.probabilities(["", "great"], texts).tolist())


def test_a_version_cleans_the_texts_that_it_is_given(registered, deployment):
    model = load_as_anyone(deployment)
    plain, raw = ("great love", "awful"), ("gre\u00adat &lt;br&gt;love", "<b>aw\u200bful</b>")
    first, second = model.predict(pd.DataFrame([plain, raw], columns=["text", "title"]))["positive_probability"]
    assert first == second


@pytest.mark.parametrize("several", [["a", "b"], ("a", "b"), {"1": "a"}, np.array(["a", "b"]), pd.Series(["a", "b"])])
def test_a_version_refuses_a_cell_that_holds_several_reviews(registered, deployment, several):
    model = load_as_anyone(deployment)
    for column in ("text", "title"):
        frame = pd.DataFrame([{"text": "great", "title": "", column: several}])
        with pytest.raises(MlflowException, match=f"the column '{column}' is .*with a row a review") as raised:
            model.predict(frame)
        assert raised.value.get_http_status_code() == 400
    with pytest.raises(MlflowException, match="with a row a review"):
        model.predict({"text": ["great excellent love", "broken awful refund"]})


def test_a_version_takes_empty_titles_and_categories_as_objects(registered, deployment):
    model, texts = load_as_anyone(deployment), ["great excellent love", "broken awful refund"]
    empty = pd.DataFrame({"text": texts, "title": [np.nan, np.nan]})
    for frame in (empty, pd.DataFrame({"text": texts}).astype("category")):
        with pytest.raises(MlflowException, match="Can not safely convert"):
            model.predict(frame)
        assert model.predict(frame.astype(object))["label"].tolist() == ["positive", "negative"]


@pytest.mark.parametrize(("engine", "asked"), [("openvino-int8", True), ("onnxruntime-fp32", False)])
def test_a_version_asks_for_the_engine_that_its_bundle_runs_with(engine, asked, tmp_path):
    for name in REQUIRED:
        (tmp_path / name).touch()
    seal(tmp_path, Bundle(family="encoder", max_length=8, head_share=0.5, engines=(engine,)))
    assert any(line.startswith("openvino==") for line in requirements(tmp_path, "/artifacts")) == asked


@pytest.mark.parametrize(("location", "asked"), [("s3://bucket/mlflow/1/models/m-1/artifacts", True), ("/home", False)])
def test_a_version_that_lies_in_s3_asks_for_what_mlflow_reads_s3_with(location, asked, bundle):
    assert (f"boto3=={installed('boto3')}" in requirements(bundle, location)) == asked


def test_nothing_in_a_registered_model_is_a_pickle(registry, registered, tmp_path):
    folder = registry._download(registry._source(1), tmp_path)
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

    away = ("get_registered_model", "search_model_versions", "get_model_version", "get_run", "list_artifacts")
    for name in (*away, "get_model_version_download_uri"):
        monkeypatch.setattr(mlflow.MlflowClient, name, locked)
    asked = [registry.champion, registry.versions, lambda: registry.trained("r"), lambda: registry.version(1)]
    asked += [lambda: registry.find("r", "x", Path()), lambda: registry.find_evidence(1, Path())]
    for ask in [*asked, lambda: registry.set_champion(1, None)]:
        with pytest.raises(UnavailableError, match="does not answer as it should, try again: database is locked"):
            ask()


def test_mlflows_own_client_of_s3_waits_out_an_outage_as_ours_does(registry):
    retries = boto3.client("s3", region_name="us-east-1").meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", BOTO_ATTEMPTS)


class SaysYesToEverything(BaseHTTPRequestHandler):
    """Something else that stands where MLflow should."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def test_what_answers_in_place_of_mlflow_is_not_believed_that_there_is_no_champion(deployment):
    with ThreadingHTTPServer(("127.0.0.1", 0), SaysYesToEverything) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        elsewhere = deployment.model_copy(update={"mlflow_uri": f"http://127.0.0.1:{server.server_port}"})
        with pytest.raises(UnavailableError, match="does not speak as MLflow does"):
            Registry(elsewhere).champion()
        server.shutdown()


def test_an_unknown_version_is_answered_with_the_known_ones(registry, registered):
    for number in (99, 2**31, 2**63, 10**30):
        with pytest.raises(ContractError, match=f"there is no model version {number}; registered are: 2, 1"):
            registry.version(number)
    with pytest.raises(ContractError, match="there is no model version 99"):
        registry.fetch_bundle(99)


def test_an_unknown_run_is_answered_with_where_run_ids_come_from(registry):
    with pytest.raises(ContractError, match="MLflow has no run 'nope'; take the run_id that"):
        registry.trained("nope")


def test_a_bundle_is_fetched_once_and_is_the_one_that_was_registered(registry, registered, bundle, deployment):
    fetched = registry.fetch_bundle(1)
    folder = fetched.folder
    assert folder == bundle_cache(deployment) / identity(bundle)
    assert (fetched.description, fetched.content) == (read_bundle(bundle), identity(bundle))
    before = (folder / INT8_MODEL).stat().st_mtime_ns
    assert registry.fetch_bundle(1).folder == folder
    assert (folder / INT8_MODEL).stat().st_mtime_ns == before
    assert registry.fetch_bundle(2).folder == folder  # the same content
    assert list(bundle_cache(deployment).iterdir()) == [folder]


def test_a_bundle_whose_description_was_changed_here_is_fetched_again(registry, registered, bundle):
    fetched = registry.fetch_bundle(1)
    seal(fetched.folder, fetched.description.model_copy(update={"thresholds": Thresholds(positive=0.9)}))
    assert read_bundle(fetched.folder).thresholds.positive == 0.9
    assert registry.fetch_bundle(1) == fetched
    assert read_bundle(fetched.folder) == fetched.description


def test_version_1_of_another_mlflow_is_another_bundle(registry, registered, deployment, said, tmp_path):
    elsewhere = deployment.model_copy(update={"mlflow_uri": without_server(tmp_path), "artifacts": str(tmp_path)})
    other = Registry(elsewhere)
    changed = tiny.write_bundle(tmp_path, temperature=2.0)
    assert other.register(changed, said, run_of(other, elsewhere), TAGS, {}) == 1
    assert other.fetch_bundle(1).content == identity(changed) != registry.fetch_bundle(1).content
    with pytest.raises(ContractError, match="no model version 2"):
        other.fetch_bundle(2)


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


def test_a_task_that_is_killed_while_it_registers_leaves_no_version_without_tags(
    registry, registered, deployment, bundle, said, monkeypatch
):
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow.MlflowClient, "set_model_version_tag", killed)
    number = registry.register(bundle, said, run_of(registry, deployment, seed=9), TAGS, {})
    assert registry.version(number).tags.items() >= TAGS.items()
    registry._client.delete_model_version(REGISTERED_MODEL, str(number))


def test_a_run_that_somebody_deleted_is_named_with_what_to_do(registry):
    run_id = train(registry, 6, a_try(1))
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


def test_an_error_inside_a_run_stays_the_error_when_somebody_deleted_the_run(registry, caplog):
    deleted: list[str] = []

    def train_in_one_that_is_deleted() -> None:
        with registry.run("n", {"seed": 66}, {}, a_try(1)) as run:
            deleted.append(run.run_id)
            registry._client.delete_run(run.run_id)
            raise MemoryError

    with pytest.raises(MemoryError):
        train_in_one_that_is_deleted()
    assert f"run {deleted[0]} is not marked as failed in MLflow" in caplog.text


def test_who_may_not_look_is_not_told_that_a_run_is_gone(registry, monkeypatch):
    def refused(*_: object) -> None:
        raise MlflowException("who are you?", error_code=UNAUTHENTICATED)

    assert not registry.has("0" * 32)
    monkeypatch.setattr(mlflow.MlflowClient, "get_run", refused)
    with pytest.raises(ContractError, match=r"refuses: .*who are you"):
        registry.has("0" * 32)


def test_an_error_inside_a_run_stays_the_error_when_mlflow_is_gone_as_well(registry, monkeypatch):
    def gone(*_: object) -> None:
        raise MlflowException("connection refused")

    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", gone)
    with pytest.raises(MemoryError):
        train(registry, 11, a_try(1), crash=True)
    with pytest.raises(UnavailableError, match="connection refused"):
        registry.handle("r").end()


def test_two_processes_of_a_shell_are_two_trainings(registry):
    runs = {train(registry, 1, a_context(run_id=f"shell-{host}-7-{began}")) for host, began in ("a1", "b1", "a2")}
    with pytest.raises(MemoryError):
        train(registry, 12, a_context(run_id="shell-a"), crash=True)
    assert len({*runs, train(registry, 12, a_context(run_id="shell-b"))}) == 4
    crashed = registry._client.search_runs([registry._experiment()], "params.seed = '12' and status = 'FAILED'")
    assert len(crashed) == 1


def test_a_cached_bundle_that_was_tampered_with_is_fetched_again(registry, registered):
    whole = registry.fetch_bundle(2)
    model = whole.folder / INT8_MODEL
    exported = model.read_bytes()
    model.write_bytes(exported + b"x")
    assert registry.fetch_bundle(2) == whole
    assert model.read_bytes() == exported


def test_where_onnxruntime_is_the_one_for_gpus_a_version_asks_for_its_number_all_the_same(bundle, monkeypatch):
    def without(name):
        if name == "onnxruntime":
            raise PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr("sentiment.stores.registry.packaging.installed", without)
    assert f"onnxruntime=={installed('onnxruntime')}" in requirements(bundle, "/artifacts")


def test_a_run_that_has_ended_takes_a_table_and_gives_it_back(registry, tmp_path):
    run_id = train(registry, 5, a_try(1))
    assert registry.find(run_id, "comparison.json", tmp_path) is None
    registry.handle(run_id).log_json({"runs": [run_id]}, "comparison.json")
    found = registry.find(run_id, "comparison.json", tmp_path)
    assert json.loads(found.read_text()) == {"runs": [run_id]}


def test_what_a_version_said_of_its_test_reviews_is_its_own(registry, registered, deployment, bundle, tmp_path):
    run_id = registry.version(1).run_id
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "behaviour.json").write_text('["of the later export"]', encoding="utf-8")
    later = registry.register(bundle, tmp_path / "later", run_id, TAGS, {})
    for number, expected in ((1, []), (later, ["of the later export"])):
        folder = registry.find_evidence(number, tmp_path / str(number))
        assert json.loads((folder / "behaviour.json").read_text()) == expected
    assert registry.find(run_id, "behaviour.json", tmp_path) is None
    registry._client.delete_model_version(REGISTERED_MODEL, str(later))


def test_a_version_that_keeps_nothing_of_its_test_reviews_has_none(registry, registered, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("", encoding="utf-8")
    made = registry._client.create_model_version(REGISTERED_MODEL, str(tmp_path / "model"))
    assert registry.find_evidence(int(made.version), tmp_path / "here") is None
    registry._client.delete_model_version(REGISTERED_MODEL, str(made.version))


def test_how_busy_the_machine_is_stands_in_a_run_while_it_works(registry, deployment, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    wanted = {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"}
    with registry.run("watched", {"seed": 300}, {}, a_context(deployment)) as run, registry.system_metrics(run.run_id):
        # Its thread writes when it has looked for the first time.
        deadline = time.monotonic() + 300
        while not wanted <= registry.trained(run.run_id).metrics.keys():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_equal_trainings_that_one_airflow_run_maps_are_two(registry):
    tries = [replace(a_try(1), provenance=a_try(1).provenance | {"map_index": index}) for index in ("0", "1", "0")]
    for context in tries:
        with pytest.raises(MemoryError):
            train(registry, 200, context, crash=True)
    runs = registry._client.search_runs([registry._experiment()], "params.seed = '200'")
    assert sorted(run.data.tags["sentiment.map_index"] for run in runs) == ["0", "1"]
