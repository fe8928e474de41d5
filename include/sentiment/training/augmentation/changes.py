"""Changes of a review that mean nothing: a model must think of the changed one what it thinks of the review."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from sentiment.training.augmentation.opinions import aside
from sentiment.training.augmentation.words import NEUTRAL_WORDS

Change = Callable[[str, random.Random], str]

# Of how many words one is mistyped, at most: what has more errors, people do not read with certainty either.
_WORDS_A_TYPO = 12

# Many encoders do not tell capitals, so this is a change beside the others.
_OTHER_LETTERS = 0.2

_INNER_LETTERS = re.compile(r"(?<=[a-zA-Z]{2})[a-z](?=[a-z])|(?<=[a-zA-Z])[a-z](?=[a-z]{2})")  # of four and more
_GAP = re.compile(r"(?<=[.,!?;]) (?=\w)|[.,!](?= |$)|(?<=[a-z]) (?=[a-z])")
_DAY = re.compile(r"\b(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur)day|(?:Janu|Febru)ary|(?:Septem|Octo|Novem|Decem)ber)\b")
_COUNT = re.compile(
    r"(?<!out of )\b(?:two|three|four|five|six|seven|eight|ten|twelve|twenty)\b"
    r"(?![ -](?:stars?|thumbs|points?|out of)\b)"
)
# "one" of five stars, "eight out of ten", "10/10", "2.5" and "100%" tell something; a count of two digits among words
# does not.
_DIGITS = re.compile(r"(?<![\w.,$/-])[2-9]\d(?= (?:days?|weeks?|months?|hours?|minutes?|people|feet|miles|pieces)\b)")


def changed(text: str, draw: random.Random) -> str:
    """Return a text with one change or two, and a sentence without an opinion where no word could be changed."""
    found = text
    for change in draw.sample(_CHANGES, draw.choice((1, 2))):
        found = change(found, draw)
    found = with_aside(text, draw) if found == text else found
    return in_other_letters(found, draw) if draw.random() < _OTHER_LETTERS else found


def with_typos(text: str, draw: random.Random) -> str:
    """Mistype a word here and there: two neighbouring letters swapped, one left out, or one doubled."""
    letters = [found.start() for found in _INNER_LETTERS.finditer(text)]
    typos = min(1 + draw.randrange(1 + text.count(" ") // _WORDS_A_TYPO), len(letters))
    for at in sorted(draw.sample(letters, typos), reverse=True):  # from the end, so that the places before it stay
        typed = draw.choice((text[at + 1] + text[at], text[at + 1], text[at] + text[at : at + 2]))
        text = text[:at] + typed + text[at + 2 :]
    return text


def without_a_gap(text: str, draw: random.Random) -> str:
    """Leave out a space or a sign of punctuation."""
    gaps = list(_GAP.finditer(text))
    gap = draw.choice(gaps) if gaps else None
    return f"{text[: gap.start()]}{text[gap.end() :]}" if gap else text


def in_other_letters(text: str, draw: random.Random) -> str:
    """Write all in small letters, or a short text in capitals."""
    return text.upper() if text.count(" ") < 20 and draw.random() < 0.3 else text.lower()


def with_other_words(text: str, draw: random.Random) -> str:
    """Put other names, places, brands, days and numbers in the place of those that the text has."""
    for pattern, words in _EXCHANGED:
        text = pattern.sub(lambda _, words=words: draw.choice(words), text)  # type: ignore[misc]
    return text


def with_aside(text: str, draw: random.Random) -> str:
    """Add a sentence without an opinion before or after it."""
    added = aside(draw)
    return f"{added} {text}".rstrip() if draw.random() < 0.5 else f"{text} {added}".lstrip()


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")


_EXCHANGED: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    *((_any_of(NEUTRAL_WORDS[slot]), NEUTRAL_WORDS[slot]) for slot in ("name", "place", "brand")),
    (_DAY, ("Sunday", "April", "July", "August")),
    (_COUNT, NEUTRAL_WORDS["number"]),
    (_DIGITS, tuple(str(number) for number in range(20, 99))),
)
_CHANGES: tuple[Change, ...] = (with_typos, with_typos, without_a_gap, with_other_words, with_aside)
