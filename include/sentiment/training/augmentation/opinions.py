"""Short texts made of templates: opinions of either label, and texts that hold none."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from sentiment.core.names import NEGATIVE, POSITIVE
from sentiment.training.augmentation.templates import ASIDES, EITHER, OF_LABEL, TITLES, TURNS, WITHOUT_OPINION
from sentiment.training.augmentation.words import NEUTRAL_WORDS, TELLING_WORDS

# A title and a text.
Text = tuple[str, str]

# Of the opinions so many stand alone; the others have a sentence without one before or after them.
_ALONE = 0.5
_TITLED = 0.25
# People write "works great" as well as "Works great."
_CARELESS = 0.2

_DENYING = ("negation", "question")

_BEFORE_A_VOWEL = re.compile(r"\b([Aa]) (?=(?!use|one|uni)[aeiou])")


def opinion(label: int, draw: random.Random) -> Text:
    """Return a short text of the label."""
    words = Drawn(draw, label)
    said = words.filled(draw.choice(_sayings(label, draw)))
    if draw.random() < _CARELESS:
        said = said.rstrip(".").lower()
    if draw.random() >= _ALONE:
        aside = words.filled(draw.choice(ASIDES))
        said = f"{aside} {said}" if draw.random() < 0.5 else f"{_ended(said)} {aside}"
    return _title(words, draw), said


def without_opinion(draw: random.Random) -> Text:
    """Return a text of which nobody can say whether it praises or blames; one of them is empty."""
    words = Drawn(draw)
    texts = [words.filled(draw.choice(WITHOUT_OPINION)) for _ in range(draw.choice((1, 1, 2)))]
    return ("", "") if draw.random() < 0.02 else (_title(words, draw), " ".join(texts))


def aside(draw: random.Random) -> str:
    """Return a sentence without an opinion that can stand before or after any review."""
    return Drawn(draw).filled(draw.choice(ASIDES))


class Drawn(dict[str, str]):
    """The words of one text by their slots, drawn when they are first asked for.

    `NAME_up` is the word of NAME with a capital, `un_NAME` one of the other label.
    """

    def __init__(self, draw: random.Random, label: int | None = None) -> None:
        super().__init__()
        self._draw = draw
        self._label = label

    def __missing__(self, slot: str) -> str:
        if slot.endswith("_up"):
            word = self[slot.removesuffix("_up")]
            self[slot] = word[:1].upper() + word[1:]
        else:
            self[slot] = self._draw.choice(self._words(slot)).format_map(self)
        return self[slot]

    def filled(self, template: str) -> str:
        """Return a template with its words."""
        return _BEFORE_A_VOWEL.sub(r"\1n ", template.format_map(self))

    def _words(self, slot: str) -> Sequence[str]:
        if slot in NEUTRAL_WORDS:
            return NEUTRAL_WORDS[slot]
        positive = (self._label == POSITIVE) != slot.startswith("un_")
        label, name = (POSITIVE if positive else NEGATIVE), slot.removeprefix("un_")
        return TELLING_WORDS[label].get(name) or TURNS[label][name]


def _sayings(label: int, draw: random.Random) -> Sequence[str]:
    """Return the templates of one kind of saying; denials come more often, being the hardest to read."""
    kinds = (*EITHER.values(), OF_LABEL[label], *(2 * [EITHER[kind] for kind in _DENYING]))
    return draw.choice(kinds)


def _title(words: Drawn, draw: random.Random) -> str:
    return words.filled(draw.choice(TITLES)) if draw.random() < _TITLED else ""


def _ended(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."
