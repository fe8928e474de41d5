"""The files of a published data set: which there are, which side of its own split each belongs to, and their content.

Local folders and s3:// prefixes are read alike.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TextIO, cast

from sentiment.core.errors import ContractError
from sentiment.datasets.config import SnapshotConfig
from sentiment.stores import files as storage

# Which files of a folder are the data set's; readme, vocabularies, lists of addresses and IMDb's unlabelled reviews
# lie beside them.
_FORMS = {
    "amazon_polarity": {
        "CSV (.csv)": re.compile(r"\.csv(\.gz|\.bz2)?$"),
        "fastText (.ft.txt)": re.compile(r"\.ft\.txt(\.gz|\.bz2)?$"),
    },
    "imdb": {
        "JSONL (.jsonl)": re.compile(r"\.jsonl(\.gz|\.bz2)?$"),
        "folders (pos/123_8.txt)": re.compile(r"(^|/)(pos|neg)/[^/]+\.txt$"),
    },
}


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

    Raises ContractError when there are none, when two forms of the data set lie in one folder, and when only some of
    the files say which side they are on.
    """
    found = storage.list_files(config.source)
    forms = {form: [uri for uri in found if pattern.search(uri)] for form, pattern in _FORMS[config.dataset].items()}
    present = [form for form, uris in forms.items() if uris]
    if len(present) != 1:
        known = " or ".join(_FORMS[config.dataset])
        what = f"holds {' and '.join(present)}" if present else f"holds no file of {config.dataset}"
        raise ContractError(f"{config.source} {what}; give one file, or a folder of one form: {known}")
    files = [_placed(uri, config.source) for uri in forms[present[0]]]
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


@contextmanager
def opened(file: SourceFile) -> Iterator[TextIO]:
    """Open a file as text, unpacked; bytes that are not UTF-8 become question marks.

    A packed file that breaks off raises ContractError.
    """
    with closing(storage.open_binary(file.uri)) as packed:
        try:
            # Only "\n" ends a line: a stray "\r" is part of a review. A byte order mark is part of none.
            yield io.TextIOWrapper(_unpacked(packed, file.name), "utf-8-sig", "replace", newline="\n")
        except (EOFError, zlib.error, OSError) as error:
            raise ContractError(f"{file.uri} cannot be read to its end: {error}; fetch it again") from error


def _unpacked(stream: IO[bytes], name: str) -> IO[bytes]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    if name.endswith(".gz"):
        if not buffered.peek(1):
            raise EOFError("it has 0 bytes, and an empty gzip has some twenty")
        return cast("IO[bytes]", gzip.GzipFile(fileobj=buffered))
    return cast("IO[bytes]", bz2.BZ2File(buffered)) if name.endswith(".bz2") else buffered


def _placed(uri: str, source: str) -> SourceFile:
    """Name a file within its source; its side is a folder's name or the beginning of its own."""
    root = source.rstrip("/") if storage.is_s3(source) else str(Path(source).expanduser().absolute())
    name = uri.removeprefix(root).lstrip("/") or uri.rsplit("/", 1)[-1]
    *folders, own = name.lower().split("/")
    side = next((side for side in ("train", "test") if side in folders or own.startswith(side)), "")
    return SourceFile(uri, name, side)
