"""Draws sentences from rules of phrases."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_SLOT = re.compile(r"\{(\w+)\}")
_Template = list[str]  # literal, slot, literal, slot, ..., literal


class Grammar:
    """Phrases by rule: `{rule}` in a phrase is replaced by a phrase of that rule, `{Rule}` likewise with a capital."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = {name: [_SLOT.split(phrase) for phrase in phrases] for name, phrases in rules.items()}

    def draw(self, rng: random.Random, rule: str) -> str:
        """Return a phrase of the rule with every slot filled; an unknown rule is a KeyError."""
        return self._fill(rng, rng.choice(self._rules[rule]))

    def undefined(self) -> set[str]:
        """Return the slots that no rule fills (none, in a sound grammar)."""
        slots = {slot for phrases in self._rules.values() for phrase in phrases for slot in phrase[1::2]}
        return {slot for slot in slots if slot[0].lower() + slot[1:] not in self._rules}

    def _fill(self, rng: random.Random, template: _Template) -> str:
        if len(template) == 1:
            return template[0]
        parts = list(template)
        for i in range(1, len(parts), 2):
            slot = parts[i]
            drawn = self.draw(rng, slot[0].lower() + slot[1:])
            parts[i] = capitalised(drawn) if slot[0].isupper() else drawn
        return "".join(parts)


def capitalised(text: str) -> str:
    """Return the text with a capital first letter and the rest as it is."""
    return text[:1].upper() + text[1:]
