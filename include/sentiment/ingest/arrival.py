"""Whether a day's files are whole, and stay so while they are read.

Nobody reads a part of a file or of a folder that is still being written or copied: a day of which nothing changed for
half a minute is whole, at once with a `_SUCCESS` behind all the rest. Who cannot wait so long looks twice, and what was
read is looked at once more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from sentiment.core.errors import UnavailableError
from sentiment.ingest.landing import Delivery, delivery_of_day, files_of_day, place, review_files, seen_of_day
from sentiment.readers.config import ReviewOptions
from sentiment.readers.table_folders import require_no_table
from sentiment.readers.told import AS_FOUND
from sentiment.stores import files as storage
from sentiment.stores.files import Seen

# A writer's mark that all of a folder is there, and what Hadoop writes beside it on a disk, a moment later.
WHOLE = "_SUCCESS"
_SUM_OF_MARK = "._SUCCESS.crc"
QUIET_SECONDS = 30.0
# Between two looks of someone who waits before the screen; a copy writes every few milliseconds.
LOOK_SECONDS = 2.0
_LOOKS = 15


def still_arriving(landing: str, day: date, now: float) -> str | None:
    """Say that the day's files changed a moment ago, or None when they are whole or not there; `now` in seconds.

    What is dated ahead of now does not say when it was written: who takes it looks twice.
    """
    found = seen_of_day(landing, day)
    newest = max(found, key=_modified, default=None)
    if newest is None or _is_quiet(landing, found, now) or newest.modified - now >= QUIET_SECONDS:
        return None
    return (
        f"{newest.uri} was written {max(0.0, now - newest.modified):.0f} s ago and may not be whole: it is taken when "
        f"it has not changed for {QUIET_SECONDS:.0f} s, or at once with a _SUCCESS in the day's folder that is newer"
    )


def whole_delivery(
    landing: str, day: date, wait: Callable[[float], object] = time.sleep, options: ReviewOptions = AS_FOUND
) -> Delivery:
    """Return the day's files once two looks find them the same; empty where there are none.

    What a writer has not done yet is looked at too, for it becomes files. Raises ContractError for a table's folder,
    UnavailableError when they keep changing.
    """
    found = seen_of_day(landing, day)
    for _ in range(_LOOKS):
        whole = _is_quiet(landing, found, time.time())
        if not whole:
            wait(LOOK_SECONDS)
        before, found = found, found if whole else seen_of_day(landing, day)
        if found == before:
            require_no_table(landing, (file.uri for file in found))
            return delivery_of_day(landing, day, review_files(landing, found), options)
    raise UnavailableError(f"the files of {day} in {landing} are still being written; run it again when they are whole")


def require_unchanged(delivery: Delivery) -> None:
    """Raise UnavailableError when a file is not any more what it was when it was listed, or one came to the day."""
    if changed := set(delivery.files).symmetric_difference(_looked_at_again(delivery)):
        raise UnavailableError(
            f"{min(file.uri for file in changed)} came or changed while it was read, so nothing was taken; run it "
            "again when all is whole"
        )


def _looked_at_again(delivery: Delivery) -> list[Seen]:
    if delivery.landing:
        return files_of_day(delivery.landing, date.fromisoformat(delivery.origin.day))
    # What lies behind a link to a folder is listed by the link's place, and found under the folder's.
    return [replace(seen, uri=file.uri) for file in delivery.files for seen in storage.look(file.uri)]


def _is_quiet(landing: str, found: Sequence[Seen], now: float) -> bool:
    """Tell whether nothing of a day was written of late, hidden and unfinished files too, or all of it is marked."""
    return now - max(map(_modified, found), default=0.0) >= QUIET_SECONDS or _is_marked(landing, found, now)


def _is_marked(landing: str, found: Sequence[Seen], now: float) -> bool:
    """Tell whether a mark was written behind all else of a day.

    A copy may bring the mark before the parts, and a second delivery finds that of the first: what is newer than the
    mark, it does not speak of. One that is dated ahead of now would be newer than whatever comes.
    """
    marked = max((file.modified for file in found if _is_mark(place(landing, file.uri))), default=-math.inf)
    others = (file.modified for file in found if not file.uri.endswith(f"/{_SUM_OF_MARK}"))
    return marked - now < QUIET_SECONDS and marked >= max(others, default=math.inf)


def _is_mark(name: str) -> bool:
    """Tell the mark of a day's own folder from one of a folder in there."""
    return name.count("/") == 1 and name.endswith(f"/{WHOLE}")


def _modified(file: Seen) -> float:
    return file.modified
