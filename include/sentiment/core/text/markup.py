"""Comments, tags, links and e-mail addresses taken out of a text, each with one space in its place.

Taking out is done to the end: no tag is left that another stood in. A regular expression that could look at the rest of
a text from each of many beginnings would cost the square of its length; none here does.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"<(?:https?://|www\.)[^\s<>\"]+>|\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_ADDRESS = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}"
_EMAIL = re.compile(rf"<{_ADDRESS}>|\b{_ADDRESS}\b")
_MARKS = re.compile(r"([<>])")
# The letter right after < tells a tag from "<3" and "a < b".
_TAG = re.compile(r"</?[a-zA-Z]")
# Bounds what an unclosed < can swallow; white space is not counted, since folding changes it.
_LONGEST_TAG = 500


def without_addresses(text: str) -> str:
    """Return a text without links and e-mail addresses, and without the angle brackets around one."""
    if "://" in text or "www." in text.lower():
        text = _LINK.sub(" ", text)
    return _EMAIL.sub(" ", text) if "@" in text else text


def without_tags(text: str) -> str:
    """Return a text without comments and tags."""
    first, *rest = _MARKS.split(_without_comments(text))
    kept = [first]
    opened: list[int] = []  # where in `kept` stand the < that a > may close
    for mark, piece in zip(rest[::2], rest[1::2], strict=True):
        if mark == "<":
            opened.append(len(kept))
            kept.append(f"<{piece}")
        elif opened and _is_tag("".join(kept[opened[-1] :])):
            del kept[opened.pop() :]
            kept.append(f" {piece}")
        else:
            opened.clear()
            kept.append(f">{piece}")
    return "".join(kept)


def _without_comments(text: str) -> str:
    kept, at = [], 0
    # Where one comment is not closed, none after it is.
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return " ".join([*kept, text[at:]])


def _is_tag(text: str) -> bool:
    return _TAG.match(text) is not None and len("".join(text.split())) <= _LONGEST_TAG
