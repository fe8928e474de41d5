"""What cleaning a text costs, ordinary or hostile, at two lengths."""

from __future__ import annotations

import time

from sentiment.core.text.clean import LONGEST_TEXT, clean_text
from sentiment_benchmarks.tables import Row

# An ordinary text, and what a pattern may be led to look at again from every character.
TEXTS = {
    "ordinary": "I bought this for my son. He likes it, and the battery lasts!  ",
    "unclosed comments": "<!--",
    "unclosed tags": "<a ",
    "unknown entities": "&aaab;",
    "an escape of escapes": "&amp;",
    "nested tags": "<a <b> x>",
    "parts of addresses": "a.@-.",
    "accents": "\u0301\u0316",
}


def cleaning_rows(length: int = LONGEST_TEXT) -> list[Row]:
    """Return a row a kind of text: the seconds for one of a quarter of `length` characters and for one of `length`.

    Cleaning is linear, so `ratio` is about 4; a pattern that looks back would make it 16.
    """
    rows = []
    for name, unit in TEXTS.items():
        quarter, whole = (_seconds((unit * length)[:size]) for size in (length // 4, length))
        rows.append({"text": name, "quarter_seconds": quarter, "seconds": whole, "ratio": whole / quarter})
    return rows


def _seconds(text: str) -> float:
    def once() -> float:
        started = time.process_time()
        clean_text(text)
        return time.process_time() - started

    return max(min(once() for _ in range(3)), 1e-6)
