"""MLflow's server opens on trainings, without notices, and is otherwise MLflow's."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from conftest import FOLDERS
from local_platform import CHROMIUM
from ports import free_port
from sentiment.views import mlflow_app
from sentiment.views.mlflow_app import NAME, is_installed, with_choices


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start MLflow with the app on a free port, over a database of its own; gives its address."""
    if not is_installed():
        pytest.skip("the package is installed as of before the entry point: run `make`, or pip install --no-deps -e .")
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", NAME, "--workers", "1", "--port", str(port)]
    command += ["--no-serve-artifacts", "--default-artifact-root", str(home / "artifacts")]
    environment = {
        **os.environ,
        "PYTHONPATH": FOLDERS,
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{home / 'mlflow.db'}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process, home / "log")
        yield address
    finally:
        process.terminate()
        process.wait(90)


def wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(1500):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{address}/health", trust_env=False, timeout=90).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.slow
def test_the_server_is_mlflows_with_another_first_page(server):
    page = httpx.get(f"{server}/", trust_env=False, timeout=90).text
    assert page.index('"mlflow.workflowType_v1": "machine_learning"') < page.index("main.")
    search = f"{server}/api/2.0/mlflow/experiments/search"
    found = httpx.post(search, json={"max_results": 5}, trust_env=False, timeout=90)
    assert [one["name"] for one in found.json()["experiments"]] == ["Default"]


@pytest.mark.slow
def test_the_server_answers_to_no_strange_host(server):
    strange = httpx.get(
        f"{server}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"}, trust_env=False, timeout=90
    )
    assert strange.status_code == 403


@pytest.mark.slow
def test_whoever_reaches_the_server_has_it_write_no_file_and_read_none_of_others(server, tmp_path):
    def create(content, api="api"):
        address = f"{server}/{api}/2.0/mlflow/experiments/create"
        kind = {"Content-Type": "application/json"}
        return httpx.post(address, content=json.dumps(content), headers=kind, trust_env=False, timeout=90)

    own = httpx.get(
        f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", trust_env=False, timeout=90
    )
    root = own.json()["experiment"]["artifact_location"].rsplit("/", 1)[0]
    for place in (str(tmp_path), f"file://{tmp_path}", f"{root}/../elsewhere", "x:/y", "file://[", "s3://b/c"):
        asked = {"name": "x", "artifact_location": place}
        for answer in (
            create(asked),
            create(asked, "ajax-api"),
            create({"name": "x", "artifactLocation": place}),
            create(json.dumps(asked)),
        ):
            assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    for path in writing_paths():
        answer = httpx.post(f"{server}{path}?run_uuid=x&path=x", content=b"x", trust_env=False, timeout=90)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    (tmp_path / "link").symlink_to(Path(root).parent)
    for name, place in {"ours": f"{root}/", "by link": f"{tmp_path}/link/{Path(root).name}"}.items():
        assert create({"name": name, "artifact_location": place}).status_code == 200
    assert create({"name": "plain"}).status_code == 200


def writing_paths():
    """Return every address of the installed MLflow under which files come up, or are signed to."""
    from mlflow.server.handlers import get_endpoints

    known = {path for path, *_ in get_endpoints()} | {"/ajax-api/2.0/mlflow/upload-artifact"}
    found = sorted(path for path in known if "upload" in path or "promptlab" in path)
    assert "/api/2.0/mlflow/artifacts/presigned-upload-url" in found
    return [*found, "/ajax-api/2.0/mlflow/runs/create-promptlab-run"]


@pytest.mark.slow
def test_the_server_takes_no_trace_whose_tag_could_name_a_place(server, tmp_path):
    def ask(method, path):
        content = {"tags": [{"key": "mlflow.artifactLocation", "value": str(tmp_path)}]}
        return httpx.request(method, f"{server}/{path}", json=content, trust_env=False, timeout=90)

    for api in ("api", "ajax-api"):
        for number in ("2.0", "3.0"):
            for method, path in (("POST", "traces"), ("PATCH", "traces/tr-1/tags"), ("PATCH", "traces/tr-1")):
                answer = ask(method, f"{api}/{number}/mlflow/{path}")
                assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert ask("POST", "v1/traces").status_code in (404, 405)
    looked = httpx.post(f"{server}/api/3.0/mlflow/traces/search", json={"max_results": 1}, trust_env=False, timeout=90)
    assert looked.status_code != 403


@pytest.mark.parametrize(
    ("source", "run", "model", "strange"),
    [
        ("s3://reviews/mlflow/1/models/m-1/artifacts", "", "", False),
        ("s3://earlier/root/1/abc/artifacts/model", "abc", "", False),
        ("s3://earlier/root/1/models/m-1/artifacts", "", "m-1", False),
        ("models:/m-1", "", "", False),
        ("runs:/abc/model", "abc", "", False),
        ("s3://reviews/landing", "", "", True),
        ("s3://reviews/mlflow-of-others/x", "", "", True),
        ("S3://reviews/landing", "abc", "m-1", True),
        ("https://169.254.169.254/latest", "", "", True),
    ],
)
def test_a_version_is_of_files_that_the_server_keeps(source, run, model, strange, monkeypatch):
    store = SimpleNamespace(
        get_run=lambda _: SimpleNamespace(info=SimpleNamespace(artifact_uri="s3://earlier/root/1/abc/artifacts")),
        get_logged_model=lambda _: SimpleNamespace(artifact_location="s3://earlier/root/1/models/m-1/artifacts"),
    )
    asked = SimpleNamespace(source=source, run_id=run, model_id=model)
    monkeypatch.setattr("mlflow.server.handlers._get_tracking_store", lambda: store)
    monkeypatch.setattr("mlflow.server.handlers._get_request_message", lambda _: asked)
    monkeypatch.setattr(mlflow_app, "_root", lambda: "s3://reviews/mlflow")
    assert mlflow_app._strange_source() == (source if strange else "")


@pytest.mark.slow
def test_a_version_of_what_lies_elsewhere_is_refused_before_it_is_read(server):
    def create(path, **content):
        return httpx.post(f"{server}/api/2.0/mlflow/{path}", json=content, trust_env=False, timeout=90)

    assert create("registered-models/create", name="x").status_code == 200
    answer = create("model-versions/create", name="x", source="s3://reviews/landing")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["ajax-api/3.0/mlflow/assistant/config", "gateway/mlflow/v1/models"])
def test_the_server_has_no_assistant_which_runs_commands_and_no_gateway(server, path):
    for method in ("GET", "PUT", "POST"):
        answer = httpx.request(method, f"{server}/{path}", json={}, trust_env=False, timeout=90)
        assert answer.status_code in (404, 405)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_browser_opens_on_trainings_and_shows_no_notice_of_usage_data(server, tmp_path):
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path}", "--no-proxy-server", "--dump-dom", f"{server}/"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert "Welcome to MLflow" in shown
    assert "Model registry" in shown  # in the navigation of trainings alone
    assert "collects usage data" not in shown
    assert "How do I get started with MLflow?" not in shown  # the assistant's panel
    assert shown.index("[data-assistant-ui] { display: none") < shown.index('data-assistant-ui="true"')  # its button


def test_a_first_page_of_another_form_is_left_as_it_is():
    assert with_choices("<html lang=en>") == "<html lang=en>"
    assert with_choices("<head><title>").startswith("<head><script>for (const")
