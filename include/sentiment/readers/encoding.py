"""The lines of a file's bytes in the encoding that it is in; bytes that are not of it stay visible in their line.

A text of UTF-8 may hold half a pair of surrogates, which JSON and spreadsheets can spell; such a half is kept as it is.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from charset_normalizer import from_bytes

UTF_8 = "utf-8"
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FOREIGN = re.compile("[\udc80-\udcff]")
# Of a file in UTF-16 every second byte is mostly 0, and no other file has many zeros.
_ZEROS = 0.2
_PIECE = 1 << 20


def encoding_of(beginning: bytes) -> str | None:
    """Return the encoding of a file by how it begins, None for UTF-16 without its mark, which must be told."""
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            return encoding
    whole = beginning[:4096]
    halves = (whole[0::2].count(0), whole[1::2].count(0))
    # In UTF-16 the zeros stand on one side only; an empty page of a disk has them on both.
    return None if max(halves) > _ZEROS * len(whole) and min(halves) < max(halves) / 4 else UTF_8


def is_encoding(name: str) -> bool:
    """Tell whether Python reads texts in an encoding of this name."""
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, UnicodeError, ValueError, TypeError):
        return False


def lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    r"""Give the lines with their ends; only "\n" ends one, since a "\r" may be part of a text.

    A byte that is not of the encoding becomes a half surrogate, which `foreign` finds. Raises UnicodeError when
    UTF-16 breaks off.
    """
    if "\n".encode(encoding) != b"\n":
        yield from io.TextIOWrapper(stream, encoding, "surrogatepass", newline="\n")
        return
    first = True
    for line in stream:
        text = decoded(line, encoding)
        yield text.removeprefix("\ufeff") if first else text
        first = False


def pieces(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """Give the text a million characters at a time, without its mark; bytes that are not of it as `lines` does."""
    errors = "surrogatepass" if "\n".encode(encoding) != b"\n" else "surrogateescape"
    named = "utf-8-sig" if encoding == UTF_8 else encoding
    text = io.TextIOWrapper(stream, named, errors, newline="")
    while piece := text.read(_PIECE):
        yield piece


def decoded(line: bytes, encoding: str) -> str:
    """Return a line of bytes as text."""
    try:
        return line.decode(encoding)
    except UnicodeError:
        pass
    try:
        return line.decode(encoding, "surrogatepass" if encoding == UTF_8 else "surrogateescape")
    except UnicodeError:
        return line.decode(encoding, "surrogateescape")


def foreign(text: str, encoding: str) -> str | None:
    """Say which byte of a text is not of the encoding, and what the text may be in; None where all are."""
    if text.isascii() or not (found := _FOREIGN.search(text)):
        return None
    guess = from_bytes(text.encode("utf-8", "surrogateescape")).best() if _is_escaped(text) else None
    told = f"; it may be in {guess.encoding}: --encoding {guess.encoding}" if guess else ""
    return f"the byte 0x{ord(found[0]) - 0xDC00:02x} is no {encoding.upper()}{told}"


def _is_escaped(text: str) -> bool:
    """Tell whether all half surrogates of a text stand for bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeError:
        return False
    return True
