"""The cases of the behaviour suite, generated from the templates: what is given, what is changed, what must follow.

The three kinds are those of Ribeiro, Wu, Guestrin, Singh: Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList, ACL 2020.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Literal

from sentiment.core.names import NEGATIVE, POSITIVE
from sentiment.evaluation.behaviour import templates as say

Kind = Literal["MFT", "INV", "DIR"]

CASES = 40  # a capability: one failure is 2.5 points

_BEFORE_A_VOWEL = re.compile(r"\ba (?=(?!use)[aeiou])")
_TWO_INNER_LETTERS = re.compile(r"(?<=[a-zA-Z])(?=([a-z])([a-z])[a-z])")


@dataclass(frozen=True)
class Case:
    """One thing that a model must do.

    MFT, minimum functionality: `text` gets the label `expected`. INV, invariance: `changed` means the same as `text`.
    DIR, direction: `changed` is no less clearly of the label `expected` than `text` is.
    """

    capability: str
    kind: Kind
    title: str
    text: str
    changed: str | None = None
    expected: int | None = None


def behaviour_cases(seed: int = 17) -> list[Case]:
    """Return the cases of every capability, the same ones for the same seed."""
    return [case for capability in _CAPABILITIES for case in capability(random.Random(seed))]  # noqa: S311


def neutral_texts(seed: int = 17) -> list[str]:
    """Return texts that hold no opinion, the empty one among them; of none of them can a model be sure."""
    draw = random.Random(seed)  # noqa: S311
    templates = 5 * (*say.NEUTRAL, *say.OPENINGS, *say.NAMED)
    return sorted({_filled(template, {**_drawn(draw), "day": draw.choice(say.DAYS)}) for template in templates})


def _statements(
    capability: str, positive: Sequence[str], negative: Sequence[str], draw: random.Random
) -> Iterator[Case]:
    """An opening, then a sentence whose label is known (MFT)."""
    for expected, sentences in _alternately(negative, positive):
        words = _drawn(draw)
        text = _filled(f"{draw.choice(say.OPENINGS)} {next(sentences)}", words)
        yield Case(capability, "MFT", _filled(draw.choice(say.TITLES), words), text, expected=expected)


def _intensifiers(draw: random.Random) -> Iterator[Case]:
    """A stronger word of opinion (DIR)."""
    for expected, sentences in _alternately(say.STRONG_BLAME, say.STRONG_PRAISE):
        words = _drawn(draw)
        text = f"{draw.choice(say.OPENINGS)} {next(sentences)}"
        plain, strong = (_filled(text, {**words, "very": very}) for very in ("", f"{words['very']} "))
        yield Case("intensifiers", "DIR", _filled(draw.choice(say.TITLES), words), plain, strong, expected)


def _added_opinion(draw: random.Random) -> Iterator[Case]:
    """A sentence of praise or blame after a review of either kind (DIR)."""
    for expected, sentences in _alternately(say.BLAME, say.PRAISE):
        words = _drawn(draw)
        text = _filled(_review(draw), words)
        added = _filled(next(sentences), {**_drawn(draw), "product": words["product"]})
        yield Case("added opinion", "DIR", _filled(draw.choice(say.TITLES), words), text, f"{text} {added}", expected)


def _typos(draw: random.Random) -> Iterator[Case]:
    """Two neighbouring letters inside a word change places, in either sentence (INV)."""
    for _ in range(CASES):
        words = _drawn(draw)
        text = _filled(_review(draw), words)
        changed = ". ".join(_with_typo(sentence, draw) for sentence in text.split(". "))
        yield Case("typos", "INV", _filled(draw.choice(say.TITLES), words), text, changed)


def _replaced(capability: str, slot: str, openings: Sequence[str], draw: random.Random) -> Iterator[Case]:
    """Another word in a slot that says nothing of the opinion (INV); the title has no such slot."""
    for _ in range(CASES):
        words = _drawn(draw)
        template = _review(draw, openings)
        other = draw.choice([word for word in say.WORDS[slot] if word != words[slot]])
        text, changed = _filled(template, words), _filled(template, {**words, slot: other})
        yield Case(capability, "INV", f"After {words['time']}", text, changed)


_CAPABILITIES: tuple[Callable[[random.Random], Iterator[Case]], ...] = (
    partial(_statements, "plain opinion", say.PRAISE, say.BLAME),
    partial(_statements, "negation", say.NEGATED_BLAME, say.NEGATED_PRAISE),
    partial(_statements, "used to ... but now", say.NOW_GOOD, say.NOW_BAD),
    partial(_statements, "question and answer", say.ANSWERED_WELL, say.ANSWERED_BADLY),
    _intensifiers,
    _added_opinion,
    _typos,
    partial(_replaced, "names", "name", say.NAMED),
    partial(_replaced, "product words", "product", say.OPENINGS),
)


def _alternately(negative: Sequence[str], positive: Sequence[str]) -> Iterator[tuple[int, Iterator[str]]]:
    """Give a label and its sentences in turn, negative first, for as many cases as a capability has."""
    sentences = {NEGATIVE: cycle(negative), POSITIVE: cycle(positive)}
    return ((label, sentences[label]) for label in islice(cycle(sentences), CASES))


def _review(draw: random.Random, openings: Sequence[str] = say.OPENINGS) -> str:
    return f"{draw.choice(openings)} {draw.choice((*say.PRAISE, *say.BLAME))}"


def _drawn(draw: random.Random) -> dict[str, str]:
    return {slot: draw.choice(words) for slot, words in say.WORDS.items()}


def _filled(template: str, words: dict[str, str]) -> str:
    return _BEFORE_A_VOWEL.sub("an ", template.format(**words))


def _with_typo(sentence: str, draw: random.Random) -> str:
    """Swap two different letters that are neither first nor last of their word."""
    swaps = [found.start(1) for found in _TWO_INNER_LETTERS.finditer(sentence) if found[1] != found[2]]
    at = draw.choice(swaps)
    return f"{sentence[:at]}{sentence[at + 1]}{sentence[at]}{sentence[at + 2 :]}"
