"""Files in a local folder or under an s3:// prefix, by one set of functions.

S3 goes through two clients, both configured by the standard AWS_* variables (endpoint, region, keys). boto3 lists with
times, reads and writes small objects, and asks for a condition, which pyarrow cannot; pyarrow reads parts of Parquet
files and writes them as they grow, which boto3 does not.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError, UnavailableError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


# An S3 that is overloaded, or started anew, answers again within a minute or two; the clients' own patience is 4 s of
# deltalake, 2 of pyarrow, 5 of boto3.
BOTO_ATTEMPTS, _ARROW_ATTEMPTS = 16, 12
_DELTA_PATIENCE = {
    "max_retries": "100",
    "retry_timeout": "120s",
    "backoff_config.init_backoff": "500ms",
    "backoff_config.max_backoff": "5s",
    "backoff_config.base": "3",
}
_NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 404, 429, 500
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
    return str(path.parent.resolve() / path.name if path.is_file() else path.resolve())


def look(uri: str) -> list[Seen]:
    """Return the files under a folder or prefix, or the file itself, sorted; nothing there gives an empty list.

    A link to a folder is followed, as one to a file is, and its files are named by the place of the link.
    """
    if is_s3(uri):
        return _look_s3(uri)
    path = Path(resolved(uri))
    found = [path] if path.is_file() else sorted(_files_under(path))
    return [seen for file in found for seen in _seen(file)]


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
        with _answering(uri):
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
        with _answering(uri):
            return cast("bytes", client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except client.exceptions.NoSuchKey:
        return None


def write_bytes(uri: str, content: bytes) -> None:
    """Write a small file whole: a reader sees the old content or the new, never a part."""
    if is_s3(uri):
        bucket, key = bucket_and_key(uri)
        with _answering(uri):
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
    return _s3_filesystem(_configured()), uri.removeprefix("s3://")


def delta_options() -> dict[str, str]:
    """Return what deltalake needs beside the AWS_* variables, which it reads itself; a folder leaves it aside."""
    plain_http = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return _DELTA_PATIENCE | ({"AWS_ALLOW_HTTP": "true"} if plain_http else {})


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// address."""
    # No URL parser: a key may hold what begins a query or a fragment in a URL.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.lstrip("/")


def s3_client() -> Any:
    """Return this process's client of boto3, configured as a deployment says, and patient."""
    return _s3_client(_configured())


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    """Raise what an error of boto3 means: UnavailableError where another try may help, else ContractError.

    An object that is not there goes on as it is, for callers know what that means.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

    try:
        yield
    except (ConnectionError, HTTPClientError) as error:
        raise UnavailableError(f"the S3 of {uri} does not answer, try again: {error}") from error
    except BotoCoreError as error:
        raise ContractError(
            f"S3 cannot be asked for {uri}: {error}; correct the address or the AWS_* variables"
        ) from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response.get("Error", {}).get("Code") == "NoSuchBucket":
            bucket, _ = bucket_and_key(uri)
            raise ContractError(f"there is no bucket {bucket!r}; create it, or correct the address {uri}") from None
        if status == _NOT_FOUND:
            raise
        if status >= _SERVER_ERROR or status == _TOO_MANY:
            raise UnavailableError(f"the S3 of {uri} does not answer as it should, try again: {error}") from error
        raise ContractError(f"S3 refuses {uri}: {error}; correct the AWS_* variables, or what they may do") from error


_Configured = tuple[int, frozenset[tuple[str, str]]]


def _configured() -> _Configured:
    """Return what a client is made for: this process, since a forked one must not share connections, and its S3."""
    return os.getpid(), frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))


@cache
def _s3_client(_: _Configured) -> Any:
    from boto3 import Session
    from botocore.config import Config

    return Session().client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": BOTO_ATTEMPTS}))


@cache
def _s3_filesystem(configured: _Configured) -> FileSystem:
    from pyarrow import fs

    variables = dict(configured[1])
    return fs.S3FileSystem(
        endpoint_override=variables.get("AWS_ENDPOINT_URL"),
        region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ARROW_ATTEMPTS),
    )


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
    return folder.is_symlink() and Path(here).is_relative_to(folder.resolve())


def _entries_s3(folder: str, beginning: str) -> list[str]:
    bucket, prefix = bucket_and_key(join(folder, beginning))
    pages = _pages(folder, Bucket=bucket, Prefix=prefix, Delimiter="/")
    files = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    folders = [entry["Prefix"].rstrip("/") for page in pages for entry in page.get("CommonPrefixes", [])]
    return sorted(f"s3://{bucket}/{key}" for key in {*files, *folders})


def _pages(uri: str, **asked: str) -> list[Any]:
    with _answering(uri):
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
