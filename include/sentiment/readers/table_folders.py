"""Folders of tables that keep a log: their files hold rows that count no more, and what counts the log alone says.

It tells them by the names of their files, and opens none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sentiment.core.errors import ContractError
from sentiment.stores import files as storage

# The folder of the table, no hidden one, and behind it where the log lies, by the name that Spark reads the table by.
_FOLDER = r"^((?:[^./_][^/]*/)*)"
_LOGS = {
    "delta": re.compile(_FOLDER + r"_delta_log/"),
    "hudi": re.compile(_FOLDER + r"\.hoodie/"),
    "iceberg": re.compile(_FOLDER + r"metadata/[^/]*\.metadata\.json(\.gz)?$"),
}


def require_no_table(root: str, found: Iterable[str]) -> None:
    """Raise ContractError where one of the files found under a folder or prefix is of the log of a table."""
    above = storage.resolved(root).rstrip("/") + "/"
    for uri in found:
        for kind, log in _LOGS.items():
            if match := log.search(uri.removeprefix(above)):
                raise ContractError(_refusal(f"{above}{match[1]}".rstrip("/"), kind))


def _refusal(folder: str, kind: str) -> str:
    return (
        f"{folder} is a table of {kind.capitalize()}: read as files, the rows that were deleted from it or written "
        f"over would come back; export its rows first, as in spark.read.format('{kind}').load('{folder}')"
        ".write.parquet('EXPORT'), and give that folder"
    )
