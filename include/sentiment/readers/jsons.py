"""JSON: objects one a line, and the objects of one array, which is read a piece at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sentiment.core.errors import BrokenFileError, RejectedError

NOT_JSON = "the line is not a JSON object"
PYTHON = "the line is a Python dictionary, and no JSON"
ARRAY = "the line begins a JSON array, and one object a line is wanted; name the file .json, or say --kind json"
SEVERAL = "the line holds more than one JSON object"
TWICE = "the line gives one name several values"
# A byte order mark stands before a file, and where files were put one after another within it.
EDGES = "\r\n \t\ufeff"
# No review with all that belongs to it is longer; an array whose element does not end by then has none that does.
_LONGEST_ELEMENT = 64 << 20
# The longest word of JSON has so many letters, and none of the shorter ones can be read.
_A_WORD = len("false")
_STRING = r'"(?:[^"\\]|\\.)*"'
# An object's beginning up to a list of objects, behind nothing but texts, numbers and words.
_LIST = re.compile(
    rf"\{{((?:\s*{_STRING}\s*:\s*(?:{_STRING}|-?\d[\d.eE+-]*|true|false|null)\s*,)*)\s*({_STRING})\s*:\s*(?=\[\s*\{{)",
    re.DOTALL,
)


def object_of(raw: str) -> dict[str, Any]:
    """Return a line's object; raises RejectedError for what is none, or more than one."""
    if raw.startswith("["):
        raise RejectedError(ARRAY)
    try:
        record = _DECODER.decode(raw)
    except RejectedError:
        raise
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and raw.startswith("{"):
            raise RejectedError(SEVERAL) from None
        raise RejectedError(PYTHON if raw.startswith(("{'", "{u'")) else NOT_JSON) from None
    except (ValueError, RecursionError):
        raise RejectedError(NOT_JSON) from None
    if not isinstance(record, dict):
        raise RejectedError(NOT_JSON)
    return record


def breaks_off(line: str) -> bool:
    """Tell whether a last line without a line end is the beginning of an object; a whole one with a rest is none."""
    text = line.strip(EDGES)
    if text.endswith("\0"):
        return True  # room that was set aside for the file, and never written
    if not text.startswith("{"):
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(text)
    except json.JSONDecodeError as error:
        # What ends as an object does, and is wrong before that, is another form and not a part of this one.
        return not text.endswith("}") or error.pos == len(text) or error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        return not text.endswith("}")
    return False


def goes_on(text: str) -> bool:
    """Tell whether the first line of several ends within an object, behind a bracket or a comma between its values."""
    line, line_end, _ = text.lstrip(EDGES).partition("\n")
    line = line.rstrip()
    if not line_end or not line.startswith("{") or line[-1] not in "{[,":
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(line)
    except json.JSONDecodeError as error:
        # The comma of a text that breaks off stands between no values.
        return error.pos >= len(line) - 1 and not error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        pass
    return False


def list_within(text: str, *, cut: bool) -> tuple[str, list[str]] | None:
    """Return the name of the one list of objects in the only object of a file, and the names beside it.

    None for a file of another build. Of one that is `cut`, what stands behind the list is not seen.
    """
    text = text.lstrip(EDGES)
    try:
        whole = json.loads(text, strict=False)
    except json.JSONDecodeError:
        return _list_that_goes_on(text) if cut else None
    except (ValueError, RecursionError):
        return None
    lists = [name for name, value in whole.items() if isinstance(value, list)] if isinstance(whole, dict) else []
    if len(lists) != 1 or not whole[lists[0]] or not all(isinstance(one, dict) for one in whole[lists[0]]):
        return None
    return lists[0], [name for name in whole if name != lists[0]]


def _list_that_goes_on(text: str) -> tuple[str, list[str]] | None:
    """Return the same of a text that ends within the list."""
    found = _LIST.match(text)
    if found is None:
        return None
    try:
        json.JSONDecoder(strict=False).raw_decode(text, found.end())
    except json.JSONDecodeError as error:
        if error.pos < len(text) - _A_WORD and not error.msg.startswith("Unterminated string"):
            return None
    except (ValueError, RecursionError):
        return None
    else:
        return None
    try:
        beside = json.loads(f"{{{found[1].rstrip().removesuffix(',')}}}", strict=False)
        return json.loads(found[2], strict=False), list(beside)
    except ValueError:
        return None


def elements(pieces: Iterable[str]) -> Iterator[tuple[dict[str, Any] | RejectedError, str]]:
    """Give the elements of an array that comes in pieces, each with its text, and an error for one that is no object.

    Raises BrokenFileError, behind those that are whole, where the array cannot be read on: nobody knows what follows.
    """
    rest = iter(pieces)
    text = next((piece for piece in rest if piece.strip()), "").lstrip().removeprefix("[")
    at, number = 0, 1
    while True:
        at = _next_element(text, at)
        found = _decoded(text, at)
        # A number at the end of a piece may go on in the next one.
        if found is None or found[1] == len(text):
            more = next(rest, None) if len(text) - at < _LONGEST_ELEMENT else None
            if more is not None:
                text, at = text[at:] + more, 0
                continue
        if found is None:
            if text[at:].strip() != "]":
                raise BrokenFileError(f"the array breaks off, or is no JSON, from element {number:,} on")
            return
        value, end = found
        if not isinstance(value, dict | RejectedError):
            value = RejectedError("the element is not a JSON object")
        yield value, text[at:end]
        at, number = end, number + 1


def _decoded(text: str, at: int) -> tuple[Any, int] | None:
    """Return the value that begins at a place, and where it ends; None where none is whole."""
    try:
        return _DECODER.raw_decode(text, at)
    except RejectedError as error:
        refused = error
    except (ValueError, RecursionError):
        return None
    try:
        return refused, json.JSONDecoder(strict=False).raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _next_element(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise RejectedError(TWICE)
    return record


# Made once, which costs a line less than the standard one made anew.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_once)
