"""The cleaning of a text: markup and links out, sentences parted, white space folded, one form of Unicode.

Ingest, data sets, `predict`, the model in MLflow all call this function: training and scoring see one text. Capitals,
emoji, emoticons and repeated punctuation stay, because they carry sentiment. Every step is linear in the text's length,
and most texts, which hold nothing that needs changing, cost some scans in C.
"""

from __future__ import annotations

import math
import re

from sentiment.core.text.characters import HAN_AND_KANA, SOUTH_EAST_ASIAN, is_absent, normal
from sentiment.core.text.markup import unescaped, without_addresses, without_tags

# The longest reviews of shops are some 30,000 characters, and the widest window of a model reads some thousands. What
# is longer is a page or a file that somebody pasted, and would hold a Spark slot for seconds.
LONGEST_TEXT = 100_000

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
# Two letters, closing punctuation, a letter: "great.The". It begins with what is rare, and looks back from there.
_GLUED = re.compile(r"[.!?](?<=[^\W\d_][^\W\d_].)[.!?]*(?=[^\W\d_])")


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return the cleaned text, in Unicode's form NFKC and at most `longest` characters long.

    Of a longer text only the first `longest` characters are read. Cleaning a clean text changes nothing.
    """
    cleaned = _cleaned(text[:longest])
    # One character of Unicode can stand for up to 18 plain ones.
    return cleaned if len(cleaned) <= longest else _cleaned(cleaned[:longest])


def cell_text(value: object) -> str:
    """Return a cell's text, cleaned; what stands for a missing one, and what is no text at all, is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    text = clean_text(str(value))
    return "" if is_absent(text) else text


# Texts of fewer words, such as "Very good app", are written by many people alike; longer ones are copies.
FEWEST_OF_A_COPY = 8


# How many letters are a word where no space ends one: GMX-V 2.0 has 2.8 of Chinese, 3.0 of Japanese and 6.0 of Thai.
_UNSPACED = ((re.compile(f"[{HAN_AND_KANA}]"), 3), (re.compile(f"[{SOUTH_EAST_ASIAN}]"), 6))


def word_count(text: str | None) -> int:
    """Count the words of a cleaned text, by its spaces, and by letters of scripts without any.

    "" has none, nor has the text that a row of another program lacks.
    """
    if not text:
        return 0
    by_letters = () if text.isascii() else _UNSPACED
    return text.count(" ") + max(1, sum(len(script.findall(text)) // letters for script, letters in by_letters))


def was_cut(text: str) -> bool:
    """Tell whether cleaning reads only the beginning of a text."""
    return len(text) > LONGEST_TEXT


def _cleaned(text: str) -> str:
    text = normal(text)
    if "&" in text:
        text = normal(unescaped(text))
    text = _folded(text)
    text = without_addresses(text)
    if "<" in text:
        text = without_tags(text)
    # Again, because what joined an emoji to a tag that is gone joins nothing now.
    return _spaced(normal(_GLUED.sub(_parted, text)))


def _folded(text: str) -> str:
    """Put one plain space for every run of white space and control characters, and none at the ends."""
    return _spaced(text if text.isprintable() else " ".join(_CONTROL.sub(" ", text).split()))


def _spaced(text: str) -> str:
    return " ".join(text.split()) if "  " in text else text.strip()


def _parted(stop: re.Match[str]) -> str:
    """Add the space after a stop between a lower-case word and a capitalised one; "U.S.A" and "e.g.x" have none."""
    text, start, end = stop.string, stop.start(), stop.end()
    follows = text[end + 1 : end + 2]
    glued = text[start - 2].islower() and text[start - 1].islower() and text[end].isupper()
    return f"{stop[0]} " if glued and (follows == " " or follows.islower()) else stop[0]
