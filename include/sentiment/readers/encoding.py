"""The lines of a file's bytes in the encoding that it is in; bytes that are not of it stay visible in their line.

A text of UTF-8 may hold half a pair of surrogates, which JSON and spreadsheets can spell; such a half is kept as it is.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from functools import partial
from typing import AnyStr, BinaryIO

from charset_normalizer import from_bytes

from sentiment.core.errors import BrokenFileError

UTF_8 = "utf-8"
_MARK = "\ufeff"
# That of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_FOREIGN = re.compile("[\udc80-\udcff]")
# Of a file in UTF-16 every second byte is mostly 0, and no other file has many zeros.
_ZEROS = 0.2
# Languages of Latin script have far fewer letters that ASCII lacks, Greek and Cyrillic nearly no others.
_LATIN = 0.3
# In a short text any share of them can be others, and they stand alone or in pairs.
_THREE_IN_A_ROW = re.compile(rb"[\x80-\xff]{3}")
# Of cp1252; no language writes it, and in Shift JIS its byte stands before each letter of katakana.
_FLORIN = b"\x83"
# Letters of Turkish that ASCII lacks. Czech has the byte of "ı" for a letter too, but none of the other bytes.
_OF_TURKISH_ALONE, _OF_TURKISH = frozenset("İğĞşŞ"), frozenset("ıİğĞşŞçÇöÖüÜâÂîÎûÛ")
# Other encodings of two bytes hardly have letters where cp932 has kana, and Japanese is mostly kana.
_KANA = re.compile("[\u3041-\u30ff]")
_JAPANESE = 0.25
# Fewer bytes that ASCII lacks tell no two encodings apart.
_FEW = 20
_PIECE = 1 << 20
_TEXTS_OF_A_GUESS = 16
# No row is longer, and a file without line ends is not held in memory.
LONGEST_LINE = 64 << 20


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
    UTF-16 breaks off, BrokenFileError for a line that does not end.
    """
    given = _wide(stream, encoding) if _is_wide(encoding) else _narrow(stream, encoding)
    yield next(given, "").removeprefix(_MARK)
    yield from given


def pieces(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """Give the text a million characters at a time, without its mark; bytes that are not of it as `lines` does."""
    errors = "surrogatepass" if _is_wide(encoding) else "surrogateescape"
    text = io.TextIOWrapper(stream, encoding, errors, newline="")
    yield text.read(_PIECE).removeprefix(_MARK)
    yield from iter(partial(text.read, _PIECE), "")


def _narrow(stream: BinaryIO, encoding: str) -> Iterator[str]:
    for line in iter(partial(stream.readline, LONGEST_LINE), b""):
        yield decoded(ended(line), encoding)


def _wide(stream: BinaryIO, encoding: str) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding, "surrogatepass", newline="\n")
    yield from map(ended, iter(partial(text.readline, LONGEST_LINE), ""))


def _is_wide(encoding: str) -> bool:
    """Tell whether a line end is something else than one byte of ASCII."""
    return "\n".encode(encoding).removeprefix(codecs.BOM_UTF8) != b"\n"


def ended(line: AnyStr) -> AnyStr:
    """Return a line; raises BrokenFileError for one that was cut at LONGEST_LINE."""
    if len(line) == LONGEST_LINE:
        raise BrokenFileError(f"a line has not ended after {LONGEST_LINE >> 20} million characters")
    return line


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
    return Foreign(encoding).byte(text)


class Foreign:
    """Says of the texts of one file which byte is not of its encoding, and what the file may be in.

    A guess costs as much as reading hundreds of lines: it is made of the first bad texts, again when there are twice as
    many, and stays as it is from some on.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._wide = _is_wide(encoding)
        self._bad: list[bytes] = []
        self._told = ""

    def byte(self, text: str) -> str | None:
        """Say which byte of a text is not of the encoding, and what it may be in; None where all are."""
        if text.isascii() or not (found := _FOREIGN.search(text)) or self._wide:
            return None
        if len(self._bad) < _TEXTS_OF_A_GUESS and _is_escaped(text):
            self._bad.append(text.encode("utf-8", "surrogateescape"))
            if len(self._bad).bit_count() == 1:
                self._told = _guess(b"\n".join(self._bad))
        return f"the byte 0x{ord(found[0]) - 0xDC00:02x} is no {self._encoding.upper()}{self._told}"


def _guess(content: bytes) -> str:
    """Say what bytes may be in, and nothing where they are too few: one that is read in another encoding is garbled."""
    if _is_latin(content):
        if _is_turkish(content):
            return "; it may be in cp1254: --encoding cp1254"
        places = "cp1250 where it is of Central Europe, in cp1254 where it is Turkish, in cp1257 where it is Baltic"
        return f"; it may be in cp1252, or in {places}: --encoding cp1252"
    if sum(byte > 127 for byte in content) < _FEW:
        return ""
    guess = "cp932" if _is_japanese(content) else getattr(from_bytes(content).best(), "encoding", None)
    return f"; it may be in {guess}: --encoding {guess}" if guess else ""


def _is_latin(content: bytes) -> bool:
    """Tell whether letters are of ASCII but for few, as in languages of Latin script, which those few tell not."""
    if _FLORIN in content:
        return False
    try:
        letters = [letter for letter in content.decode("cp1252") if letter.isalpha()]
    except UnicodeError:
        return False
    others = sum(not letter.isascii() for letter in letters)
    return others < _LATIN * len(letters) or not _THREE_IN_A_ROW.search(content)


def _is_turkish(content: bytes) -> bool:
    """Tell whether a text of Latin letters has those of Turkish, and no others that ASCII lacks."""
    others = {letter for letter in content.decode("cp1254", "replace") if letter.isalpha() and not letter.isascii()}
    return "ı" in others <= _OF_TURKISH and not others.isdisjoint(_OF_TURKISH_ALONE)


def _is_japanese(content: bytes) -> bool:
    """Tell whether bytes read as cp932 are a text with as many kana as Japanese has."""
    try:
        others = [letter for letter in content.decode("cp932") if not letter.isascii()]
    except UnicodeError:
        return False
    return len(_KANA.findall("".join(others))) > _JAPANESE * len(others)


def _is_escaped(text: str) -> bool:
    """Tell whether all half surrogates of a text stand for bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeError:
        return False
    return True
