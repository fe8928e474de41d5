"""A lock on a file: who holds it is at work there, and a process that dies, however it does, lets it go."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def holding(file: Path) -> Iterator[None]:
    """Hold the lock while the block runs; raises BlockingIOError at once when another process, or thread, has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def held(file: Path) -> bool:
    """Tell whether somebody holds the lock; of a file that is not there nobody does."""
    if not file.exists():
        return False
    try:
        with holding(file):
            return False
    except BlockingIOError:
        return True
