"""Where studies are kept: a database for any number of machines, or a journal file for one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from pydantic import JsonValue
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import Settings
from sentiment.tuning.config import TuneConfig
from sentiment.tuning.space import SeededSampler, pruner

JOURNALS = (".log", ".journal")
# A worker of another machine that says nothing for so many seconds is dead; training keeps every core busy for
# minutes. A worker of this machine is looked at directly, see search.py.
HEARTBEAT, SILENCE = 60, 600
# SQLite lets one process write at a time; the others wait for so many seconds.
PATIENCE = 60
# What a study that is open raises while its database is away.
AWAY = (StorageInternalError, SQLAlchemyError)


@contextmanager
def answered() -> Iterator[None]:
    """Raise UnavailableError where the database goes away while the block is at work on a study."""
    try:
        yield
    except AWAY as error:
        # Not the driver's words, see below.
        said = f"the database of the studies does not answer any more ({type(error).__name__}); see its log"
        raise UnavailableError(said) from None


def create_study(name: str, config: TuneConfig, settings: Settings) -> optuna.Study:
    """Return the study of that name, a new one where there is none; ContractError when it asks another question."""
    study = optuna.create_study(storage=_storage(settings), study_name=name, direction="maximize", load_if_exists=True)
    kept = study.user_attrs.get("config")
    if kept is not None and _as_kept(kept).question != config.question:
        raise ContractError(
            f"the study {name!r} searches from other settings or on another snapshot; give another name to `study`, or "
            "leave it empty"
        )
    # Without its name: a worker finds the study by it.
    study.set_user_attr("config", config.model_dump(mode="json", exclude={"study"}))
    return study


def load_study(name: str, settings: Settings) -> tuple[optuna.Study, TuneConfig]:
    """Return an opened study, which chooses and prunes as its configuration says; ContractError when there is none."""
    storage = _storage(settings)
    known = storage.get_all_studies()
    kept = next((study.user_attrs.get("config") for study in known if study.study_name == name), None)
    if kept is None:
        names = ", ".join(study.study_name for study in known) or "none"
        raise ContractError(f"there is no study {name!r}; open are: {names}. Open one with `sentiment tune`")
    config = _as_kept(kept)
    study = optuna.load_study(study_name=name, storage=storage, sampler=SeededSampler(config), pruner=pruner(config))
    return study, config


def _as_kept(fields: dict[str, JsonValue]) -> TuneConfig:
    """Read the configuration that a study keeps; an earlier version kept what a search overrules as well."""
    return TuneConfig(**{name: value for name, value in fields.items() if name in TuneConfig.model_fields})


def _storage(settings: Settings) -> BaseStorage:
    place = settings.study_storage
    _quiet()
    if place.endswith(JOURNALS):
        file = settings.home / place
        file.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(file)))
    if place.startswith("sqlite:///"):
        Path(place.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the heartbeat
            address = _with_driver(place)
            return RDBStorage(address, _engine(place), heartbeat_interval=HEARTBEAT, grace_period=SILENCE)
    except OperationalError as error:
        if place.startswith("sqlite"):
            raise _cannot_open(error) from None
        raise UnavailableError(
            "the database of the studies does not answer; see its log, or name another one in SENTIMENT_STUDIES"
        ) from None
    except (SQLAlchemyError, ImportError) as error:
        raise _cannot_open(error) from None


def _with_driver(place: str) -> str:
    """Return an address with the driver for PostgreSQL that is installed; SQLAlchemy by itself takes another one."""
    address = make_url(place)
    named = address.set(drivername="postgresql+psycopg2") if address.drivername == "postgresql" else address
    return named.render_as_string(hide_password=False)


def _cannot_open(error: Exception) -> ContractError:
    # Not the address and not the driver's words: either may hold a password.
    return ContractError(
        f"the studies cannot be opened ({type(error).__name__}); set SENTIMENT_STUDIES to the address of a "
        "PostgreSQL or SQLite database, or to the path of a .journal file"
    )


def _engine(place: str) -> dict[str, object]:
    if place.startswith("sqlite"):
        return {"connect_args": {"timeout": PATIENCE}}
    return {"pool_pre_ping": True}  # a trial outlives the patience of a firewall


def _quiet() -> None:
    """Let Optuna log through Python's loggers alone, and leave failed trials to us: it prints whole tracebacks."""
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(logging.ERROR)
