"""What pages leave in a text: HTML's entities resolved; comments, tags, links and e-mail addresses taken out.

What is taken out leaves one space in its place. All is done to the end: no entity is left that was escaped more often,
no tag that another stood in. A regular expression that could look at the rest of a text from each of many beginnings
would cost the square of its length; none here does.
"""

from __future__ import annotations

import html
import re

from sentiment.core.text.characters import HAN_AND_KANA, SOUTH_EAST_ASIAN, normal

# What may follow an "&", as `html.unescape` reads it; a number of more digits than any character has stays as it is.
_ENTITY = re.compile(r"#(?:[0-9]{1,32}(?![0-9])|[xX][0-9a-fA-F]{1,32}(?![0-9a-fA-F]));?|[^\t\n\f <&#;]{1,32};?")
_REACH = 36
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
_LAST_UNJOINED = "\u05ff"

# What people write on to an address without a space: scripts that have none, Korean, their punctuation, and emoji.
_GLUED = f"{HAN_AND_KANA}{SOUTH_EAST_ASIAN}\u1100-\u11ff\u3000-\u303f\u3130-\u318f\uac00-\ud7af"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
# A "www." that nothing follows is laughter in Japanese.
_BEGINNING = r"(?:https?://|www\.(?=\w))"
_REST = rf"[^\s<>\"{_GLUED}{_EMOJI}]+"
_LINK = re.compile(rf"<{_BEGINNING}{_REST}>|(?<![A-Za-z0-9]){_BEGINNING}{_REST}", re.IGNORECASE)
# Letters of scripts with spaces, digits, "_" and "-".
_SIGN = "0-9A-Z_a-z\u00c0-\u0dff\u1e00-\u1fff-"
_ADDRESS = rf"[.+{_SIGN}]{{1,64}}@[{_SIGN}]{{1,63}}(?:\.[{_SIGN}]{{1,63}}){{1,10}}"
_EMAIL = re.compile(rf"<{_ADDRESS}>|(?:\b|(?<=[{_GLUED}])){_ADDRESS}(?:\b|(?=[{_GLUED}]))")
_MARKS = re.compile(r"([<>])")
# A name, and nothing more or an attribute with its value: "<3", "a < b" and "<at least in this price range>" are none.
_TAG = re.compile(r"</?([a-zA-Z][\w:.-]*)(?:[\s/]*\Z|[\s/]+[^\s/=]+\s*=)")
# The names that stand alone for markup. Others are a reviewer's own words ("does <not> work", "<sarcasm>"), as are the
# elements by whose names people call keys: <menu>, <input>, <source>.
_NAMES = (
    "a abbr acronym address article aside b basefont bdi bdo big blockquote body br caption center cite code col"
    " colgroup dd del dfn div dl dt em embed fieldset figcaption figure font footer form frameset h1 h2 h3 h4 h5 h6"
    " head header hgroup hr html i iframe img ins kbd legend li link main mark marquee meta nav nobr noscript o:p ol p"
    " param pre q rp rt ruby s samp script section small span strike strong style sub sup svg table tbody td textarea"
    " tfoot th thead title tr tt u ul var wbr"
)
_ELEMENTS = frozenset(_NAMES.split())
# Bounds what an unclosed < can swallow; white space is not counted, since folding changes it.
_LONGEST_TAG = 500


def unescaped(text: str) -> str:
    """Return a text in which no entity is left, however often it was escaped (&amp;amp;#34; is a quotation mark).

    It goes from the end to the beginning, so that what an entity of "&" makes is looked at at once: every step takes
    characters away or goes on, and the cost is linear.
    """
    parts = text.split("&")
    done: list[str] = []  # the characters right of where it stands, the nearest last
    while True:
        done.extend(reversed(parts.pop()))
        if not parts:
            return "".join(reversed(done))
        _resolve(done)


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


def _resolve(done: list[str]) -> None:
    """Put what an "&" and the characters after it make in their place."""
    while found := _ENTITY.match("".join(done[: -_REACH - 1 : -1])):
        given = f"&{found[0]}"
        became = html.unescape(given)
        if became == given:
            break
        del done[-len(found[0]) :]
        became = _plain(became, done)
        if not became.startswith("&"):
            done.extend(reversed(became))
            return
        done.extend(reversed(became[1:]))
    done.append("&")


def _plain(became: str, done: list[str]) -> str:
    """Return the characters in their one form; a joiner inside a word is none, since an entity may go on after it."""
    if became in _JOINERS:
        return became if done and done[-1] > _LAST_UNJOINED else ""
    return normal(became)


def _without_comments(text: str) -> str:
    kept, at = [], 0
    # Where one comment is not closed, none after it is.
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return " ".join([*kept, text[at:]])


def _is_tag(text: str) -> bool:
    tag = _TAG.match(text) if len("".join(text.split())) <= _LONGEST_TAG else None
    return tag is not None and (tag[0].endswith("=") or tag[1].lower() in _ELEMENTS)
