"""One row of a published data set, good or bad. It knows no file format."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A review with its label (0 or 1); stars are None, and the category is "", where the data set has none."""

    label: int
    title: str
    text: str
    stars: float | None = None
    category: str = ""


class BadRow(NamedTuple):
    """What stands where a review should, and why it is none."""

    reason: str
