"""Starting and stopping, with small stand-ins for the two servers: Python's own web server and short scripts."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from sentiment.config import PROJECT, Settings
from sentiment.errors import ContractError
from sentiment.local import platform, processes
from sentiment.local.doctor import check_ports
from sentiment.local.processes import Started
from sentiment.local.servers import Server, servers

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
SLEEPER = "import time; time.sleep(60)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(60)"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def web_server(name: str, port: int) -> Server:
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    return Server(name, command, dict(os.environ), url, url)


def script(name: str, code: str) -> Server:
    unanswered = f"http://127.0.0.1:{free_port()}"
    return Server(name, (sys.executable, "-c", code), dict(os.environ), unanswered, unanswered)


def launched(folder, code: str) -> Started:
    return processes.launch("it", (sys.executable, "-c", code), os.environ, folder, folder / "logs" / "it.log")


def wait_until(truth, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Iterator[Settings]:
    monkeypatch.setattr(platform, "_make_pools", lambda settings: None)
    here = Settings(home=tmp_path, airflow_port=free_port(), mlflow_port=free_port())
    yield here
    platform.stop(here, grace_seconds=0.5)


@pytest.fixture
def stand_ins(monkeypatch):
    def use(*wanted: Server) -> None:
        monkeypatch.setattr(platform, "servers", lambda settings: wanted)

    return use


def test_both_servers_start_answer_and_stop(settings, stand_ins):
    stand_ins(web_server("mlflow", settings.mlflow_port), web_server("airflow", settings.airflow_port))
    said: list[str] = []
    started = platform.start(settings, said.append)
    assert started.running
    assert [server.name for server in started.servers] == ["mlflow", "airflow"]
    assert any("airflow: healthy" in line for line in said)
    assert platform.stop(settings) == 2
    assert not any(psutil.pid_exists(server.pid) for server in started.servers)
    assert platform.status(settings).servers == ()


def test_starting_a_platform_that_runs_changes_nothing_and_says_so(settings, stand_ins):
    stand_ins(web_server("airflow", settings.airflow_port))
    first = platform.start(settings, lambda line: None)
    said: list[str] = []
    assert platform.start(settings, said.append).servers[0].pid == first.servers[0].pid
    assert "runs already" in said[0]


def test_what_a_half_dead_platform_left_is_ended_before_a_new_start(settings, stand_ins):
    stand_ins(web_server("mlflow", settings.mlflow_port), web_server("airflow", settings.airflow_port))
    first = platform.start(settings, lambda line: None)
    killed = psutil.Process(first.servers[1].pid)
    killed.kill()
    assert psutil.wait_procs([killed], timeout=10)[0] == [killed]
    said: list[str] = []
    second = platform.start(settings, said.append)
    assert said[0] == "ended 1 processes that an earlier platform had left"
    assert second.running
    assert not psutil.pid_exists(first.servers[0].pid)


def test_a_server_that_dies_is_reported_with_its_log_and_nothing_is_left(settings, stand_ins):
    healthy = web_server("mlflow", settings.mlflow_port)
    stand_ins(healthy, script("airflow", "print('the database is broken'); raise SystemExit(3)"))
    with pytest.raises(ContractError, match="airflow ended") as error:
        platform.start(settings, lambda line: None)
    assert "the database is broken" in str(error.value)
    assert str(settings.home / "logs" / "airflow.log") in str(error.value)
    assert all(check.ok for check in check_ports(settings))


def test_a_server_that_is_late_is_reported_with_its_log(settings, stand_ins):
    stand_ins(script("airflow", "import time; print('still migrating', flush=True); time.sleep(60)"))
    with pytest.raises(ContractError, match="not healthy in time") as error:
        platform.start(settings, lambda line: None, timeout=1)
    assert "still migrating" in str(error.value)


def test_a_taken_port_is_refused_before_anything_starts(settings, stand_ins):
    stand_ins(web_server("airflow", settings.airflow_port))
    with (
        socket.create_server(("127.0.0.1", settings.airflow_port)),
        pytest.raises(ContractError, match="SENTIMENT_AIRFLOW_PORT"),
    ):
        platform.start(settings, lambda line: None)
    assert not (settings.home / "platform.json").exists()


def test_a_stranger_with_a_reused_process_id_is_not_ended(tmp_path):
    with subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True) as stranger:
        created = psutil.Process(stranger.pid).create_time()
        old = Started(name="airflow", pid=stranger.pid, created=created - 60, folder=tmp_path, log=tmp_path / "log")
        assert not processes.running(old)
        assert processes.end([old], grace_seconds=1) == 0
        assert stranger.poll() is None
        stranger.kill()


def test_children_that_outlive_their_parent_are_found_by_their_session(tmp_path):
    parent = launched(tmp_path, PARENT)
    wait_until(lambda: len(processes.family(parent)) == 2)
    psutil.Process(parent.pid).kill()
    psutil.Process(parent.pid).wait(5)
    assert not processes.running(parent)
    assert processes.end([parent], grace_seconds=5) == 1
    assert processes.family(parent) == []


def test_a_process_that_ignores_the_request_is_killed(tmp_path):
    deaf = launched(tmp_path, STUBBORN)
    wait_until(lambda: "deaf" in processes.last_lines(deaf.log))
    assert processes.end([deaf], grace_seconds=0.3) == 1
    assert processes.family(deaf) == []


def test_the_end_of_a_long_log_is_read_without_its_beginning(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("\n".join(f"line {number}" for number in range(100_000)))
    assert processes.last_lines(log, 2) == "line 99998\nline 99999"
    assert processes.last_lines(tmp_path / "none.log") == ""


@pytest.fixture
def environments(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://elsewhere")
    monkeypatch.setenv("SPARK_HOME", "/opt/spark-2")
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT", raising=False)
    here = Settings(home=tmp_path, airflow_port=18080, mlflow_port=15000, lake="s3://bucket/lake", mlflow_uri="")
    return {server.name: server.environment for server in servers(here)}


def test_airflow_is_told_the_settings_in_force_and_its_own_addresses(environments, tmp_path):
    airflow = environments["airflow"]
    assert airflow["SENTIMENT_HOME"] == str(tmp_path)
    assert airflow["SENTIMENT_LAKE"] == "s3://bucket/lake"
    assert airflow["SENTIMENT_MLFLOW_URI"] == "http://127.0.0.1:15000"
    assert airflow["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert airflow["AIRFLOW__CORE__DAGS_FOLDER"] == str(PROJECT / "dags")
    assert json.loads(airflow["AIRFLOW_CONN_SPARK_DEFAULT"]) == {"conn_type": "spark", "host": "local[2]"}


def test_another_airflow_or_spark_of_the_shell_does_not_reach_the_servers(environments, tmp_path):
    database = environments["airflow"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert database.startswith(f"sqlite:///{tmp_path}/airflow/")
    assert "SPARK_HOME" not in environments["airflow"]


def test_the_port_of_a_spark_cluster_is_a_field_of_the_connection(tmp_path):
    (_, airflow) = servers(Settings(home=tmp_path, spark_master="spark://host:7077", mlflow_uri=""))
    connection = json.loads(airflow.environment["AIRFLOW_CONN_SPARK_DEFAULT"])
    assert connection == {"conn_type": "spark", "host": "spark://host", "port": 7077}


def test_the_secrets_are_made_once_and_only_their_owner_reads_them(environments, tmp_path):
    file = tmp_path / "airflow" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = servers(Settings(home=tmp_path, mlflow_uri=""))[1].environment
    assert again["AIRFLOW__API_AUTH__JWT_SECRET"] == environments["airflow"]["AIRFLOW__API_AUTH__JWT_SECRET"]


def test_an_mlflow_elsewhere_is_passed_on_and_none_is_started(tmp_path):
    (airflow,) = servers(Settings(home=tmp_path, mlflow_uri="https://mlflow.example.org"))
    assert airflow.environment["SENTIMENT_MLFLOW_URI"] == "https://mlflow.example.org"
