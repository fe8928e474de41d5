"""What a file is: told by its name, by who brings it, and by how it begins. What these contradict nobody guesses."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import BinaryIO, NamedTuple, cast

from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.readers import delimited, dialects
from sentiment.readers.config import FileOptions, Kind, Quotes
from sentiment.readers.dialects import Dialect
from sentiment.readers.encoding import encoding_of, foreign, lines
from sentiment.readers.jsons import goes_on, list_within
from sentiment.readers.packing import BROKEN, Packing, packing_of, unpacked
from sentiment.readers.schemas import mapping_of
from sentiment.stores import files as storage

READABLE = re.compile(r"\.(jsonl|json|csv|tsv|parquet)(\.(gz|bz2|zst))?$", re.IGNORECASE)
# How much of a file is looked at, unpacked: for what it is, and for how its rows are written.
_LOOKED_AT, _BEGINNING = 1 << 16, 1 << 20
# Of Amazon's own files: the first column's name, and that of the texts.
_NAMES_OF_AWS = ("marketplace", "review_body")
_POLARITY = ("label", "title", "text")
# How zip files (and what newer spreadsheets and office programs save), older spreadsheets, 7z and xz begin.
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\x00")
_PAGE = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


@dataclass(frozen=True)
class Format:
    """What a file is, and how it is written; only CSV and TSV have a dialect, and columns that are known at once."""

    kind: Kind
    packing: Packing = ""
    encoding: str = ""
    dialect: Dialect | None = None
    columns: tuple[str, ...] = ()


def is_readable(name: str) -> bool:
    """Tell whether a name says that the file is of a kind that is read."""
    return bool(READABLE.search(name))


def opened(uri: str, packing: Packing | None = None) -> BinaryIO:
    """Open a file's bytes, unpacked: as is said, or as its name says or its beginning."""
    stream = storage.open_binary(uri)
    if packing is None:
        stream, beginning = _peeked(stream)
        packing = packing_of(uri, beginning)
    return unpacked(stream, packing)


def format_of(uri: str, options: FileOptions, *, piped: bool = False) -> Format:
    """Tell what a file is; one that came by a pipe has no name that says so.

    Raises ContractError for a file that is none of these, or another than it is called, BrokenFileError for one that
    cannot be unpacked.
    """
    kind = options.kind or (None if piped else _named_kind(uri))
    if kind == "parquet":
        return Format(kind, encoding=options.encoding)
    packing, content = _beginning(uri)
    if content.startswith(b"PAR1"):
        if kind is None:
            return Format("parquet", encoding=options.encoding)
        raise ContractError(f"{uri} is Parquet; name it .parquet, or say --kind parquet")
    if content.startswith(_ARCHIVES):
        raise ContractError(f"{uri} is a spreadsheet or an archive; save it as CSV, or unpack it")
    encoding = options.encoding or encoding_of(content)
    if encoding is None:
        raise ContractError(f"{uri} is in UTF-16 without its mark; save it as UTF-8, or say --encoding utf-16-le")
    text = content.decode(encoding, "replace")
    if _PAGE.match(text.lstrip("\ufeff")):
        raise ContractError(f"{uri} is a web page and no data; fetch the file itself")
    kind = kind or _kind_of(text)
    if kind in ("json", "jsonl"):
        kind = _json(uri, text, kind, options, cut=len(content) >= _LOOKED_AT)
    if kind in ("csv", "tsv"):
        return _delimited(uri, kind, packing, encoding, options.quotes)
    return Format(kind, packing, encoding)


def _json(uri: str, text: str, kind: Kind, options: FileOptions, *, cut: bool) -> Kind:
    """Return whether JSON, of which this is the beginning, is objects a line or an array.

    Raises ContractError for an object over several lines, and one around the reviews.
    """
    if held := list_within(text, cut=cut):
        name, beside = held
        told = options.named.get("text") or mapping_of(beside, FileOptions()).columns.get("text")
        if told not in beside:
            raise ContractError(f"{uri}: the reviews stand in {name} of one object; give that array alone: [ … ]")
    if kind == "jsonl":
        return kind
    if goes_on(text):
        raise ContractError(
            f"{uri} is a JSON object over several lines; write it in one line, or within an array: [ … ]"
        )
    return "json" if text.lstrip("\ufeff \t\r\n").startswith("[") else "jsonl"


def require_names(uri: str, columns: Sequence[str]) -> None:
    """Raise ContractError where columns of a file share a name, for the values of one would be lost."""
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        named = ", ".join(name or "nothing" for name in twice)
        raise ContractError(f"{uri} has several columns named {named}; give each a name of its own")


def _named_kind(uri: str) -> Kind:
    found = READABLE.search(uri)
    if found is None:
        raise ContractError(
            f"{uri} is of no kind that is read: name it .jsonl, .json, .csv, .tsv or .parquet, packed or not "
            "(.gz, .bz2, .zst), or say --kind"
        )
    return cast("Kind", found[1].lower())


def _kind_of(text: str) -> Kind:
    """Tell the kind of what came by a pipe."""
    begins = text.lstrip("\ufeff \t\r\n")[:1]
    if begins in ("{", "["):
        return "jsonl" if begins == "{" else "json"
    first = text.partition("\n")[0]
    return "tsv" if first.count("\t") > max(map(first.count, dialects.DELIMITERS)) else "csv"


def _delimited(uri: str, kind: Kind, packing: Packing, encoding: str, quotes: Quotes | None) -> Format:
    beginning = list(dropwhile(_is_empty, _lines(uri, packing, encoding)))
    if fault := next((fault for line in beginning[:1] if (fault := foreign(line, encoding))), None):
        raise ContractError(f"{uri}, line 1: {fault}")
    first = "".join(beginning[:1])
    if kind == "csv" and first.count("\t") > max(map(first.count, dialects.DELIMITERS)):
        raise ContractError(f"{uri} is tab separated; name it .tsv, or say --kind tsv")
    delimiter = "\t" if kind == "tsv" else _delimiter(uri, beginning, quotes or "doubled")
    chosen = quotes or _quotes(beginning, delimiter, kind)
    columns = dialects.header(beginning, delimiter, chosen)
    if beginning and not columns:
        raise ContractError(f"{uri}, line 1: {delimited.why_no_names(first)}")
    told = quotes is not None or (kind == "tsv" and _is_of_aws(columns))
    if quotes not in ("doubled", "plain") and any(re.search(r'\\("|$)', name) for name in columns):
        raise ContractError(f"{uri}, line 1: {delimited.TWO_WAYS}")
    dialect = Dialect(delimiter, chosen, len(columns), told=told)
    if len(columns) == len(_POLARITY) and columns[0] in ("1", "2"):
        # The published reviews of Amazon Polarity have no names above them.
        dialect, columns = Dialect(delimiter, chosen, len(columns), False, told), [*_POLARITY]
    require_names(uri, columns)
    return Format(kind, packing, encoding, delimited.studied(dialect, beginning), tuple(columns))


def _is_of_aws(columns: list[str]) -> bool:
    first, texts = _NAMES_OF_AWS
    return columns[:1] == [first] and texts in columns


def _delimiter(uri: str, beginning: list[str], quotes: Quotes) -> str:
    """Return the delimiter by which all rows are as wide as the first, and it has most values."""
    found = [_Fit.of(beginning, delimiter, quotes) for delimiter in dialects.DELIMITERS]
    best = max(found)
    alike = [fit.delimiter for fit in found if fit[:-1] == best[:-1]]
    if len(alike) > 1 and best.names > 1:
        raise ContractError(f"{uri} may be separated by {' or by '.join(alike)}; put its names in quotes")
    return best.delimiter if best.names > 1 else dialects.DELIMITERS[0]


class _Fit(NamedTuple):
    """How well a delimiter fits a file's beginning: the better one is the greater."""

    separates: bool
    faultless: bool
    names: int
    right: int
    delimiter: str

    @classmethod
    def of(cls, beginning: list[str], delimiter: str, quotes: Quotes) -> _Fit:
        names = len(dialects.header(beginning, delimiter, quotes))
        faults = _faults(beginning, delimiter, quotes) if names > 1 else 0
        return cls(names > 1, not faults, names, -faults, delimiter)


def _quotes(beginning: list[str], delimiter: str, kind: Kind) -> Quotes:
    """Tell how quotes are written: as fewest rows of the beginning are read wrongly."""
    first = "".join(beginning[:1])
    if kind == "tsv" and (
        _is_of_aws(first.rstrip("\r\n").split("\t"))
        or (not first.startswith('"') and not _faults(beginning, delimiter, "plain"))
    ):
        return "plain"
    ways: list[Quotes] = ["doubled"]
    if any('\\"' in line for line in beginning):
        ways.append("backslash")
    if kind == "tsv":
        ways.append("plain")
    return min(ways, key=lambda way: _faults(beginning, delimiter, way))


def _faults(beginning: list[str], delimiter: str, quotes: Quotes) -> int:
    """Count the rows that are read wrongly, or, where quotes would enclose nothing, can be read otherwise."""
    width = len(dialects.header(beginning, delimiter, quotes))
    found = delimited.rows(beginning, Dialect(delimiter, quotes, width, told=quotes != "plain"))
    return sum(bool(row.fault) for row in found)


def _is_empty(line: str) -> bool:
    return not line.strip("\r\n")


def _beginning(uri: str) -> tuple[Packing, bytes]:
    """Return how a file is packed, and how it begins; where it breaks off behind that, who reads on is told."""
    stream, packed = _peeked(storage.open_binary(uri))
    packing = packing_of(uri, packed)
    content = b""
    try:
        with unpacked(stream, packing) as whole:
            while len(content) < _LOOKED_AT and (more := whole.read1(_LOOKED_AT)):  # type: ignore[attr-defined]
                content += more
    except BROKEN as error:
        if not content:
            raise BrokenFileError(f"{error} (after 0 unpacked bytes)") from error
    return packing, content


def _lines(uri: str, packing: Packing, encoding: str) -> list[str]:
    """Return the whole lines of a file's beginning."""
    found, length = [], 0
    try:
        with opened(uri, packing) as stream:
            for line in islice(lines(stream, encoding), _BEGINNING):
                found.append(line)
                length += len(line)
                if length > _BEGINNING:
                    break
    except (*BROKEN, UnicodeError) as error:
        if not found:
            raise BrokenFileError(str(error)) from error
    return found


def _peeked(stream: BinaryIO) -> tuple[BinaryIO, bytes]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    return cast("BinaryIO", buffered), buffered.peek(8)[:8]
