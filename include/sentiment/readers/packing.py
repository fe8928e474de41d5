"""A file's bytes, unpacked as a stream; whatever breaks off says so, and is never a shorter file."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import BinaryIO, Literal, cast

import pyarrow as pa

Packing = Literal["", "gz", "bz2", "zst"]
_MAGIC: dict[bytes, Packing] = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}
# What the three libraries raise for a stream that breaks off, or is none of theirs.
BROKEN = (EOFError, zlib.error, OSError)


def packing_of(name: str, beginning: bytes) -> Packing:
    """Return how a file is packed: as its name says or, where it says nothing, as it begins."""
    named = name.lower().rpartition(".")[2]
    if named in {"gz", "bz2", "zst"}:
        return cast("Packing", named)
    return next((packing for magic, packing in _MAGIC.items() if beginning.startswith(magic)), "")


def unpacked(stream: BinaryIO, packing: Packing) -> BinaryIO:
    """Return the bytes behind a packed stream, with lines; reading raises one of `BROKEN` when it breaks off."""
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    if not packing:
        return cast("BinaryIO", buffered)
    if not buffered.peek(1):
        raise EOFError("it has 0 bytes, and a packed file of nothing has some twenty")
    if packing == "gz":
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if packing == "bz2":
        return cast("BinaryIO", bz2.BZ2File(buffered))
    # The package zstandard takes a stream that breaks off for one that ends.
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", _Zstandard(cast("BinaryIO", buffered)))))


class _Zstandard(io.RawIOBase):
    """Arrow's reader of Zstandard, as Python's streams are."""

    def __init__(self, packed: BinaryIO) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(into))
        into[: len(content)] = content
        return len(content)
