"""The files of a published data set: which there are, and which side of its own split each belongs to.

Local folders and s3:// prefixes are read alike.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from typing import NamedTuple

from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.readers.table_folders import require_no_table
from sentiment.stores import files as storage

_PACKED = r"(\.(gz|bz2|zst))?$"
_TABLES = {
    "CSV (.csv)": re.compile(rf"\.csv{_PACKED}", re.IGNORECASE),
    "JSONL (.jsonl)": re.compile(rf"\.jsonl{_PACKED}", re.IGNORECASE),
    "Parquet (.parquet)": re.compile(rf"\.parquet{_PACKED}", re.IGNORECASE),
}
# Which files of a folder are the data set's; readme, vocabularies and lists of addresses lie beside them.
_FORMS = {
    "amazon_polarity": {**_TABLES, "fastText (.ft.txt)": re.compile(rf"\.ft\.txt{_PACKED}", re.IGNORECASE)},
    "imdb": {**_TABLES, "folders (pos/123_8.txt)": re.compile(r"(^|/)(pos|neg)/[^/]+\.txt$")},
}
# Hidden files and folders, the twins and the folder that a Mac leaves beside files, and what writers have not done yet.
_HIDDEN = re.compile(r"(^|/)[._]")
# IMDb's reviews without a label: a folder of its archive, a split on the Hugging Face hub.
_UNLABELLED = re.compile(r"(^|/)unsup")
_UNLABELLED_FORMS = (*_TABLES.values(), re.compile(r"(^|/)unsup[^/]*/[^/]+\.txt$"))


class SourceFile(NamedTuple):
    """One file: its address, its name within the source, and the side of the published split ("train", "test", "")."""

    uri: str
    name: str
    side: str


class Content(NamedTuple):
    """One SHA-256 over the names and contents of files, and their size in bytes."""

    sha256: str
    size: int


def source_files(config: SnapshotConfig) -> list[SourceFile]:
    """Return the files of the data set that `config` names, in the order of their names.

    Raises ContractError when there are none, when two forms of the data set lie in one folder, when only some of the
    files say which side they are on, and for the folder of a table.
    """
    there = storage.list_files(config.source)
    require_no_table(config.source, there)
    found = [_placed(uri, config.source) for uri in there]
    kept = found if len(found) == 1 else [file for file in found if not _set_aside(file.name)]
    forms = {
        form: [file for file in kept if pattern.search(file.uri)] for form, pattern in _FORMS[config.dataset].items()
    }
    present = [form for form, of_form in forms.items() if of_form]
    if len(present) != 1:
        known = " or ".join(_FORMS[config.dataset])
        what = f"holds {' and '.join(present)}" if present else f"holds no file of {config.dataset}"
        raise ContractError(f"{config.source} {what}; give one file, or a folder of one form: {known}")
    files = forms[present[0]]
    sides = {file.side for file in files}
    if "test" not in sides or "train" not in sides:
        return [file._replace(side="") for file in files]
    if "" in sides:
        strange = next(file.name for file in files if not file.side)
        raise ContractError(
            f"{config.source} holds train and test files, and {strange}, which is neither; "
            "name it after its side, or move it away"
        )
    return files


def unlabelled_files(config: SnapshotConfig) -> list[SourceFile]:
    """Return the files beside those of the data set, in the order of their names, whose reviews have no label."""
    found = [_placed(uri, config.source) for uri in storage.list_files(config.source)]
    kept = [file for file in found if _UNLABELLED.search(file.name) and not _HIDDEN.search(file.name)]
    return [file for file in kept if any(form.search(file.name) for form in _UNLABELLED_FORMS)]


def fingerprint(files: list[SourceFile]) -> Content:
    """Read the files and return what they hold; their folder's own place does not matter."""
    whole, size = hashlib.sha256(), 0
    for file in files:
        content = hashlib.sha256()
        with closing(storage.open_binary(file.uri)) as stream:
            while block := stream.read(1 << 20):
                content.update(block)
                size += len(block)
        whole.update(f"{file.name}\x1f{content.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return Content(whole.hexdigest(), size)


def _set_aside(name: str) -> bool:
    return bool(_HIDDEN.search(name) or _UNLABELLED.search(name))


def _placed(uri: str, source: str) -> SourceFile:
    """Name a file within its source; its side is a folder's name or the beginning of its own."""
    root = storage.resolved(source)
    name = uri.removeprefix(root).lstrip("/") or uri.rsplit("/", 1)[-1]
    *folders, own = name.lower().split("/")
    side = next((side for side in ("train", "test") if side in folders or own.startswith(side)), "")
    return SourceFile(uri, name, side)
