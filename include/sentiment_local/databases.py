"""The databases of Airflow and MLflow: their addresses, and how they are made, on our own server or the one named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local.postgres import SUPERUSER, socket_folder

# One database and one owner each.
DATABASES = ("airflow", "mlflow")


def is_own(settings: Settings) -> bool:
    """Tell whether the platform runs PostgreSQL itself."""
    return not settings.database


def database_url(settings: Settings, name: str) -> str:
    """Return the SQLAlchemy address of the database `name`; a password that it holds is not hidden."""
    if is_own(settings):
        return _rendered(_own(settings, name, name))
    return _rendered(_named(settings).set(database=name))


def create_databases(settings: Settings) -> None:
    """Make the databases that are missing; on the platform's own server each with an owner of its name."""
    with connected(_maintenance(settings)) as cursor:
        cursor.execute("select datname from pg_database")
        there = {row[0] for row in cursor.fetchall()}
        for name in DATABASES:
            if name in there:
                continue
            if is_own(settings):
                _create_owner(cursor, name)
            cursor.execute(f'create database "{name}"' + (f' owner "{name}"' if is_own(settings) else ""))


def revision(settings: Settings, name: str) -> str | None:
    """Return the revision of a database's tables, as Alembic wrote it down there; None where it has none yet."""
    with connected(make_url(database_url(settings, name))) as cursor:
        cursor.execute("select to_regclass('alembic_version')")
        if cursor.fetchone()[0] is None:
            return None
        cursor.execute("select version_num from alembic_version")
        found = cursor.fetchone()
    return str(found[0]) if found else None


def answers(settings: Settings) -> bool:
    """Tell whether the server takes a question within a few seconds."""
    return silence(settings) is None


def silence(settings: Settings) -> str | None:
    """Say why the server takes no question within a few seconds, or None when it does."""
    import psycopg2

    try:
        with connected(_maintenance(settings)) as cursor:
            cursor.execute("select 1")
    except psycopg2.Error as error:
        return " ".join(str(error).split())
    return None


def _create_owner(cursor: Any, name: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (name,))
    if cursor.fetchone() is None:
        cursor.execute(f'create role "{name}" login')


@contextmanager
def connected(server: URL) -> Iterator[Any]:
    """Give a cursor of a database while the block runs; each statement is in force at once."""
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
    return _own(settings, SUPERUSER, "postgres") if is_own(settings) else _named(settings).set(database="postgres")


def _own(settings: Settings, user: str, database: str) -> URL:
    folder = str(socket_folder(settings.home))
    return URL.create("postgresql+psycopg2", username=user, database=database, query={"host": folder})


def _named(settings: Settings) -> URL:
    try:
        server = make_url(settings.database)
    except (ArgumentError, ValueError):  # a port that is no number
        server = None
    kinds = ("postgresql", "postgres")
    if server is None or server.get_backend_name() not in kinds or not server.host or "@" in server.host:
        # The value is not repeated: it may hold a password.
        raise ContractError(
            "SENTIMENT_DATABASE must read postgresql://user:password@host:5432, or be empty; "
            "write @ in a password as %40"
        )
    return server.set(drivername="postgresql+psycopg2")


def _rendered(address: URL) -> str:
    return address.render_as_string(hide_password=False)
