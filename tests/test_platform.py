"""Starting, supervising and stopping, with stand-ins for the servers: Python's own web server and short scripts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from pydantic import ValidationError

from conftest import FOLDERS
from ports import free_port
from sentiment.core import provenance
from sentiment.core.context import Context
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import PROJECT, Settings
from sentiment_local import databases, migration, platform, processes, supervisor, verbs
from sentiment_local.airflow_environment import log_ports
from sentiment_local.components import Component, components, started_with
from sentiment_local.config import PlatformConfig, StatusConfig
from sentiment_local.doctor import check_ports
from sentiment_local.login import made_once, read_login
from sentiment_local.processes import Started
from sentiment_local.states import PlatformRecord, read_record, write_record
from sentiment_local.status import described, status
from sentiment_local.usable import require_usable

RUINS = (b"", b"\x00" * 100, b"[]", b"{}", b"[1]", b"null", b'"text"', b'{"supervisor": 3}')
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
SLEEPER = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(600)"


def web_server(name: str, port: int, *needs: str) -> dict[str, object]:
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    return {"name": name, "command": command, "url": f"http://127.0.0.1:{port}", "needs": needs}


def script(name: str, code: str) -> dict[str, object]:
    return {"name": name, "command": [sys.executable, "-c", code], "url": "http://127.0.0.1:1", "needs": ()}


def launched(folder, code: str) -> Started:
    return processes.launch("it", (sys.executable, "-c", code), os.environ, folder, folder / "logs" / "it.log")


def wait_until(truth, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(number: int) -> bool:
    """A zombie has ended: whoever is process 1 may never collect it."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def settings(home, monkeypatch) -> Iterator[Settings]:
    stand_in = (sys.executable, str(Path(__file__).with_name("stand_in_supervisor.py")))
    monkeypatch.setattr(platform, "_SUPERVISOR", stand_in)
    monkeypatch.setattr(platform, "_make_pools", lambda settings: None)
    here = Settings(airflow_port=free_port(), mlflow_port=free_port(), mlflow_uri="")
    yield here
    platform.stop(here, grace_seconds=0.5)


@pytest.fixture
def stand_ins(home):
    def use(*wanted: dict[str, object]) -> None:
        (home / "stand_ins.json").write_text(json.dumps(wanted))

    return use


def pid(settings: Settings, name: str) -> int:
    return next(one.pid for one in status(settings).components if one.name == name)


def test_components_start_answer_and_stop(settings, stand_ins):
    stand_ins(web_server("mlflow", settings.mlflow_port), web_server("api-server", settings.airflow_port, "mlflow"))
    said: list[str] = []
    started = platform.start(settings, said.append)
    assert started.healthy
    assert [one.name for one in started.components] == ["supervisor", "mlflow", "api-server"]
    assert "api-server: healthy" in said
    assert platform.stop(settings) == 3
    assert not any(alive(one.pid) for one in started.components)
    assert status(settings).components == ()


def test_airflows_server_lives_when_it_answers_people_and_tasks(settings):
    refused = {"/execution/health"}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503 if self.path in refused else 200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", settings.airflow_port), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (lives,) = (one.sign for one in components(settings) if one.name == "api-server")
        assert lives() is None
        refused.clear()
        assert lives() == pytest.approx(time.time(), abs=60)
        refused.add("/api/v2/monitor/health")
        assert lives() is None
        server.shutdown()


def test_who_is_heard_through_a_server_lets_it_go_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_AHEAD_SECONDS", 2.0)
    idle = (sys.executable, "-c", SLEEPER)
    server = Component("server", idle, dict(os.environ), time.time)
    heard = Component("heard", idle, dict(os.environ), time.time, heard_through=("server",))
    (tmp_path / "logs").mkdir()
    both = supervisor.Supervisor(Settings(home=tmp_path, mlflow_uri=""), [server, heard])
    thread = threading.Thread(target=both.run)
    thread.start()
    try:
        wait_until(lambda: len(both._started) == 2)
    finally:
        both.stop()
        thread.join()
    assert both._started["heard"].created - both._started["server"].created > 1.5


def test_the_verbs_start_show_and_stop_it(settings, stand_ins):
    stand_ins(web_server("mlflow", settings.mlflow_port), web_server("api-server", settings.airflow_port, "mlflow"))
    said: list[str] = []
    context = replace(Context.of_process(lambda step, *_: said.append(step)), settings=settings)
    assert verbs.status(StatusConfig(), context).platform.startswith("not started")
    started = verbs.up(PlatformConfig(), context)
    assert (started.airflow, started.mlflow) == (f"http://127.0.0.1:{settings.airflow_port}", settings.tracking_uri)
    assert (started.user, started.password) == ("admin", read_login(settings).password)
    shown = verbs.status(StatusConfig(), context)
    assert (shown.platform, shown.password) == ("healthy", started.password)
    assert verbs.down(PlatformConfig(), context).stopped == 3
    assert "api-server: healthy" in said
    assert said[-1] == "stopping"
    assert verbs.down(PlatformConfig(), context).stopped == 0


def test_starting_a_platform_of_which_all_is_healthy_changes_nothing_and_says_so(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    first = platform.start(settings, lambda line: None)
    said: list[str] = []
    assert platform.start(settings, said.append).components[1].pid == first.components[1].pid
    assert "runs already" in said[0]


def test_a_platform_that_runs_with_other_settings_is_not_taken_for_the_one_that_is_asked_for(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    platform.start(settings, lambda line: None)
    elsewhere = settings.model_copy(update={"lake": "s3://reviews/lake"})
    with pytest.raises(ContractError, match=rf"other settings .*SENTIMENT_LAKE={settings.home}/lake\).*make down"):
        platform.start(elsewhere, lambda line: None)
    (link := settings.home.with_name("link")).symlink_to(settings.home)
    assert platform.start(settings.model_copy(update={"home": link}), lambda line: None).healthy


@pytest.mark.parametrize(("lake", "told"), [("", False), ("s3://reviews/lake", True)])
def test_other_keys_of_s3_make_another_platform_only_where_something_lies_there(tmp_path, monkeypatch, lake, told):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "new")
    assert ("AWS_ACCESS_KEY_ID" in started_with(Settings(home=tmp_path, lake=lake))) is told


def test_what_a_platform_was_started_with_is_written_down_without_secrets_for_its_user_alone(tmp_path):
    secret = Settings(
        home=tmp_path,
        database="postgresql://me:s/s3cr@t@db",
        spark_master="sc://spark:15002/;token=s3cr;x-key=s3cr",
        studies="postgresql://me:s/s3cr@db/studies",
    )
    one = launched(tmp_path, "pass")
    write_record(secret, PlatformRecord(supervisor=one, variables=started_with(secret)))
    file = tmp_path / "platform.json"
    assert "s3cr" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_supervisor_that_nobody_could_find_is_ended(settings, stand_ins, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    stand_ins(web_server("api-server", settings.airflow_port))
    begun = []
    launch = platform.processes.launch
    monkeypatch.setattr(platform.processes, "launch", lambda *given: begun.append(launch(*given)) or begun[-1])
    monkeypatch.setattr(platform, "write_record", full)
    with pytest.raises(OSError, match="the disk is full"):
        platform.start(settings, lambda line: None)
    assert [alive(one.pid) for one in begun] == [False]


def test_a_component_that_is_killed_is_started_again_and_that_is_said(settings, stand_ins):
    stand_ins(web_server("mlflow", settings.mlflow_port), web_server("api-server", settings.airflow_port))
    platform.start(settings, lambda line: None)
    killed = pid(settings, "api-server")
    psutil.Process(killed).kill()
    wait_until(lambda: status(settings).healthy and pid(settings, "api-server") != killed)
    after = {one.name: one for one in status(settings).components}
    assert (after["api-server"].restarts, after["mlflow"].restarts) == (1, 0)
    assert "api-server: it ended by itself; started again in 1 s (1 of 5)" in status(settings).events[0]


def test_what_a_killed_component_had_started_is_ended_with_it(settings, stand_ins):
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    server = web_server("scheduler", settings.airflow_port)
    serve = f"import runpy; sys.argv = ['http.server', '{settings.airflow_port}', '--bind', '127.0.0.1']; "
    server["command"] = [sys.executable, "-c", child + serve + "runpy.run_module('http.server', run_name='__main__')"]
    stand_ins(server)
    platform.start(settings, lambda line: None)
    leader = psutil.Process(pid(settings, "scheduler"))
    (orphan,) = leader.children()
    leader.kill()
    wait_until(lambda: status(settings).healthy and pid(settings, "scheduler") != leader.pid)
    assert not alive(orphan.pid)


def test_a_disk_that_is_full_for_a_moment_ends_no_platform(home, monkeypatch):
    from sentiment_local import supervisor
    from sentiment_local.components import Component

    def full(*_):
        failures.append(1)
        raise OSError(28, "No space left on device")

    failures: list[int] = []
    one = Component("it", (sys.executable, "-c", SLEEPER), dict(os.environ), time.time)
    watching = supervisor.Supervisor(Settings(), [one])
    monkeypatch.setattr(supervisor, "write_record", full)
    running = threading.Thread(target=watching.run)
    running.start()
    try:
        wait_until(lambda: len(failures) > 1 and watching._rules["it"].state == "healthy")
        assert running.is_alive()
    finally:
        watching.stop()
        running.join(30)
    assert not alive(watching._started["it"].pid)


def test_a_clock_that_is_set_back_while_the_platform_runs_is_seen(home, monkeypatch):
    now, back = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: now() - back[0])
    one = Component("it", (sys.executable, "-c", SLEEPER), dict(os.environ), time.time)
    watching = supervisor.Supervisor(Settings(), [one])
    running = threading.Thread(target=watching.run)
    running.start()
    try:
        rule = watching._rules["it"]
        wait_until(lambda: rule.state == "healthy")
        back[0] = 5 * 3600.0
        wait_until(lambda: rule.launched <= rule.last_sign <= time.time())
        assert running.is_alive()
        assert rule.state == "healthy"
        assert time.time() < rule.tolerated_until < time.time() + 300
    finally:
        watching.stop()
        running.join(30)


def test_a_supervisor_that_was_killed_is_seen_and_a_new_start_begins_anew(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    first = platform.start(settings, lambda line: None)
    supervisor = psutil.Process(first.components[0].pid)
    supervisor.kill()
    assert psutil.wait_procs([supervisor], timeout=30)[0] == [supervisor]
    now = status(settings)
    assert (now.healthy, now.started, now.components[0].state) == (False, True, "failed")
    said: list[str] = []
    second = platform.start(settings, said.append)
    assert said[0] == "ended 1 processes that an earlier platform had left"
    assert second.healthy
    assert not alive(first.components[1].pid)


def test_a_component_that_dies_at_each_start_is_reported_with_its_log_and_nothing_is_left(settings, stand_ins):
    stand_ins(
        web_server("mlflow", settings.mlflow_port),
        script("scheduler", "print('the database is broken'); raise SystemExit(3)"),
    )
    with pytest.raises(ContractError, match="scheduler does not stay up") as error:
        platform.start(settings, lambda line: None)
    assert "the database is broken" in str(error.value)
    assert str(settings.home / "logs" / "scheduler.log") in str(error.value)
    assert all(check.ok for check in check_ports(settings))


def test_a_component_that_is_late_is_reported_with_its_log(settings, stand_ins, monkeypatch):
    stand_ins(script("api-server", "import time; print('still migrating', flush=True); time.sleep(600)"))
    moment, log = [0.0], settings.home / "logs" / "api-server.log"

    def late(line):
        if line == "api-server: starting":
            wait_until(lambda: "still migrating" in log.read_text())
            moment[0] = 5.0

    monkeypatch.setattr(platform, "time", SimpleNamespace(monotonic=lambda: moment[0], sleep=time.sleep))
    with pytest.raises(UnavailableError, match="not healthy in time") as error:
        platform.start(settings, late, timeout=4)
    assert "still migrating" in str(error.value)


def test_a_taken_port_is_refused_before_anything_starts(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    with (
        socket.create_server(("127.0.0.1", settings.airflow_port)),
        pytest.raises(ContractError, match="SENTIMENT_AIRFLOW_PORT"),
    ):
        platform.start(settings, lambda line: None)
    assert read_record(settings) is None


def refused(settings: Settings) -> str:
    """What a start says that is refused before anything runs."""
    with pytest.raises(ContractError) as error:
        platform.start(settings, lambda line: None)
    assert read_record(settings) is None
    return str(error.value)


def test_settings_that_no_platform_can_run_with_are_refused_in_the_words_of_their_variables(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    port = settings.airflow_port
    assert f"both {port}" in refused(settings.model_copy(update={"mlflow_port": port}))
    for of_logs in log_ports(port):
        assert f"SENTIMENT_MLFLOW_PORT is {of_logs}" in refused(settings.model_copy(update={"mlflow_port": of_logs}))
    assert "SENTIMENT_SPARK_MEMORY is 'banana'" in refused(settings.model_copy(update={"spark_memory": "banana"}))
    assert "SENTIMENT_DATABASE" in refused(settings.model_copy(update={"database": "rubbish"}))


@pytest.mark.parametrize(
    ("name", "value"), [("secrets.json", '{"a": 1}'), ("passwords.json", '{"other": "x"}'), ("passwords.json", "")]
)
def test_keys_and_passwords_in_ruins_are_refused_before_anything_starts(settings, stand_ins, name, value):
    stand_ins(web_server("api-server", settings.airflow_port))
    (settings.home / "airflow").mkdir()
    (settings.home / "airflow" / name).write_text(value)
    assert f"rm '{settings.home / 'airflow' / name}'" in refused(settings)


@pytest.mark.parametrize("name", ["o'brien", "$HOME", "back\\slash", "a|b", "[x]", "{x}", "a,b"])
def test_a_home_that_a_part_would_read_otherwise_is_refused(tmp_path, name):
    with pytest.raises(ContractError, match="SENTIMENT_HOME"):
        platform.start(Settings(home=tmp_path / name), lambda line: None)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["with space", "ümläut", "a+b & c=d"])
def test_a_home_of_another_unusual_name_is_taken(tmp_path, name):
    settings = Settings(home=tmp_path / name)
    assert (require_usable(settings), settings.home) == (None, tmp_path / name)


def test_a_home_that_is_a_file_or_lies_in_one_or_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for home in (tmp_path / "file", tmp_path / "file" / "inner", tmp_path / "link"):
        with pytest.raises(ContractError, match="SENTIMENT_HOME"):
            platform.start(Settings(home=home), lambda line: None)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_is_none_is_refused(port):
    for name in ("airflow_port", "mlflow_port"):
        with pytest.raises(ValidationError, match=name):
            Settings(**{name: port})


SLOW = "import time; print('an early line', flush=True); time.sleep(600)"


def test_a_start_that_another_stops_says_so_and_shows_no_log(settings, stand_ins, monkeypatch):
    stand_ins(script("api-server", SLOW))
    # As if the record was read between the supervisor's end and the record's.
    monkeypatch.setattr(platform, "forget_record", lambda settings: None)
    said: list[str] = []
    stopping = threading.Thread(
        target=lambda: (wait_until(lambda: "api-server: starting" in said), platform.stop(settings))
    )
    stopping.start()
    with pytest.raises(ContractError, match=r"^the platform was stopped while it was starting$"):
        platform.start(settings, said.append)
    stopping.join(30)
    monkeypatch.undo()


def test_of_a_log_only_the_lines_of_this_start_are_shown(tmp_path):
    first = launched(tmp_path, "print('of an earlier start')")
    wait_until(lambda: "earlier" in processes.last_lines(first.log))
    second = launched(tmp_path, SLEEPER)
    assert processes.end_of_log(second.log, second) == f"its log {second.log} says nothing of this start"
    assert "of an earlier start" in processes.end_of_log(first.log, first)
    processes.end([second], 5)


def test_of_a_log_that_was_emptied_while_its_program_runs_all_lines_are_of_this_start(tmp_path):
    earlier = launched(tmp_path, "print('of an earlier start')")
    wait_until(lambda: not processes.running(earlier))
    started = launched(tmp_path, SLEEPER)
    started.log.write_text("new\n")
    assert processes.end_of_log(started.log, started).endswith(":\nnew")
    processes.end([started], 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_start_that_is_told_to_end_leaves_nothing_running(settings, stand_ins, number):
    stand_ins(script("api-server", SLOW))
    stand_in = Path(__file__).with_name("stand_in_supervisor.py")
    # Where nohup started the tests, a hang-up would be ignored, as it should.
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        "from sentiment import cli; from sentiment_local import platform; "
        f"platform._SUPERVISOR = (sys.executable, {str(stand_in)!r}); raise SystemExit(cli.main(['up']))"
    )
    ports = {name: str(getattr(settings, name)) for name in ("airflow_port", "mlflow_port")}
    environment = {**os.environ, **{f"SENTIMENT_{name.upper()}": port for name, port in ports.items()}}
    environment["PYTHONPATH"] = FOLDERS
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as up:
        wait_until(lambda: any(one.pid and one.name == "api-server" for one in status(settings).components))
        begun = [one.pid for one in status(settings).components]
        up.send_signal(number)
        assert up.wait(90) == 130
        assert "interrupted" in up.stderr.read()
    assert not any(alive(one) for one in begun)
    assert read_record(settings) is None


def test_what_cannot_be_set_up_is_told_by_the_supervisor_without_a_traceback(home, monkeypatch, caplog):
    from sentiment_local import supervise

    for name in ("AIRFLOW_PORT", "MLFLOW_PORT"):
        monkeypatch.setenv(f"SENTIMENT_{name}", str(free_port()))
    monkeypatch.setenv("SENTIMENT_DATABASE", "rubbish")
    monkeypatch.setattr(supervise.signal, "signal", lambda *_: None)
    assert supervise.main() == 1
    assert read_record(Settings()).trouble.startswith("SENTIMENT_DATABASE must read")
    assert not [record for record in caplog.records if record.exc_info]
    (home / "platform.json").unlink()


def test_a_postgres_that_does_not_answer_says_why(home, monkeypatch):
    from sentiment_local import supervisor
    from sentiment_local.components import Component

    monkeypatch.setattr(databases, "silence", lambda settings: "no such role")
    monkeypatch.setattr(supervisor, "_UNANSWERED_SECONDS", 0.2)
    one = Component("postgres", (sys.executable, "-c", SLEEPER), dict(os.environ), lambda: None)
    watching = supervisor.Supervisor(Settings(), [one])
    preparing = threading.Thread(target=watching.prepare_databases)
    preparing.start()
    try:
        wait_until(lambda: (record := read_record(Settings())) and "no such role" in record.components[0].reason)
        assert "no such role" in platform._late(read_record(Settings()))
    finally:
        watching.stop()
        preparing.join(10)
        watching._end_all()
        (home / "platform.json").unlink()


def test_a_disk_that_is_full_during_the_start_leaves_nothing_running(home, monkeypatch):
    from sentiment_local import supervise

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    started: list[Started] = []
    launch = processes.launch
    monkeypatch.setattr(processes, "launch", lambda *given: started.append(launch(*given)) or started[-1])
    one = Component("postgres", (sys.executable, "-c", SLEEPER), dict(os.environ), lambda: None)
    monkeypatch.setattr(supervise, "components", lambda _: (one,))
    monkeypatch.setattr(supervise.postgres, "prepare", lambda _: None)
    monkeypatch.setattr(supervise.signal, "signal", lambda *_: None)
    monkeypatch.setattr(databases, "silence", lambda _: None)
    monkeypatch.setattr(databases, "create_databases", full)
    monkeypatch.setattr(supervisor, "write_record", lambda *_: full() if started else None)
    assert supervise.main() == 0
    assert len(started) == 1
    assert not alive(started[0].pid)


def test_a_second_start_at_the_same_time_waits_and_finds_the_platform(settings, stand_ins):
    from concurrent.futures import ThreadPoolExecutor

    stand_ins(web_server("api-server", settings.airflow_port))
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: platform.start(settings, said.append), range(2)))
    assert both[0].components[1].pid == both[1].components[1].pid
    assert sum("runs already" in line for line in said) == 1


def test_status_tells_what_is_down_where_things_are_and_how_to_sign_in(settings, stand_ins, monkeypatch):
    assert "not started" in described(settings).platform
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://postgres/airflow")
    assert "docker compose ps" in described(settings).platform
    stand_ins(web_server("api-server", settings.airflow_port))
    components(settings)  # which makes the login
    platform.start(settings, lambda line: None)
    shown = described(settings)
    assert (shown.platform, shown.user) == ("healthy", "admin")
    assert shown.password == read_login(settings).password
    assert [row.component for row in shown.components] == ["supervisor", "api-server"]


def test_of_a_platform_on_other_ports_than_the_settings_name_nobody_is_sent_to_those(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    platform.start(settings, lambda step: None)
    elsewhere = settings.model_copy(update={"airflow_port": free_port()})
    for ask in (status, described, lambda other: platform.start(other, lambda step: None)):
        with pytest.raises(ContractError, match=f"started with SENTIMENT_AIRFLOW_PORT={settings.airflow_port}: say so"):
            ask(elsewhere)
    assert status(settings).healthy
    platform.stop(elsewhere)
    assert not status(elsewhere).started


def test_the_password_of_an_mlflow_elsewhere_is_shown_nowhere(settings, stand_ins):
    elsewhere = settings.model_copy(update={"mlflow_uri": "https://me:secret@mlflow.example.org"})
    stand_ins(web_server("api-server", settings.airflow_port))
    components(elsewhere)  # which makes the login
    said: list[str] = []
    context = replace(Context.of_process(lambda step, *_: said.append(step)), settings=elsewhere)
    shown = [verbs.status(StatusConfig(), context), *(verbs.up(PlatformConfig(), context) for _ in range(2))]
    shown.append(verbs.status(StatusConfig(), context))
    assert "the platform runs already" in said[-1]
    assert "secret" not in f"{said} {shown}"
    assert [each.mlflow for each in shown[1:]] == ["https://mlflow.example.org"] * 3
    assert components(elsewhere)[-1].environment["SENTIMENT_MLFLOW_URI"] == elsewhere.mlflow_uri


def test_a_record_in_ruins_is_written_anew_while_the_supervisor_lives(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    platform.start(settings, lambda line: None)
    record = settings.home / "platform.json"
    for ruin in RUINS:
        record.write_bytes(ruin)
        wait_until(lambda ruin=ruin: record.read_bytes() != ruin)
        assert status(settings).healthy


@pytest.mark.parametrize("ruin", RUINS)
def test_a_record_in_ruins_without_a_supervisor_says_what_to_remove(settings, ruin):
    record = settings.home / "platform.json"
    record.write_bytes(ruin)
    with pytest.raises(ContractError, match=r"rm '.*platform\.json'"):
        status(settings)
    record.unlink()


def test_a_platform_whose_home_is_removed_ends_itself(settings, stand_ins):
    stand_ins(web_server("api-server", settings.airflow_port))
    running = platform.start(settings, lambda line: None)
    # The supervisor may write into it meanwhile.
    wait_until(lambda: shutil.rmtree(settings.home, ignore_errors=True) or not settings.home.exists())
    wait_until(lambda: not any(alive(one.pid) for one in running.components))
    assert status(settings).components == ()


@pytest.mark.parametrize("ruin", [b"", b"\x00" * 10, b"[]", b"{}", b"null", b'{"a": 1}', b'{"api": ""}'])
def test_keys_in_ruins_are_named_with_their_remedy(tmp_path, ruin):
    file = tmp_path / "secrets.json"
    file.write_bytes(ruin)
    with pytest.raises(ContractError, match=r"rm '.*secrets\.json'"):
        made_once(file, {"api": lambda: "made"})


def test_of_two_that_make_the_keys_at_once_both_get_the_same_for_their_owner_alone(tmp_path):
    file = tmp_path / "secrets.json"
    made = made_once(file, {"api": lambda: made_once(file, {"api": lambda: "first"}) and "second"})
    assert made == {"api": "first"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["secrets.json"]


def test_a_stranger_with_a_reused_process_id_is_not_ended(tmp_path):
    with subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True) as stranger:
        created = psutil.Process(stranger.pid).create_time()
        old = Started(name="airflow", pid=stranger.pid, created=created - 60, folder=tmp_path, log=tmp_path / "log")
        assert not processes.running(old)
        assert processes.end([old], grace_seconds=1) == 0
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("ticks", ["/proc/self/stat", "/none/as/on/macos"])
def test_a_step_of_the_clock_makes_no_process_a_stranger(tmp_path, monkeypatch, ticks):
    monkeypatch.setattr(provenance, "_TICKS", Path(ticks))
    parent = launched(tmp_path, PARENT)
    wait_until(lambda: len(processes.family(parent)) == 2)
    boot_time = psutil._psplatform.boot_time
    for step in (3600, -3600):
        monkeypatch.setattr(psutil._psplatform, "boot_time", lambda step=step: boot_time() + step)
        assert processes.running(parent)
        assert len(processes.family(parent)) == 2
    psutil.Process(parent.pid).kill()
    psutil.Process(parent.pid).wait(60)
    assert processes.end([parent], grace_seconds=5) == 1


def test_a_process_of_another_start_of_the_machine_is_a_stranger(tmp_path):
    program = launched(tmp_path, SLEEPER)
    before = program.model_copy(update={"boot": "another"})
    assert not processes.running(before)
    assert processes.end([before], grace_seconds=1) == 0
    assert processes.end([program], grace_seconds=5) == 1


def test_a_process_that_an_earlier_version_wrote_down_is_found_again(tmp_path):
    program = launched(tmp_path, SLEEPER)
    before = program.model_copy(update={"created": psutil.Process(program.pid).create_time()})
    assert processes.running(before)
    assert 0 <= processes.age(before) < 60
    assert processes.end([before], grace_seconds=5) == 1


def test_children_that_outlive_their_parent_are_found_by_their_session(tmp_path):
    parent = launched(tmp_path, PARENT)
    wait_until(lambda: len(processes.family(parent)) == 2)
    psutil.Process(parent.pid).kill()
    psutil.Process(parent.pid).wait(60)
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
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("SPARK_HOME", "/opt/spark-2")
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT", raising=False)
    here = Settings(home=tmp_path, airflow_port=18080, mlflow_port=15000, lake="s3://bucket/lake", mlflow_uri="")
    return {one.name: one.environment for one in components(here)}


def test_each_process_is_a_component_of_its_own(environments):
    assert list(environments) == ["postgres", "mlflow", "api-server", "scheduler", "dag-processor", "triggerer"]


def test_airflow_is_told_the_settings_in_force_and_its_own_addresses(environments, tmp_path):
    airflow = environments["scheduler"]
    assert airflow["SENTIMENT_HOME"] == str(tmp_path)
    assert airflow["SENTIMENT_LAKE"] == "s3://bucket/lake"
    assert airflow["SENTIMENT_MLFLOW_URI"] == "http://127.0.0.1:15000"
    assert airflow["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert airflow["AIRFLOW__CORE__DAGS_FOLDER"] == str(PROJECT / "dags")
    assert json.loads(airflow["AIRFLOW_CONN_SPARK_DEFAULT"]) == {"conn_type": "spark", "host": "sail[2]"}


def test_another_airflow_spark_or_postgres_of_the_shell_does_not_reach_the_components(environments, tmp_path):
    address = environments["scheduler"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert address.startswith("postgresql+psycopg2://airflow@/airflow?host=")
    assert not {"SPARK_HOME", "PGHOST"} & {name for one in environments.values() for name in one}


def test_each_database_has_an_owner_of_its_own(environments):
    assert environments["mlflow"]["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://mlflow@/mlflow?")


def test_only_the_server_of_pages_checks_names_and_nobody_is_administrator_without_a_password(environments):
    assert environments["api-server"]["SENTIMENT_ALLOWED_HOSTS"] == "127.0.0.1,localhost"
    assert "SENTIMENT_ALLOWED_HOSTS" not in environments["scheduler"]
    assert environments["api-server"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"


def test_the_port_of_a_spark_cluster_is_a_field_of_the_connection(tmp_path):
    here = Settings(home=tmp_path, spark_master="spark://host:7077", mlflow_uri="")
    connection = json.loads(components(here)[-1].environment["AIRFLOW_CONN_SPARK_DEFAULT"])
    assert connection == {"conn_type": "spark", "host": "spark://host", "port": 7077}


def test_secrets_are_made_once_and_only_their_owner_reads_them(environments, tmp_path):
    for name in ("secrets.json", "passwords.json"):
        assert stat.S_IMODE((tmp_path / "airflow" / name).stat().st_mode) == 0o600
    again = {one.name: one.environment for one in components(Settings(home=tmp_path, mlflow_uri=""))}
    key = "AIRFLOW__API_AUTH__JWT_SECRET"
    assert again["api-server"][key] == environments["api-server"][key]


def test_an_mlflow_elsewhere_is_passed_on_and_none_is_started(tmp_path):
    started = components(Settings(home=tmp_path, mlflow_uri="https://mlflow.example.org"))
    assert "mlflow" not in [one.name for one in started]
    assert started[-1].environment["SENTIMENT_MLFLOW_URI"] == "https://mlflow.example.org"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_mlflow_of_this_machine_with_the_platforms_port_is_its_own(tmp_path, host):
    here = Settings(home=tmp_path, mlflow_uri=f"http://{host}:5001", mlflow_port=5001)
    assert "mlflow" in [one.name for one in components(here)]
    assert "mlflow" not in [one.name for one in components(here.model_copy(update={"mlflow_port": 5000}))]


def test_airflows_own_commands_say_when_the_platform_is_down_and_make_nothing(home):
    command = [sys.executable, "-m", "sentiment_local.airflow_cli", "db", "check"]
    told = {**os.environ, "SENTIMENT_HOME": str(home)}
    ended = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Airflow's database does not answer (")
    assert ended.stderr.endswith("start the platform: sentiment up\n")
    assert not (home / "airflow").exists()


def test_a_database_server_elsewhere_is_used_and_none_is_started(tmp_path):
    here = Settings(home=tmp_path, mlflow_uri="", database="postgresql://me:secret@db.example.org:5433/ignored")
    started = {one.name: one.environment for one in components(here)}
    assert "postgres" not in started
    address = "postgresql+psycopg2://me:secret@db.example.org:5433/"
    assert started["scheduler"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"{address}airflow"
    assert started["mlflow"]["MLFLOW_BACKEND_STORE_URI"] == f"{address}mlflow"
    assert not [word for one in components(here) for word in one.command if "secret" in word]


@pytest.mark.parametrize(
    "address",
    [
        *("mysql://me:secret@host", "nonsense secret", "postgresql://"),
        *("postgresql://me:a@secret:word@host", "postgresql://me:a@secret@host", "postgresql://me:secret@host:port"),
    ],
)
def test_a_database_server_that_cannot_be_used_is_refused_without_its_password(address, tmp_path):
    with pytest.raises(ContractError, match="SENTIMENT_DATABASE") as error:
        databases.database_url(Settings(home=tmp_path, database=address), "airflow")
    assert "secret" not in str(error.value)
    assert "%40" in str(error.value)


def test_a_database_server_may_be_called_postgres_as_others_call_it(tmp_path):
    here = Settings(home=tmp_path, database="postgres://me:a%40b@host")
    assert databases.database_url(here, "airflow") == "postgresql+psycopg2://me:a%40b@host/airflow"


def test_what_version_0_3_had_started_can_be_ended(tmp_path):
    old = launched(tmp_path, SLEEPER)
    (tmp_path / "platform.json").write_text(json.dumps([old.model_dump(mode="json")]))
    here = Settings(home=tmp_path)
    assert not status(here).healthy
    assert platform.stop(here) == 1
    assert processes.family(old) == []


@pytest.mark.parametrize(("another", "order"), [(True, ["mlflow", "airflow"]), (False, ["airflow"])])
def test_mlflows_tables_are_migrated_before_its_server_starts_where_they_are_of_another_version(
    home, monkeypatch, another, order
):
    done: list[str] = []
    one = Component("mlflow", (sys.executable, "-c", SLEEPER), {"ADDRESS": "of the tables"}, lambda: None)
    watching = supervisor.Supervisor(Settings(), [one])

    def of_mlflow(settings, environment, log, stopped, meanwhile) -> bool:
        meanwhile()
        assert environment == one.environment
        assert watching._started == {}
        done.append("mlflow")
        return True

    monkeypatch.setattr(supervisor, "is_mlflow_of_another_version", lambda settings: another)
    monkeypatch.setattr(supervisor, "migrate_mlflow", of_mlflow)
    monkeypatch.setattr(supervisor, "migrate", lambda *_: done.append("airflow") or True)
    assert watching._migrate()
    assert done == order
    (home / "platform.json").unlink(missing_ok=True)


@pytest.mark.parametrize("code", [SLEEPER, STUBBORN])
def test_a_migration_beside_which_something_fails_is_not_left_running(settings, monkeypatch, code):
    begun: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen
    monkeypatch.setattr(migration, "_GRACE_SECONDS", 1.0)
    monkeypatch.setattr(migration, "airflow_command", lambda *_: (sys.executable, "-c", code))
    monkeypatch.setattr(migration, "of_airflow", lambda _: dict(os.environ))
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **more: begun.append(real(*given, **more)) or begun[-1])
    log = settings.home / "logs" / "migration.log"

    def full() -> None:
        if code == SLEEPER or "deaf" in log.read_text():
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        migration.migrate(settings, log, threading.Event(), full)
    assert [migrating.poll() is None for migrating in begun] == [False]
