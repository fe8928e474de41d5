"""Files of what the platform makes up for itself, keys and passwords: made once, whole, for their owner alone."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from sentiment.errors import ContractError


def made_once(file: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what `file` holds; where it is missing it is made first, and of two that make it at once one wins."""
    if not file.exists():
        _write(file, json.dumps(make()))
    return read(file)


def read(file: Path) -> dict[str, str]:
    """Return the names and values in `file`; raises ContractError when it holds nothing of the kind."""
    try:
        held = json.loads(file.read_bytes())
        if not isinstance(held, dict) or not held:
            raise ValueError("no names in it")
    except ValueError as error:
        raise ContractError(
            f"{file} cannot be read ({error}); remove it, and the next start makes a new one: "
            f"sentiment down && rm '{file}' && sentiment up"
        ) from None
    return {str(name): str(value) for name, value in held.items()}


def _write(file: Path, text: str) -> None:
    aside = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # A link, unlike a rename, does not take the place of what another process has made meanwhile.
        os.link(aside, file)
    except FileExistsError:
        pass
    finally:
        aside.unlink(missing_ok=True)
