"""The platform's own PostgreSQL: made once, private, and again there after a kill."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import Engine, make_url

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local import airflow_cli, databases, migration, platform, postgres, processes
from sentiment_local.airflow_environment import home_id
from sentiment_local.components import Component, components
from sentiment_local.ownership import _is_taken, require_unmoved, take_databases
from sentiment_local.processes import Started
from sentiment_local.supervisor import Supervisor


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def started(settings: Settings) -> Started:
    command = postgres.server_command(settings)
    server = processes.launch("postgres", command, os.environ, settings.home, settings.home / "logs" / "postgres.log")
    deadline = time.monotonic() + 300
    while not databases.answers(settings):
        assert time.monotonic() < deadline, processes.last_lines(server.log)
        time.sleep(0.1)
    return server


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    # Longer than a socket's path may be, and with characters that an address must quote.
    home = tmp_path_factory.mktemp("a home of some length & with blanks, a + and an ü" + 40 * "x")
    return Settings(home=home, database="")


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Started]:
    postgres.prepare(settings)
    running = started(settings)
    databases.create_databases(settings)
    yield running
    processes.end([running], 10)


def connected(settings: Settings, name: str):
    address = databases.database_url(settings, name).replace("+psycopg2", "")
    return psycopg2.connect(address)


def test_each_database_is_reached_by_its_owner(settings: Settings, server: Started) -> None:
    for name in databases.DATABASES:
        with connected(settings, name) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select current_user, current_database(), pg_get_userbyid(datdba) from pg_database "
                "where datname = current_database()"
            )
            assert cursor.fetchone() == (name, name, name)
        connection.close()


def test_data_and_socket_are_closed_to_others_and_no_port_is_open(settings: Settings, server: Started) -> None:
    assert mode(settings.home / "postgres") == 0o700
    assert mode(settings.home / "postgres" / "data") == 0o700
    assert mode(Path(make_url(databases.database_url(settings, "airflow")).query["host"])) == 0o700
    assert not [one for one in psutil.Process(server.pid).net_connections("inet") if one.status == "LISTEN"]


def test_airflows_own_commands_reach_the_platforms_database_whatever_the_shell_says_of_another_one(
    settings: Settings, server: Started, monkeypatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGSERVICE": "elsewhere", "SENTIMENT_HOME": str(settings.home)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SENTIMENT_DATABASE", raising=False)
    (settings.home / "airflow").mkdir(exist_ok=True)  # as a start makes it
    become: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, _command, environment: become.append(environment))
    airflow_cli.main()
    assert not [name for one in become for name in one if name.startswith("PG")]
    assert len(become) == 1


def keep_files_at(place: str, settings: Settings) -> None:
    """Have MLflow's database say where the files of the trainings go."""
    with connected(settings, "mlflow") as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists experiments")
        cursor.execute("create table experiments (name text, artifact_location text)")
        cursor.execute("insert into experiments values (%s, %s)", (settings.experiment, place))
    connection.close()


@pytest.mark.parametrize("is_there", [False, True], ids=["nothing there", "another home there"])
def test_a_platform_whose_home_was_moved_does_not_start_and_says_how_it_would(
    settings: Settings, server: Started, tmp_path, is_there: bool
) -> None:
    old = tmp_path / "old"
    if is_there:
        (old / "mlflow" / "artifacts").mkdir(parents=True)
    keep_files_at(f"{old}/mlflow/artifacts", settings)
    its = Component("mlflow", ("false",), {}, lambda: None)
    with pytest.raises(ContractError, match=rf"lay at {old}, .* move it back, or put a link there that leads here"):
        Supervisor(settings, [its]).prepare_databases()


def is_refused(settings: Settings) -> bool:
    try:
        require_unmoved(settings)
    except ContractError:
        return True
    return False


def test_a_home_that_is_reached_by_a_link_and_files_elsewhere_by_choice_are_no_moved_home(
    settings: Settings, server: Started, tmp_path
) -> None:
    (tmp_path / "link").symlink_to(settings.home)
    by_link = settings.model_copy(update={"home": tmp_path / "link"})
    by_choice = [settings.model_copy(update={"artifacts": root}) for root in ("s3://b/models", "/mnt/models")]
    chosen = ("s3://b/mlflow/artifacts", "mlflow-artifacts:/1", "/mnt/a")
    asked = [(place, (settings, by_link)) for place in (settings.artifact_root, by_link.artifact_root, *chosen)]
    refused = []
    for place, homes in [*asked, ("/elsewhere/mlflow/artifacts", by_choice)]:
        keep_files_at(place, settings)
        refused += [(place, one.artifact_root) for one in homes if is_refused(one)]
    assert refused == []


def locks(settings: Settings) -> list[Path]:
    sockets = postgres.socket_folder(settings.home)
    return [settings.home / "postgres" / "data" / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"]


def test_the_locks_of_a_server_that_lives_are_left_to_it(settings: Settings, server: Started) -> None:
    before = [lock.read_text() for lock in locks(settings)]
    postgres.prepare(settings)
    assert [lock.read_text() for lock in locks(settings)] == before


def test_a_server_whose_process_is_not_seen_as_in_a_container_keeps_its_files_and_is_the_only_one(
    settings: Settings, server: Started, monkeypatch
) -> None:
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(()))
    monkeypatch.setattr(platform, "require_usable", lambda _: None)  # no platform runs in a home of such a name
    monkeypatch.setattr(platform, "stop", lambda _: 0)  # of a platform out of sight nothing is ended
    before = [lock.read_text() for lock in locks(settings)]
    for starts in (postgres.prepare, lambda here: platform.start(here, lambda _: None)):
        with pytest.raises(ContractError, match=r"not seen from here, .* stop the platform there, or set SENTIMENT_HO"):
            starts(settings)
    assert [lock.read_text() for lock in locks(settings)] == before
    second = subprocess.run(postgres.server_command(settings), capture_output=True, text=True, timeout=300, check=False)
    assert second.returncode
    assert "another process, perhaps of a container, holds" in second.stderr


def test_what_is_there_is_not_made_again(settings: Settings, server: Started) -> None:
    with connected(settings, "airflow") as connection, connection.cursor() as cursor:
        cursor.execute("create table kept as select 7 as number")
    connection.close()
    postgres.prepare(settings)
    databases.create_databases(settings)
    left = psutil.Process(server.pid).children(recursive=True)
    os.kill(server.pid, signal.SIGKILL)
    processes.end([server], 5)
    # Its children have sessions of their own, and end when they see that it is gone.
    assert psutil.wait_procs(left, timeout=90)[1] == []
    again = started(settings)
    try:
        with connected(settings, "airflow") as connection, connection.cursor() as cursor:
            cursor.execute("select number from kept")
            assert cursor.fetchone() == (7,)
        connection.close()
    finally:
        processes.end([again], 10)


@pytest.mark.parametrize("name", ["two words", "ümläut", "a+b & c=d"])
def test_a_home_of_any_name_reaches_its_server_in_its_own_folder(name: str) -> None:
    # Short, so that the socket lies in the home.
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        here = Settings(home=Path(folder) / name, database="")
        postgres.prepare(here)
        server = started(here)
        try:
            databases.create_databases(here)
            assert (here.home / "postgres" / "socket" / ".s.PGSQL.5432").exists()
            host = make_url(databases.database_url(here, "mlflow")).query["host"]
            assert host == str(here.home.resolve() / "postgres" / "socket")
        finally:
            processes.end([server], 10)


@pytest.mark.parametrize("length", [1, 50, 57, 58, 59, 60, 90])
def test_a_home_and_a_link_to_it_have_one_socket(length: int) -> None:
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder:
        root = Path(folder) / ("x" * length)
        (root / "sample").mkdir(parents=True)
        (root / "current").symlink_to(root / "sample")
        assert postgres.socket_folder(root / "current") == postgres.socket_folder(root / "sample")


def test_the_databases_of_another_platform_and_of_another_program_are_left_alone(tmp_path) -> None:
    here = Settings(home=tmp_path, database="", experiment="reviews")
    postgres.prepare(here)
    server = started(here)
    try:
        databases.create_databases(here)
        other = here.model_copy(update={"home": tmp_path / "other"})
        for one in (here, other):
            (one.home / "airflow").mkdir(parents=True)
        assert home_id(here) == home_id(here) != home_id(other)
        for home in ("one", "one"):
            take_databases(here, ["airflow"], home)
        with pytest.raises(ContractError, match=r"'airflow' .* is that of another platform, or of this one before"):
            take_databases(here, ["airflow"], "two")
        with connected(here, "mlflow") as connection, connection.cursor() as cursor:
            cursor.execute("create table alembic_version as select 'r' as version_num")
            cursor.execute("create table experiments as select 'Default' as name")
        connection.close()
        assert not _is_taken(here, "mlflow", "one")  # of a platform that has trained nothing yet, and may be taken
        with connected(here, "mlflow") as connection, connection.cursor() as cursor:
            cursor.execute("insert into experiments values ('theirs')")
        connection.close()
        with pytest.raises(ContractError, match=r"'mlflow' .* is that of another program, and is left alone"):
            take_databases(here, ["mlflow"], "one")
        with connected(here, "mlflow") as connection, connection.cursor() as cursor:
            cursor.execute("insert into experiments values ('reviews')")  # as an earlier version left it
        connection.close()
        take_databases(here, ["mlflow"], "one")
    finally:
        processes.end([server], 10)


@pytest.fixture
def stranger() -> Iterator[int]:
    """The id of a process of this user that is no PostgreSQL."""
    with subprocess.Popen(["sleep", "600"]) as sleeping:
        yield sleeping.pid
        sleeping.kill()


def test_a_server_whose_id_is_another_process_s_after_an_unclean_end_starts_again(tmp_path, stranger) -> None:
    here = Settings(home=tmp_path, database="")
    postgres.prepare(here)
    server = started(here)
    parts = psutil.Process(server.pid).children(recursive=True)
    os.kill(server.pid, signal.SIGKILL)
    processes.end([server], 5)
    assert psutil.wait_procs(parts, timeout=90)[1] == []
    for lock in locks(here):
        lock.write_text(lock.read_text().replace(str(server.pid), str(stranger), 1))
    postgres.prepare(here)
    processes.end([started(here)], 10)


def test_mlflows_tables_of_an_earlier_version_are_brought_to_this_one_and_no_others_are_touched(tmp_path) -> None:
    from mlflow.store.db import utils

    here = Settings(home=tmp_path, database="", mlflow_uri="")
    postgres.prepare(here)
    server = started(here)
    engine = None
    try:
        databases.create_databases(here)
        # What is empty is left to MLflow's server.
        assert not migration.is_mlflow_of_another_version(here)
        (its,) = (one for one in components(here) if one.name == "mlflow")
        engine = utils.create_sqlalchemy_engine_with_retry(its.environment["MLFLOW_BACKEND_STORE_URI"])
        set_back(engine)
        assert migration.is_mlflow_of_another_version(here)
        with pytest.raises(MlflowException, match="Detected out-of-date database schema"):
            utils._verify_schema(engine)
        upgrading = (here, its.environment, tmp_path / "logs" / "migrate-mlflow.log", threading.Event())
        assert migration.migrate_mlflow(*upgrading, lambda: None)
        utils._verify_schema(engine)
        assert not migration.is_mlflow_of_another_version(here)
    finally:
        if engine is not None:
            engine.dispose()
        processes.end([server], 10)


def set_back(engine: Engine) -> None:
    """Make MLflow's tables as the version before its last migration made them."""
    from alembic import command
    from mlflow.store.db import utils
    from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase

    InitialBase.metadata.create_all(engine)
    steps = utils._get_alembic_config(str(engine.url))
    with engine.begin() as connection:
        steps.attributes["connection"] = connection
        command.upgrade(steps, f"{utils._get_latest_schema_revision()}-1")


def test_the_latest_revision_is_the_one_that_mlflow_expects() -> None:
    from mlflow.store.db import utils

    assert migration.latest_revisions_of_mlflow() == {utils._get_latest_schema_revision()}


def test_why_a_server_does_not_answer_is_told(tmp_path) -> None:
    here = Settings(home=tmp_path, database="postgresql://me:secret@127.0.0.1:1")
    assert "Connection refused" in str(databases.silence(here))
    assert "secret" not in str(databases.silence(here))


@pytest.mark.parametrize("ruin", [b"", b"\x00\xff" * 9, None])
def test_a_spoilt_version_file_is_named_with_a_remedy_that_keeps_the_data(tmp_path, ruin) -> None:
    data = tmp_path / "postgres" / "data"
    (data / "base").mkdir(parents=True)
    (data.parent / ".17.data" / "base").mkdir(parents=True)
    if ruin is not None:
        (data / "PG_VERSION").write_bytes(ruin)
    with pytest.raises(ContractError, match=r"echo 18 > '.*PG_VERSION'") as error:
        postgres.prepare(Settings(home=tmp_path, database=""))
    assert "Remove nothing" in str(error.value)
    # The socket lies elsewhere where this path is too long for one.
    assert {one.name for one in data.parent.iterdir()} - {"socket", "server.lock"} == {"data"}
    assert (data / "base").is_dir()


def test_data_of_another_version_are_refused_and_left_alone(tmp_path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ContractError, match="PostgreSQL 15"):
        postgres.prepare(Settings(home=tmp_path, database=""))
    assert (data / "PG_VERSION").read_text() == "15\n"
