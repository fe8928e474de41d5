"""Files in a local folder or under an s3:// prefix, by one set of functions."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sentiment.core.atomic import replacing
from sentiment.core.errors import UnavailableError
from sentiment.stores.s3 import answering, bucket_and_key, s3_client, s3_filesystem

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


# A name that leads nowhere: what was there is gone, or it is a link that does not end.
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def is_s3(uri: str) -> bool:
    """Say whether the address lies in S3."""
    return uri.startswith("s3://")


def join(root: str, *parts: str) -> str:
    """Append path parts to a folder or prefix."""
    return "/".join([root.rstrip("/"), *parts])


@dataclass(frozen=True)
class Seen:
    """A file as a look found it: its address, bytes, and when it was written, in seconds since 1970."""

    uri: str
    size: int
    modified: float


def resolved(uri: str) -> str:
    """Return the address by which `look` names it, or what lies under it: no link to a folder, no relative part.

    A file that is a link keeps its name, for where it leads may be called anything.
    """
    if is_s3(uri):
        return uri.rstrip("/")
    path = Path(uri).expanduser()
    # realpath, unlike Path.resolve, takes a link that leads to itself.
    return join(os.path.realpath(path.parent), path.name) if path.is_file() else os.path.realpath(path)


def look(uri: str) -> list[Seen]:
    """Return the files under a folder or prefix, or the file itself, sorted; nothing there gives an empty list.

    A link to a folder is followed, as one to a file is, and its files are named by the place of the link.
    """
    if is_s3(uri):
        return _look_s3(uri)
    path = Path(resolved(uri))
    found = [path] if path.is_file() else sorted(_files_under(path))
    return [seen for file in found for seen in _seen(file)]


def broken_links(uri: str) -> list[str]:
    """Return the links under a folder, or the address itself if it is one, that lead nowhere, sorted; S3 has none."""
    if is_s3(uri):
        return []
    path = Path(resolved(uri)) if Path(uri).is_dir() else Path(uri)
    found = sorted(_files_under(path)) if path.is_dir() else [path]
    return [str(link) for link in found if link.is_symlink() and not link.exists()]


def entries(folder: str, beginning: str) -> list[str]:
    """Return the addresses of what lies in a folder or prefix under names that begin so, sorted; folders too."""
    if is_s3(folder):
        return _entries_s3(folder, beginning)
    path = Path(folder)
    found = path.iterdir() if path.is_dir() else ()
    return sorted(join(folder, entry.name) for entry in found if entry.name.startswith(beginning))


def list_files(uri: str) -> list[str]:
    """Return the addresses of the files under a folder or prefix, or the file itself, sorted."""
    return [file.uri for file in look(uri)]


def open_binary(uri: str) -> BinaryIO:
    """Open a file for reading bytes, as a stream; raises FileNotFoundError for one that is not there."""
    if not is_s3(uri):
        return Path(uri).open("rb")
    bucket, key = bucket_and_key(uri)
    client = s3_client()
    try:
        with answering(uri):
            return cast("BinaryIO", client.get_object(Bucket=bucket, Key=key)["Body"])
    except client.exceptions.NoSuchKey:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri) from None


def read_bytes(uri: str) -> bytes | None:
    """Return a small file's content, or None when there is no such file."""
    if not is_s3(uri):
        path = Path(uri)
        return path.read_bytes() if path.is_file() else None
    bucket, key = bucket_and_key(uri)
    client = s3_client()
    try:
        with answering(uri):
            return cast("bytes", client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except client.exceptions.NoSuchKey:
        return None


def write_bytes(uri: str, content: bytes) -> None:
    """Write a small file whole: a reader sees the old content or the new, never a part."""
    if is_s3(uri):
        bucket, key = bucket_and_key(uri)
        with answering(uri):
            s3_client().put_object(Bucket=bucket, Key=key, Body=content)
        return
    Path(uri).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(uri)) as aside:
        aside.write_bytes(content)


def arrow_filesystem(uri: str) -> tuple[FileSystem, str]:
    """Return pyarrow's file system for an address, and the path within it."""
    from pyarrow import fs

    if not is_s3(uri):
        return fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())
    return s3_filesystem(), uri.removeprefix("s3://")


def _seen(path: Path) -> Iterator[Seen]:
    """Look at a file, if it is still there: writers rename and remove what they work with."""
    try:
        at = path.stat()
    except OSError as error:
        _unless_gone(error)
        return
    if stat.S_ISREG(at.st_mode):
        yield Seen(str(path), at.st_size, _written(at))


def _written(at: os.stat_result) -> float:
    """Say when a file was written, or came to its place: a copy may keep the date of what it is copied from."""
    return max(at.st_mtime, at.st_ctime)


def _files_under(folder: Path) -> Iterator[Path]:
    """Give what lies under a folder; a link that leads back to a folder above it leads nowhere."""
    for place, folders, files in os.walk(folder, onerror=_unless_gone, followlinks=True):
        here = os.path.realpath(place)
        folders[:] = [name for name in folders if not _leads_back(Path(place, name), here)]
        yield from (Path(place, name) for name in files)


def _unless_gone(error: OSError) -> None:
    """Raise for what may be there and cannot be looked at: passed over, it would be taken for removed."""
    if error.errno not in _GONE:
        raise UnavailableError(
            f"{error.filename} cannot be looked at: {error.strerror}; let this user read it, or mend the disk, and run "
            "it again"
        ) from error


def _leads_back(folder: Path, here: str) -> bool:
    return folder.is_symlink() and Path(here).is_relative_to(os.path.realpath(folder))


def _entries_s3(folder: str, beginning: str) -> list[str]:
    bucket, prefix = bucket_and_key(join(folder, beginning))
    pages = _pages(folder, Bucket=bucket, Prefix=prefix, Delimiter="/")
    files = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    folders = [entry["Prefix"].rstrip("/") for page in pages for entry in page.get("CommonPrefixes", [])]
    return sorted(f"s3://{bucket}/{key}" for key in {*files, *folders})


def _pages(uri: str, **asked: str) -> list[Any]:
    with answering(uri):
        return list(s3_client().get_paginator("list_objects_v2").paginate(**asked))


def _look_s3(uri: str) -> list[Seen]:
    bucket, prefix = bucket_and_key(uri)
    pages = _pages(uri, Bucket=bucket, Prefix=prefix)
    under = prefix.rstrip("/") + "/" if prefix else ""
    found = [
        Seen(f"s3://{bucket}/{key}", entry["Size"], entry["LastModified"].timestamp())
        for entry in (entry for page in pages for entry in page.get("Contents", []))
        if (key := entry["Key"]) == prefix or (key.startswith(under) and key[-1] != "/")
    ]
    return sorted(found, key=lambda file: file.uri)
