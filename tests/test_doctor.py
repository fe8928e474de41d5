"""What the checks say of machines that lack something; the machines are folders with small scripts in them."""

from __future__ import annotations

import ast
import errno
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from ports import free_port
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.provenance import actor
from sentiment.core.settings import Settings
from sentiment.stores.spark_jvm import _require_user
from sentiment_local import doctor, preflight, verbs
from sentiment_local.airflow_environment import log_ports
from sentiment_local.config import DoctorConfig

PREFLIGHT = Path(preflight.__file__)
GIB = preflight.GIBIBYTE


def a_java(folder: Path, version: str, modules_fail: bool = False) -> Path:
    """A folder whose bin/java prints what `java -version` prints, and may lack the module that Spark loads."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    refuse = 'case "$1" in --add-modules*) exit 1;; esac\n' if modules_fail else ""
    java.write_text(f"#!/bin/sh\n{refuse}echo 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return folder


def a_port() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize(
    ("output", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_is_read_as_old_and_new_javas_print_it(output, major):
    assert preflight.java_major(output) == major


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2"])
def test_java_17_and_21_pass(tmp_path, version):
    assert preflight.check_java({"JAVA_HOME": str(a_java(tmp_path / "jdk", version)), "PATH": ""}).ok


def test_another_java_fails_and_the_remedy_names_one_to_install(tmp_path):
    check = preflight.check_java({"JAVA_HOME": str(a_java(tmp_path / "jdk", "11.0.2")), "PATH": ""})
    assert not check.ok
    assert "Java 11" in check.detail
    assert "openjdk-17-jre-headless" in check.remedy


def test_java_home_goes_before_path(tmp_path):
    old, new = a_java(tmp_path / "old", "11.0.2"), a_java(tmp_path / "new", "17.0.1")
    check = preflight.check_java({"JAVA_HOME": str(old), "PATH": str(new / "bin")})
    assert str(old) in check.detail
    assert preflight.check_java({"PATH": str(new / "bin")}).ok


def test_a_java_home_without_java_fails_although_path_has_one(tmp_path):
    new = a_java(tmp_path / "new", "17.0.1")
    assert not preflight.check_java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(new / "bin")}).ok


def test_no_java_at_all_is_said(tmp_path):
    assert "no Java" in preflight.check_java({"PATH": str(tmp_path)}).detail


def test_a_trimmed_java_that_would_stop_spark_fails(tmp_path):
    check = preflight.check_java({"JAVA_HOME": str(a_java(tmp_path / "jre", "17.0.1", modules_fail=True)), "PATH": ""})
    assert not check.ok
    assert "jdk.incubator.vector" in check.detail


@pytest.mark.parametrize(("version", "ok"), [((3, 6, 9), False), ((3, 11, 7), True), ((3, 14), True), ((3, 15), False)])
def test_python_must_be_one_that_every_package_is_built_for(version, ok):
    assert preflight.check_python(version).ok is ok


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        (("Linux", "6.1.0", "x86_64", "glibc 2.36"), True),
        (("Linux", "6.1.0", "aarch64", "glibc 2.36"), True),
        (("Linux", "6.1.0", "x86_64", ""), False),
        (("Linux", "6.1.0", "armv7l", "glibc 2.36"), False),
        (("Darwin", "23.6.0", "arm64", ""), True),
        (("Darwin", "25.0.0", "arm64", ""), True),
        (("Darwin", "22.6.0", "arm64", ""), False),
        (("Darwin", "24.1.0", "x86_64", ""), False),
        (("FreeBSD", "14.1", "amd64", ""), False),
    ],
)
def test_the_system_must_be_one_that_every_package_is_built_for(found, ok):
    check = preflight.check_system(*found)
    assert (check.ok, "built for Linux with glibc" in check.detail) == (ok, not ok)


@pytest.mark.parametrize("error", [OSError(errno.EINVAL, "Invalid argument"), ValueError("unrecognized"), None])
def test_the_preflight_says_of_another_c_library_that_there_are_no_packages(monkeypatch, tmp_path, capsys, error):
    def confstr(_: str) -> None:
        if error:
            raise error

    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname="Linux", release="6.1.0", machine="x86_64"))
    monkeypatch.setattr(os, "confstr", confstr)
    assert preflight.main([str(tmp_path)]) == 1
    assert "system: Linux 6.1.0 on x86_64 without glibc; " in capsys.readouterr().err


def test_the_disk_is_looked_at_where_a_missing_folder_would_be_made(tmp_path):
    check = preflight.check_disk(tmp_path / "not" / "yet", 0.001)
    assert check.ok
    assert str(tmp_path) in check.detail
    assert not preflight.check_disk(tmp_path, 1e9).ok


def test_to_bring_an_environment_up_to_date_takes_less_disk_than_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SENTIMENT_SPARK_MASTER", "sail")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: SimpleNamespace(free=4 * GIB))
    assert preflight.main([str(tmp_path)]) == 1
    (tmp_path / ".venv").mkdir()
    assert preflight.main([str(tmp_path)]) == 1  # an installation that was interrupted
    (tmp_path / ".venv" / "installed").touch()
    assert preflight.main([str(tmp_path)]) == 0


def test_the_preflight_parses_under_an_old_python_and_needs_only_its_standard_library():
    tree = ast.parse(PREFLIGHT.read_text(), feature_version=(3, 7))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name if isinstance(node, ast.Import) else node.module for node in imports for alias in node.names}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_preflight_run_as_a_script_says_what_is_missing_and_exits_with_1(tmp_path):
    environment = {"PATH": str(tmp_path), "HOME": os.environ.get("HOME", "/"), "SENTIMENT_SPARK_MASTER": "local[2]"}
    command = [sys.executable, str(PREFLIGHT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("java: no Java was found")


def test_a_taken_port_is_named_with_its_program_and_the_variable_that_moves_it(tmp_path):
    listener, port = a_port()
    with listener:
        checks = doctor.check_ports(Settings(home=tmp_path, airflow_port=port, mlflow_port=1 + port))
    assert not checks[0].ok
    assert f"process {os.getpid()}" in checks[0].detail
    assert "SENTIMENT_AIRFLOW_PORT" in checks[0].remedy


def test_a_port_that_was_given_up_is_free(tmp_path):
    listener, port = a_port()
    listener.close()
    assert doctor.check_ports(Settings(home=tmp_path, airflow_port=port))[0].ok


def test_the_port_of_an_mlflow_elsewhere_is_not_looked_at(tmp_path):
    checks = doctor.check_ports(Settings(home=tmp_path, mlflow_uri="https://mlflow.example.org"))
    assert [check.name for check in checks] == ["port 8080", "port 8793", "port 9793"]


def test_platforms_on_neighbouring_ports_share_none():
    own = [{port, *log_ports(port)} for port in (8080, 8081, 8082, 65000, 65001)]
    assert len(set.union(*own)) == 3 * len(own)
    assert max(set.union(*own)) < 2**16


def test_the_port_of_airflows_logs_is_looked_at_too(tmp_path):
    listener, port = a_port()
    with listener:
        checks = doctor.check_ports(Settings(home=tmp_path, airflow_port=port - 713, mlflow_uri="http://elsewhere"))
    assert (f"port {port}", False) in [(check.name, check.ok) for check in checks]


def test_a_port_that_only_an_administrator_may_open_is_not_called_taken(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    check = doctor.check_ports(Settings(home=tmp_path, airflow_port=80))[0]
    assert (check.ok, "taken" in check.detail) == (False, False)
    assert check.remedy == "set SENTIMENT_AIRFLOW_PORT to 1024 or more"


def test_a_home_that_this_user_cannot_write_to_or_make_is_said_with_its_owner(tmp_path, monkeypatch, context):
    # As of a user who is not root, of whom the tests may be run.
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place).stat().st_mode & 0o200 > 0)
    (locked := tmp_path / "locked").mkdir(mode=0o555)
    for home in (locked, locked / "not" / "yet"):
        settings = context.settings.model_copy(update={"home": home})
        (failed,) = preflight.sentences(doctor.diagnose(settings))
        assert f"cannot write to {locked}, which belongs to {tmp_path.owner()};" in failed
        assert "SENTIMENT_HOME" in failed


def test_the_memory_needed_grows_with_sparks():
    assert doctor.check_memory(6 * GIB, "2g").ok
    assert not doctor.check_memory(6 * GIB, "4096m").ok


def test_a_size_that_spark_would_not_read_is_refused():
    with pytest.raises(ContractError, match="SENTIMENT_SPARK_MEMORY"):
        doctor.check_memory(6 * GIB, "two")


def test_both_spark_packages_have_the_same_version():
    assert doctor.check_spark_versions().ok


def test_spark_submit_is_looked_for_beside_python_and_then_on_path(tmp_path):
    assert not doctor.check_spark_submit(tmp_path, "").ok
    scripts = tmp_path / "local" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "spark-submit").write_text("")
    (scripts / "spark-submit").chmod(0o755)
    assert doctor.check_spark_submit(scripts, "").ok
    assert str(scripts) in doctor.check_spark_submit(tmp_path, str(scripts)).detail


def test_a_user_without_a_name_is_told_before_java_is(monkeypatch):
    assert preflight.check_user().ok
    monkeypatch.setattr(os, "getuid", lambda: 54_321_987)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    check = preflight.check_user()
    assert not check.ok
    assert "54321987 has no line in /etc/passwd" in check.detail
    with pytest.raises(ContractError, match="Spark does not start without one"):
        _require_user()
    assert actor() == "user 54321987"


def test_every_failed_check_is_a_sentence_with_its_remedy():
    failed = [preflight.Check("java", False, "none", "get one"), preflight.Check("disk", True, "fine", "")]
    with pytest.raises(ContractError, match="java: none; get one") as error:
        doctor.require(failed)
    assert "disk" not in str(error.value)


def test_what_a_check_is_about_is_said_once():
    checks = [
        preflight.Check("port 80", False, "port 80 is taken", "stop that"),
        preflight.Check("java", False, "none", "get one"),
    ]
    assert preflight.sentences(checks) == ["port 80 is taken; stop that.", "java: none; get one."]


def test_a_postgres_that_cannot_run_here_is_said_with_a_way_out(monkeypatch, tmp_path):
    assert doctor.check_postgres().ok
    monkeypatch.setattr(doctor.postgres, "_PROGRAMS", tmp_path)
    check = doctor.check_postgres()
    assert not check.ok
    assert "SENTIMENT_DATABASE" in check.remedy


@pytest.fixture
def context(tmp_path, monkeypatch) -> Context:
    """A machine with room enough, and ports that nobody listens at."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=64 * GIB))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=64 * GIB))
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "jdk", "17.0.15")))
    ports = {name: free_port() for name in ("airflow_port", "mlflow_port")}
    here = Settings(home=tmp_path, mlflow_uri="", lake="", database="", **ports)
    return replace(Context.of_process(lambda *_: None), settings=here)


def test_the_verb_returns_a_row_a_check_of_a_machine_that_is_ready(context):
    checked = verbs.doctor(DoctorConfig(), context).checks
    names = {row.name for row in checked}
    assert {"python", "spark packages", "postgres", "disk", "memory"} < names
    assert not {"java", "spark-submit"} & names  # which Sail does not need
    assert all(row.ok for row in checked)


@pytest.mark.parametrize(
    ("master", "needed"), [("local[2]", True), ("spark://there:7077", True), ("sc://there", False)]
)
def test_java_is_looked_for_where_the_master_needs_one(context, master, needed):
    settings = context.settings.model_copy(update={"spark_master": master})
    names = {row.name for row in verbs.doctor(DoctorConfig(), replace(context, settings=settings)).checks}
    assert ("java" in names, "spark-submit" in names) == (needed, needed)
    assert preflight.needs_java(master) == needed


def test_before_there_is_an_environment_the_same_master_is_taken_as_after():
    assert Settings.model_fields["spark_master"].default == preflight.DEFAULT_MASTER


def test_each_check_is_made_once(context, monkeypatch):
    made: list[str] = []
    real = preflight.check_java

    def counted(environment):
        made.append("java")
        return real(environment)

    monkeypatch.setattr(doctor, "check_java", counted)
    settings = context.settings.model_copy(update={"spark_master": "local[2]"})
    verbs.doctor(DoctorConfig(), replace(context, settings=settings))
    assert made == ["java"]


def test_the_verb_fails_with_what_is_missing_and_what_to_do(context):
    listener, port = a_port()
    with listener, pytest.raises(ContractError, match=f"port {port} is taken by (.|\n)*SENTIMENT_AIRFLOW_PORT"):
        verbs.doctor(
            DoctorConfig(), replace(context, settings=context.settings.model_copy(update={"airflow_port": port}))
        )
