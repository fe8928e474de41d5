"""A lock on a file: who holds it is at work there, and a process that dies, however it does, lets it go."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

# Who only looks has the lock for some microseconds, with others who look; who wants to work waits for that.
_LOOKS, _PAUSE_SECONDS = 10, 0.03


@contextmanager
def alone(file: Path, busy: Exception) -> Iterator[None]:
    """Hold the lock while the block runs; raises `busy` when another process, or thread, holds it to work."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        opened = stack.enter_context(file.open("a+"))
        try:
            _take(opened)
        except BlockingIOError:
            raise busy from None
        yield


def keep(file: Path, busy: Exception | SystemExit) -> None:
    """Take the lock until this process, what it becomes by `exec` and its children have all ended; raises `busy`."""
    opened = file.open("a+")
    try:
        _take(opened)
    except BlockingIOError:
        opened.close()
        raise busy from None
    # A copy that no object closes and that a program's start leaves open.
    os.set_inheritable(os.dup(opened.fileno()), True)


def held(file: Path) -> bool:
    """Tell whether somebody holds the lock; of a file that is not there nobody does."""
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _take(opened: IO[str]) -> None:
    for _ in range(_LOOKS):
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
