"""Requests to end, made Ctrl-C: what was begun is cleared away, whoever asks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def as_interrupts() -> Iterator[None]:
    """Let SIGTERM and SIGHUP, where they would end this process, raise KeyboardInterrupt, once."""
    # Python hears signals in its main thread alone. What nohup ignores stays ignored.
    main = threading.current_thread() is threading.main_thread()
    numbers = [
        signum for signum in (signal.SIGTERM, signal.SIGHUP) if main and signal.getsignal(signum) is signal.SIG_DFL
    ]

    def interrupt(number: int, frame: FrameType | None) -> None:
        for signum in numbers:
            signal.signal(signum, signal.SIG_IGN)
        raise KeyboardInterrupt(f"it was told to end ({signal.Signals(number).name})")

    try:
        for signum in numbers:
            signal.signal(signum, interrupt)
        yield
    finally:
        for signum in numbers:
            signal.signal(signum, signal.SIG_DFL)
