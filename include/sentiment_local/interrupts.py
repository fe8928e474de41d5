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
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if main and signal.getsignal(one) is signal.SIG_DFL]

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt(f"it was told to end ({signal.Signals(number).name})")

    try:
        for one in numbers:
            signal.signal(one, interrupt)
        yield
    finally:
        for one in numbers:
            signal.signal(one, signal.SIG_DFL)
