"""Files of what the platform makes up for itself, keys and passwords: made once, whole, for their owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sentiment.core.atomic import creating
from sentiment.core.errors import ContractError


def made_once(file: Path, makers: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return what `file` holds under the names of `makers`; where it is missing they make it first.

    Of two that make it at once one wins.
    """
    if not file.exists():
        _write(file, json.dumps({name: make() for name, make in makers.items()}))
    return read(file, makers)


def read(file: Path, names: Iterable[str]) -> dict[str, str]:
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
