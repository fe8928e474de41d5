"""MLflow's server opens on trainings, without notices, and is otherwise MLflow's."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from conftest import FOLDERS
from local_platform import CHROMIUM
from ports import free_port
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
    for place in (str(tmp_path), f"file://{tmp_path}", f"{root}/../elsewhere", "x:/y", "file://["):
        asked = {"name": "x", "artifact_location": place}
        for answer in (
            create(asked),
            create(asked, "ajax-api"),
            create({"name": "x", "artifactLocation": place}),
            create(json.dumps(asked)),
        ):
            assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    for path in ("upload-artifact?run_uuid=x&path=x", "runs/create-promptlab-run"):
        answer = httpx.post(f"{server}/ajax-api/2.0/mlflow/{path}", content=b"x", trust_env=False, timeout=90)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    (tmp_path / "link").symlink_to(Path(root).parent)
    for name, place in {"ours": f"{root}/", "by link": f"{tmp_path}/link/{Path(root).name}", "s3": "s3://b"}.items():
        assert create({"name": name, "artifact_location": place}).status_code == 200
    assert create({"name": "plain"}).status_code == 200


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
