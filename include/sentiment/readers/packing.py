"""A file's bytes, unpacked as a stream; whatever breaks off says so, and is never a shorter file.

Arrow unpacks, for it asks that what stands behind a stream is another one: Python's bz2 ends in silence at what is
none, its gzip passes over zeros, and the package zstandard takes a stream that breaks off for one that ends.
"""

from __future__ import annotations

import io
from typing import BinaryIO, Literal, cast

import pyarrow as pa

Packing = Literal["", "gz", "bz2", "zst"]
_MAGIC: dict[bytes, Packing] = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}
_CODECS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
# What is raised for a stream that breaks off, or is none of its kind.
BROKEN = (EOFError, OSError)


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
    unpacking = _Unpacking(cast("BinaryIO", buffered), _CODECS[packing])
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", unpacking)))


class _Unpacking(io.RawIOBase):
    """Arrow's reader of a codec, as Python's streams are."""

    def __init__(self, packed: BinaryIO, codec: str) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), codec)
        self._given = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._given

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(into))
        into[: len(content)] = content
        self._given += len(content)
        return len(content)
