"""Figures in words, as sentences of results say them."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Names are listed as far as a note has room for them.
_NAMED = 31
# So many of what was passed over are named in a sentence, each with so many letters: a name may have 255.
NAMED, _OF_A_NAME = 3, 80
# Of an error of a library its first words tell enough; some bring pages.
_OF_AN_ERROR = 200


def counted(number: int, what: str) -> str:
    """Say how many there are of something, in the right number: 1 line, 2 lines."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def beginning(name: str, most: int) -> str:
    """Return a name as far as there is room for so many letters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def percent(share: float) -> str:
    """Say a share between 0 and 1 in per cent."""
    return f"{100 * share:.1f} %"


def interval(bounds: Sequence[float] | None, scale: int = 1, unit: str = "") -> str:
    """Say a 95 % interval [low, high] in brackets, or nothing where there is none."""
    if not bounds or not all(map(math.isfinite, bounds)):
        return ""
    low, high = (f"{scale * bound:.1f}" if scale > 1 else f"{bound:.3f}" for bound in bounds)
    return f" ({low} to {high}{' ' + unit if unit else ''})"


def cause(error: Exception) -> str:
    """Say a library's error in one line of at most 200 characters."""
    return " ".join(str(error).split())[:_OF_AN_ERROR] or type(error).__name__


def first_of(names: Sequence[str], of: int) -> str:
    """Name the first few of so many, and say how many more there are."""
    more = f" and {of - len(names):,} more" if of > len(names) else ""
    return ", ".join(beginning(name, _OF_A_NAME) for name in names) + more


def not_read(names: Sequence[str], of: int) -> str:
    """Say how many files are passed over by their names, the first few of which are given."""
    return (
        f"{'1 other is' if of == 1 else f'{of:,} others are'} not read, by what they are called: {first_of(names, of)}"
    )


def listed(names: Sequence[str]) -> str:
    """Name them all, or the first and last of many."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{len(names):,}, from {names[0]} to {names[-1]}"
