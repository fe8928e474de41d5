"""The one user of the platform's Airflow on this machine: its password is made up once and kept for its owner alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local.private_files import made_once, read

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
    return Login(USER, read(file, [USER])[USER])
