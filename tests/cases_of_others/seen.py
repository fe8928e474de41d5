"""What was seen of a case: each thing that was looked at, and whether it is as its README says."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import shorten

_SHOWN = 240


@dataclass
class Seen:
    """Collects what a case looked at; what depends on the model is told and never fails it."""

    looked_at: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def holds(self, what: str, right: object, found: object = "") -> None:
        """Note one thing that must be so; `found` is shown where it is not."""
        self.looked_at.append(what)
        if not right:
            self.wrong.append(f"{what} (found: {_short(found)})" if found != "" else what)

    def equals(self, what: str, found: object, wanted: object) -> None:
        """Note one value that must be what is wanted."""
        self.holds(what, found == wanted, f"{_short(found)}, wanted {_short(wanted)}")

    def of_model(self, what: str, good: int, of: int, enough: int | None = None) -> None:
        """Note how many of some decisions are as wanted; a shortfall is the model's and named as such."""
        short = good < (of if enough is None else enough)
        self.notes.append(f"model: {good} of {of} {what}{', too few' if short else ''}")

    def by_design(self, words: str) -> None:
        """Say in which way the product was designed to differ from the README."""
        self.notes.append(f"by design {words}")

    def outcome(self) -> str:
        """Say what came of it."""
        return "; ".join([f"NOT {'; NOT '.join(self.wrong)}" if self.wrong else "as wanted", *self.notes])


def _short(found: object) -> str:
    """Return the beginning of what was found, on one line."""
    return shorten(str(found), _SHOWN, placeholder=" …")
