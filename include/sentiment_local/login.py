"""What the platform on this machine makes up for itself: the password of Airflow's one user, and files of such secrets.

They are made once, whole, for their owner alone.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentiment.core.atomic import creating
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings

USER = "admin"


@dataclass(frozen=True)
class Login:
    """A user of Airflow and the password."""

    user: str
    password: str


def passwords_file(settings: Settings) -> Path:
    """Return the file in which Airflow's SimpleAuthManager finds its passwords."""
    return settings.home.absolute() / "airflow" / "passwords.json"


def make_login(settings: Settings) -> None:
    """Make up the password the first time; only this user may read the file."""
    made_once(passwords_file(settings), {USER: lambda: secrets.token_urlsafe(12)})


def read_login(settings: Settings) -> Login:
    """Return the user and the password; raises ContractError when the platform was never started here."""
    file = passwords_file(settings)
    if not file.is_file():
        raise ContractError(f"{settings.home} holds no platform yet; start it: sentiment up")
    return Login(USER, _read(file, [USER])[USER])


def made_once(file: Path, makers: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return what `file` holds under the names of `makers`; where it is missing they make it first.

    Of two that make it at once one wins.
    """
    if not file.exists():
        _write(file, json.dumps({name: make() for name, make in makers.items()}))
    return _read(file, makers)


def _read(file: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the names and values in `file`; raises ContractError when one of `names` has no value there."""
    try:
        held = json.loads(file.read_bytes())
        if not isinstance(held, dict):
            raise ValueError("no names in it")
        if lacking := [name for name in names if not held.get(name)]:
            raise ValueError(f"nothing in it for {', '.join(lacking)}")
    except ValueError as error:
        raise ContractError(
            f"{file} cannot be read ({error}); remove it, and the next start makes a new one: "
            f"sentiment down && rm '{file}' && sentiment up"
        ) from None
    return {str(name): str(value) for name, value in held.items()}


def _write(file: Path, text: str) -> None:
    with (
        creating(file) as aside,
        os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream,
    ):
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
