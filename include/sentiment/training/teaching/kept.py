"""What a making of soft labels keeps under HOME/soft-labels/RUN: what was asked for, its parts, and its result."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sentiment.core import locks
from sentiment.core.atomic import replacing
from sentiment.core.errors import UnderWayError
from sentiment.core.settings import Settings
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.results import SoftLabelsResult
from sentiment.training.teaching.table import TABLE

_ASKED, _LOCK = "asked.json", "at-work.lock"


class Kept(BaseModel):
    """What was asked for, the seconds of all attempts until now, and the result, where it came to its end."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    config: SoftLabelsConfig
    seconds: float = 0.0
    result: SoftLabelsResult | None = None

    def write(self, folder: Path) -> None:
        """Keep it in the folder of its run."""
        with replacing(folder / _ASKED) as aside:
            aside.write_text(self.model_dump_json(), encoding="utf-8")


def kept_of(config: SoftLabelsConfig, settings: Settings) -> Kept | None:
    """Return what the same question has come to, begun here before: to its end, if it did once, or the furthest.

    Raises UnderWayError when another process is at work on it.
    """
    same = []
    for folder in sorted((settings.home / "soft-labels").glob("*")):
        if (found := _read(folder)) and found.config == config:
            if locks.held(folder / _LOCK):
                raise _under_way(found.run_id)
            # A table that somebody removed is made again.
            here = found.result is not None and (folder / TABLE).is_file()
            same.append(found if here else found.model_copy(update={"result": None}))
    done = {found.run_id: len(folds(settings.home / "soft-labels" / found.run_id)) for found in same}
    return max(same, key=lambda found: (found.result is not None, done[found.run_id]), default=None)


def folds(folder: Path) -> list[Path]:
    """Return the parts of the folds that are done."""
    return sorted(folder.glob("fold-*.parquet"))


def take_over(begun: Path, folder: Path) -> None:
    """Move the folds that are done from the folder of a run that is gone, and remove it."""
    for part in folds(begun):
        shutil.move(part, folder / part.name)
    shutil.rmtree(begun, ignore_errors=True)


@contextmanager
def alone(config: SoftLabelsConfig, settings: Settings) -> Iterator[None]:
    """Answer a question alone, from before its run is there; UnderWayError when another process is at it."""
    question = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:12]
    busy = UnderWayError("the same soft labels are being made already; wait for them")
    with locks.alone(settings.home / "soft-labels" / f"{question}.lock", busy):
        yield


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Work alone on a folder; an interruption says how to go on."""
    try:
        with locks.alone(folder / _LOCK, _under_way(folder.name)):
            yield
    except KeyboardInterrupt:
        done = f"the same command again goes on; folds that are done: {len(folds(folder))}"
        raise KeyboardInterrupt(done) from None


def _read(folder: Path) -> Kept | None:
    """Return what is kept; None where nothing is, or another version of the platform wrote it."""
    try:
        return Kept.model_validate_json((folder / _ASKED).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def _under_way(run_id: str) -> UnderWayError:
    return UnderWayError(f"the same soft labels are being made already, as run {run_id}; wait for them")
