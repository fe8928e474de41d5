"""HTML's entities (&quot;, &#34;, &apos;) made the characters they stand for, in texts escaped once or more often."""

from __future__ import annotations

import html
import re

from sentiment.core.text.characters import normal

# What may follow an "&", as `html.unescape` reads it; a number of more digits than any character has stays as it is.
_ENTITY = re.compile(r"#(?:[0-9]{1,32}(?![0-9])|[xX][0-9a-fA-F]{1,32}(?![0-9a-fA-F]));?|[^\t\n\f <&#;]{1,32};?")
_REACH = 36
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
_LAST_UNJOINED = "\u05ff"


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
