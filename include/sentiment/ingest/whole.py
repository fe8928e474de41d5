"""Whether a file is there whole: nobody reads a part of one that is still being written or copied.

A file that did not change for half a minute is whole, one beside a `_SUCCESS` at once. Who cannot wait so long looks
twice. What is read is looked at once more afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from sentiment.core.errors import UnavailableError
from sentiment.ingest.landing import Delivery, delivery_of_day, files_of_day, is_marked_whole
from sentiment.stores import files as storage
from sentiment.stores.files import Seen

QUIET_SECONDS = 30.0
# Between two looks of someone who waits before the screen; a copy writes every few milliseconds.
LOOK_SECONDS = 2.0
_LOOKS = 15


def still_arriving(landing: str, day: date, now: float) -> str | None:
    """Say that the day's files changed a moment ago, or None when they are whole or not there; `now` in seconds."""
    files = files_of_day(landing, day)
    newest = max(files, key=lambda file: file.modified, default=None)
    if newest is None or now - newest.modified >= QUIET_SECONDS or is_marked_whole(landing, day):
        return None
    return (
        f"{newest.uri} was written {max(0.0, now - newest.modified):.0f} s ago and may not be whole: it is taken when "
        f"it has not changed for {QUIET_SECONDS:.0f} s, or at once with a _SUCCESS in the day's folder"
    )


def whole_delivery(landing: str, day: date, wait: Callable[[float], object] = time.sleep) -> Delivery:
    """Return the day's files once two looks find them the same; empty where there are none.

    Raises UnavailableError when they keep changing.
    """
    files = files_of_day(landing, day)
    for _ in range(_LOOKS):
        if still_arriving(landing, day, time.time()) is None:
            return delivery_of_day(landing, day, files)
        wait(LOOK_SECONDS)
        again = files_of_day(landing, day)
        if again == files:
            return delivery_of_day(landing, day, files)
        files = again
    raise UnavailableError(f"the files of {day} in {landing} are still being written; run it again when they are whole")


def require_unchanged(files: Sequence[Seen]) -> None:
    """Raise UnavailableError when one of these files is not any more what it was when it was listed."""
    for file in files:
        # A link is listed by its place, and found under the name of what it leads to.
        if [replace(found, uri=file.uri) for found in storage.look(file.uri)] != [file]:
            raise UnavailableError(
                f"{file.uri} changed while it was read, so nothing of it was taken; run it again when it is whole"
            )
