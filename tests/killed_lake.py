"""A lake whose writer is killed at one of its commits."""

from __future__ import annotations

from sentiment.stores.lake.tables import Lake


class CrashedError(RuntimeError):
    """The process was killed."""


class KilledLake(Lake):
    """A lake whose writer is killed at a commit, before it or right after it."""

    def __init__(self, root: str, crash: tuple[int, bool]) -> None:
        super().__init__(root)
        self.left, self.after = crash

    def replace_days(self, *given: object, **named: object) -> int:
        """Commit, as long as the process lives."""
        self.left -= 1
        if self.left == 0 and not self.after:
            raise CrashedError
        version = super().replace_days(*given, **named)  # type: ignore[arg-type]
        if self.left == 0:
            raise CrashedError
        return version
