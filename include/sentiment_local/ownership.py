"""Whose the databases are on a server that others use too: each bears a mark of its home before it is migrated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local import databases

_MARK = ("review_sentiment_platform", "select home from review_sentiment_platform")
# A row that an unmarked database of an earlier version of this platform has, and no other program's.
_OURS = {
    "airflow": ("dag", "select 1 from dag where dag_id = 'ingest_reviews'"),
    # Before the first training there is none but that which MLflow makes itself.
    "mlflow": (
        "experiments",
        "select 1 where exists (select 1 from experiments where name = %(experiment)s) "
        "or not exists (select 1 from experiments where name <> 'Default')",
    ),
}
# Where the trainings' files go, as MLflow wrote it down with the first of them.
_PLACE = ("experiments", "select artifact_location from experiments where name = %(experiment)s")
_IN_HOME = Path("mlflow", "artifacts")


def take_databases(settings: Settings, names: Sequence[str], home: str) -> None:
    """Mark the databases as those of a home, by what tells it from others; what is marked so already stays.

    Raises ContractError, with nothing changed in any, where one is another home's or another program's: its tables
    would be migrated, and its Airflow would run beside ours.
    """
    for name in [name for name in names if not _is_taken(settings, name, home)]:
        with databases.connected(make_url(databases.database_url(settings, name))) as cursor:
            cursor.execute("create table if not exists review_sentiment_platform (home text not null)")
            cursor.execute("insert into review_sentiment_platform values (%s)", (home,))


def require_unmoved(settings: Settings) -> None:
    """Raise ContractError where the home was moved: MLflow names its files in full, and new ones would go to the old
    place, where another home may lie by now.

    A link at the old place that leads to this one is as good; a root that SENTIMENT_ARTIFACTS names is its owner's.
    """
    root = settings.home / _IN_HOME
    if Path(settings.artifact_root) != root:
        return
    with databases.connected(make_url(databases.database_url(settings, "mlflow"))) as cursor:
        found = [Path(place) for (place,) in _rows(cursor, *_PLACE, settings) if str(place).startswith("/")]
    for place in found:
        if place.match(str(_IN_HOME)) and place.resolve() != root.resolve():
            old = place.parents[1]
            raise ContractError(
                f"the home {settings.home} lay at {old}, where MLflow would still look for the files of its trainings "
                f"and write new ones: move it back, or put a link there that leads here (ln -s {settings.home} {old})"
            )


def _is_taken(settings: Settings, name: str, home: str) -> bool:
    """Tell whether a database bears the mark of a home; raises ContractError where it is another's."""
    revision = databases.revision(settings, name)
    with databases.connected(make_url(databases.database_url(settings, name))) as cursor:
        marked = _rows(cursor, *_MARK, settings)
        if marked == [(home,)]:
            return True
        if not marked and (revision is None or _rows(cursor, *_OURS[name], settings)):
            return False
    whose = "another platform, or of this one before its HOME was made anew" if marked else "another program"
    raise ContractError(
        f"the database {name!r} of SENTIMENT_DATABASE is that of {whose}, and is left alone: name another server, or "
        "none for one of the platform's own; to give it to this platform, drop it"
        f"{f', or its table {_MARK[0]}' if marked else ''}"
    )


def _rows(cursor: Any, table: str, query: str, settings: Settings) -> list[tuple[Any, ...]]:
    """Return what a query finds, nothing where its table is not there."""
    cursor.execute("select to_regclass(%s)", (table,))
    if cursor.fetchone()[0] is None:
        return []
    cursor.execute(query, {"experiment": settings.experiment})
    return list(cursor.fetchall())
