"""What a folder says of how its files are read, in a file beside them or above."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sentiment.core.errors import ContractError
from sentiment.readers.config import ReviewOptions
from sentiment.stores import files as storage

OPTIONS = "_columns.json"
_EXAMPLE = '{"columns": {"text": "body"}, "stars": 10}'
# Of a value that is refused, the beginning tells which it is.
_SHOWN = 200
# Where nobody says anything a file speaks for itself.
AS_FOUND = ReviewOptions()


def options_of(roots: Iterable[str], files: Iterable[str], asked: ReviewOptions) -> tuple[ReviewOptions, ...]:
    """Return how each file is read: as is asked, and for the rest as the nearest `_columns.json` says.

    It stands in the folder of the file, or above that up to one of the `roots`, of which "" is none. Raises
    ContractError for one that cannot be understood.
    """
    under = tuple(f"{storage.resolved(root).rstrip('/')}/" for root in roots if root)
    found: dict[str, dict[str, Any]] = {}

    def of(folder: str) -> dict[str, Any]:
        if folder not in found:
            told = _told(storage.join(folder, OPTIONS))
            above = of(folder.rpartition("/")[0]) if told is None and folder.startswith(under) else {}
            found[folder] = above if told is None else told
        return found[folder]

    over = asked.model_dump(include=set(ReviewOptions.model_fields), exclude_defaults=True)
    return tuple(ReviewOptions.model_validate({**of(uri.rpartition("/")[0]), **over}) for uri in files)


def _told(uri: str) -> dict[str, Any] | None:
    content = storage.read_bytes(uri)
    if content is None:
        return None
    try:
        told = json.loads(content)
    except ValueError as error:
        raise ContractError(f"{uri} does not say how files are read: it is no JSON ({error}); mend it") from error
    if not isinstance(told, dict):
        raise ContractError(f"{uri} does not say how files are read: it is no object; write {_EXAMPLE}")
    if isinstance(told.get("columns"), dict):
        told["columns"] = [f"{role}={column}" for role, column in told["columns"].items()]
    try:
        return ReviewOptions.model_validate(told).model_dump(exclude_defaults=True)
    except ValidationError as error:
        mistakes = "; ".join(_mistake(mistake) for mistake in error.errors())
        raise ContractError(f"{uri} does not say how files are read: {mistakes}") from None


def _mistake(mistake: ErrorDetails) -> str:
    name = mistake["loc"][0]
    if name not in ReviewOptions.model_fields:
        return f"{name} is none of its keys, which are {', '.join(ReviewOptions.model_fields)}"
    return f"{name}: {mistake['msg'].removeprefix('Value error, ')} (given: {repr(mistake['input'])[:_SHOWN]})"
