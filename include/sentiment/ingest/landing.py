"""The landing: which files are a day's delivery or a history, and what they are called in the lake.

A file is called by its place in the landing (`2024-05-05/part-1.jsonl.gz`), wherever the landing is mounted; one of a
history outside it by its address. What comes again under a name takes the place of what came under it before: a day's
files as a whole, a history's one by one, packed or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import PurePosixPath

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.wording import NAMED, first_of
from sentiment.readers.config import ReviewOptions
from sentiment.readers.kinds import READABLE, is_readable
from sentiment.readers.table_folders import require_no_table
from sentiment.readers.told import AS_FOUND, options_of
from sentiment.stores import files as storage
from sentiment.stores.files import Seen

# What products are read from; any other meta_ is a name that reviews may have.
_PRODUCTS = re.compile(r"(^|/)meta_[^/]*\.jsonl(\.gz)?$")
# Hidden files, the twins that a Mac leaves beside files, and the folders in which writers put what is not done yet.
_HIDDEN = re.compile(r"(^|/)[._]")
_PACKED = re.compile(r"\.(gz|bz2|zst)$", re.IGNORECASE)
_COMPRESSED = re.compile(r"\.(gz|bz2|zst|parquet)$", re.IGNORECASE)


@dataclass(frozen=True)
class Origin:
    """What a delivery is known by in the lake: all of a day's files, or these files of a history."""

    day: str = ""
    names: frozenset[str] = frozenset()

    def token(self) -> str:
        """Return what stands for it."""
        return sha256("\n".join([self.day, *sorted(self.names)]).encode()).hexdigest()[:16]

    def holds(self, source_file: str | None) -> bool:
        """Return whether a row of this file came with an earlier state of this delivery; one of no file did not."""
        if source_file is None:
            return False
        return _stem(source_file.split("/", 1)[0]) == self.day if self.day else _unpacked(source_file) in self.names


@dataclass(frozen=True)
class Delivery:
    """Files that are brought in together, as they were seen, with the name of each in the lake, and how it is read.

    `landing` is where a day's were found; `others` are names of what lies there and is not read.
    """

    files: tuple[Seen, ...]
    names: tuple[str, ...]
    origin: Origin
    options: tuple[ReviewOptions, ...]
    landing: str = ""
    others: tuple[str, ...] = ()

    def unpacked_bytes(self) -> int:
        """Return about how many bytes its lines have: reviews are packed to a third."""
        return sum(file.size * (3 if _COMPRESSED.search(file.uri) else 1) for file in self.files)


def files_of_day(landing: str, day: date) -> list[Seen]:
    """Return the day's files: DAY.jsonl, DAY.csv.gz and the like, and all such under the folders DAY/ and DAY.KIND/."""
    return review_files(landing, seen_of_day(landing, day))


def seen_of_day(landing: str, day: date) -> list[Seen]:
    """Return all that lies under the names of a day, hidden files and those that are not done yet too.

    Raises UnavailableError when a part of it is a link that leads nowhere: passed over, it would be taken for removed.
    """
    own = _entries(landing, day)[0]
    found = [file for entry in own for file in _look_by_place(entry)]
    if found and (broken := [_legible(place(landing, link)) for entry in own for link in _broken_links(entry)]):
        named = first_of(broken[:NAMED], len(broken))
        raise UnavailableError(f"{day} has links that lead nowhere: {named}; mount the disk behind them or remove them")
    return found


def review_files(landing: str, found: Iterable[Seen]) -> list[Seen]:
    """Return those of some files of the landing that are read as reviews."""
    return [file for file in found if _is_review_file(landing, file.uri)]


def passed_over(landing: str, day: date) -> list[str]:
    """Return what begins with the day and is not called so, and what its folder holds that is of no kind that is read.

    Hidden files aside; a folder that is not the day's is not looked into.
    """
    own, others = _entries(landing, day)
    inside = (place(landing, file.uri) for entry in own for file in _look_by_place(entry))
    unread = (name for name in inside if not is_readable(name) and not _HIDDEN.search(name))
    return [_legible(name) for name in (*(place(landing, entry) for entry in others), *unread)]


def delivery_of_day(landing: str, day: date, files: Iterable[Seen], options: ReviewOptions = AS_FOUND) -> Delivery:
    """Return a day's delivery of these files."""
    seen = tuple(files)
    read = options_of((landing,), [file.uri for file in seen], options)
    return Delivery(seen, _places(landing, seen), Origin(str(day)), read, landing)


def nothing_landed(landing: str, day: date) -> str:
    """Say which names were looked for, and what to do."""
    there = _what_is_there(passed_over(landing, day))
    return (
        f"the landing has no file for {day}: looked for {day}.jsonl, .json, .csv, .tsv and .parquet, packed or not, "
        f"and {day}/ in {landing}{there}; "
        "deliver the day's file (an empty one when there were no reviews), or correct SENTIMENT_LANDING"
    )


def days_before(day: date, count: int) -> tuple[date, date]:
    """Return the closed range of the `count` days before a day."""
    return day - timedelta(count), day - timedelta(1)


def landed_days(landing: str, first: date, last: date) -> list[date]:
    """Return the days of a closed range for which the landing holds files, in their order."""
    days = {day for file in storage.look(landing) if (day := _day_of(landing, file.uri)) is not None}
    return sorted(day for day in days if first <= day <= last)


def history(source: str, landing: str, options: ReviewOptions = AS_FOUND) -> Delivery:
    """Return a history: the file itself, or all files under it that are read, but the products', and names of the rest.

    Raises ContractError where there is none, and for the folder of a table.
    """
    found = storage.look(source)
    require_no_table(source, (file.uri for file in found))
    # One file that is said to be of a kind need not be called so.
    told = options.kind is not None and len(found) == 1
    files = tuple(
        file for file in found if told or (_is_review_file(source, file.uri) and not _PRODUCTS.search(file.uri))
    )
    others = (*_others(source, found, files), *(_legible(place(source, link)) for link in _broken_links(source)))
    if not files:
        raise ContractError(
            f"{source!r} holds no file of reviews (.jsonl, .json, .csv, .tsv or .parquet, packed or not)"
            f"{_what_is_there(others)}; check the path given as source"
        )
    names = _places(landing, files)
    read = options_of((source, landing), [file.uri for file in files], options)
    return Delivery(files, names, Origin(names=frozenset(map(_unpacked, names))), read, others=others)


def product_files(root: str) -> list[Seen]:
    """Return the product files (meta_*.jsonl or .jsonl.gz) under a folder or prefix, or the file itself."""
    return [file for file in storage.look(root) if _is_review_file(root, file.uri) and _PRODUCTS.search(file.uri)]


def landing_root(landing: str) -> str:
    """Return the landing's address as the addresses of its files begin with it."""
    return storage.resolved(landing)


def place(landing: str, uri: str) -> str:
    """Return what a file of the landing is called: its place in there."""
    root = landing_root(landing).rstrip("/") + "/"
    return uri.removeprefix(root)


def _entries(landing: str, day: date) -> tuple[list[str], list[str]]:
    """Return what lies in the landing under the names of a day, and what is called otherwise behind its date.

    No other day's name begins so, for all have ten letters.
    """
    parted: tuple[list[str], list[str]] = ([], [])
    for entry in storage.entries(landing_root(landing), str(day)):
        parted[_stem(entry.rpartition("/")[2]) != str(day)].append(entry)
    return parted


def _look_by_place(name: str) -> list[Seen]:
    """Return the files under a name; where it is a link they are called by its place, not by where it leads."""
    behind = storage.resolved(name)
    return [replace(file, uri=name + file.uri.removeprefix(behind)) for file in storage.look(name)]


def _broken_links(name: str) -> list[str]:
    """Return the links under a name that are called as files of reviews are, and lead nowhere."""
    return [link for link in storage.broken_links(name) if _is_review_file(name, link)]


def _others(source: str, found: Iterable[Seen], files: Iterable[Seen]) -> tuple[str, ...]:
    """Return what is called neither hidden nor as reviews are, by its place in the source."""
    read = {file.uri for file in files}
    unread = (file.uri for file in found if file.uri not in read and not _is_hidden(source, file.uri))
    return tuple(_legible(place(source, uri)) for uri in unread)


def _what_is_there(others: Sequence[str]) -> str:
    return f"; what is there is not read: {first_of(others[:NAMED], len(others))}" if others else ""


def _is_review_file(root: str, uri: str) -> bool:
    """Tell whether a name is that of a file of lines."""
    return is_readable(uri) and not _is_hidden(root, uri)


def _is_hidden(root: str, uri: str) -> bool:
    """Tell what is hidden from `root` on, not above it."""
    return bool(_HIDDEN.search(uri.removeprefix(landing_root(root)).lstrip("/") or PurePosixPath(uri).name))


def _stem(name: str) -> str:
    """Return a name without its kind and packing."""
    return READABLE.sub("", name)


def _unpacked(name: str) -> str:
    """Return a name without its packing: what comes packed one day and not the next is the same."""
    return _PACKED.sub("", name)


def _legible(name: str) -> str:
    """Return a name that a result can hold, whatever its bytes are."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _places(landing: str, files: Iterable[Seen]) -> tuple[str, ...]:
    """Return what files are called in the lake; raises ContractError for a name that no table can hold."""
    names = tuple(place(landing, file.uri) for file in files)
    for name in names:
        if name.encode("utf-8", "replace") != name.encode("utf-8", "surrogateescape"):
            raise ContractError(f"the name of the file {name!a} is not in UTF-8; rename it")
    return names


def _day_of(landing: str, uri: str) -> date | None:
    return day_called(place(landing, uri)) if _is_review_file(landing, uri) else None


def day_called(source_file: str) -> date | None:
    """Return the day that a file of the landing is of, by its place in there."""
    name = _stem(source_file.split("/", 1)[0])
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if str(day) == name else None  # 20240505 and 2024-W18-7 are days too, and no names that are looked for
