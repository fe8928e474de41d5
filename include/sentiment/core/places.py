"""Places as settings name them: folders and files of SQLite, which are made whole, and addresses, which stay."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

# An address and no folder, and what was meant for one of S3.
ADDRESS, OF_S3 = re.compile(r"[A-Za-z][\w+.-]*:/"), re.compile(r"s3[an]?:", re.IGNORECASE)
_SQLITE = "sqlite:///"
# In addresses, which databases and tables are opened by, these begin something else.
_NOT_IN_ADDRESSES = re.compile(r"[?#%\x00-\x1f]")


def is_address(value: str) -> bool:
    """Tell whether MLflow's client would take it for one; a path would make it look for files of its own."""
    try:
        parts = urlsplit(value)
        return bool(parts.scheme and "://" in value and (parts.port is None or parts.port)) or value == "databricks"
    except ValueError:  # no port
        return False


def in_full(folder: str, base: Path = Path()) -> str:
    """Return a folder from the root, as seen from `base`, `~` spelled out as the shell does where it sees it."""
    try:
        return str((base / Path(folder).expanduser()).absolute())
    except RuntimeError:
        raise ValueError(f"{folder} begins with the home of a user that this machine does not know") from None


def sqlite_in_full(address: str, base: Path = Path()) -> str:
    """Return the address of a file of SQLite from the root, as seen from `base`; any other address as it is."""
    file = address.removeprefix(_SQLITE)
    if not file or file == address or file.startswith((":memory:", "file:")):
        return address
    return _SQLITE + in_full(file, base)


def in_addresses(folder: str) -> str:
    """Return a folder whose name addresses can hold; ValueError for another."""
    if found := _NOT_IN_ADDRESSES.search(folder):
        raise ValueError(
            f"the folder {folder!r} has {found[0]!r} in its name, which addresses cannot hold; use another"
        )
    return folder
