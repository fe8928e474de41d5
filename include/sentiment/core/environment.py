"""What every process of ours needs of its environment: this machine asked without a proxy, paths in UTF-8, its cores.

And an end that is asked for, which is an interruption: what was begun is ended in its order, and leaves no process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

# As the shell tells of a program that a signal ended: 128 and its number.
INTERRUPTED = 128 + signal.SIGINT

# How soon a process that ends with another one sees that this is gone.
_LOOKS_EVERY_SECONDS = 0.5
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_THIS_MACHINE = ("127.0.0.1", "localhost")


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which no proxy is asked for what runs on this machine; what the caller excepts stays."""
    given = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    names = [name.strip() for value in given for name in value.split(",") if name.strip()]
    # A star excepts everything, and only where it stands alone.
    direct = "*" if "*" in names else ",".join(dict.fromkeys([*names, *_THIS_MACHINE]))
    return {"NO_PROXY": direct, "no_proxy": direct}


def usable_cores() -> int:
    """Return how many cores this process may use; macOS tells those of the machine alone."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def begin() -> None:
    """Make this process one of ours; one that cannot read a path with an umlaut begins again, in UTF-8."""
    os.environ.update(without_proxy(os.environ))
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  itself


@contextmanager
def dying_quietly() -> Iterator[None]:
    """Let what asks this process to end do so at once and without a word: nothing has begun yet."""
    # Python hears signals in its main thread alone. What nohup ignores stays ignored.
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _ENDS if main}
    heard = [number for number, now in before.items() if now in (signal.SIG_DFL, signal.default_int_handler)]
    for number in heard:
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def ends_as_interrupts() -> Iterator[None]:
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


def end_with(parent: int) -> None:
    """Tell this process to end as soon as `parent` is no longer its parent: one that was killed could tell nobody."""
    as_soon_as(lambda: os.getppid() != parent, lambda: os.kill(os.getpid(), signal.SIGTERM))


def as_soon_as(happened: Callable[[], bool], then: Callable[[], object]) -> None:
    """Look in the background whether something has happened, and do something then, once."""

    def look() -> None:
        while not happened():
            time.sleep(_LOOKS_EVERY_SECONDS)
        then()

    threading.Thread(target=look, daemon=True).start()
