"""Trainings that have not come to their end: what each keeps under HOME/training to go on from, listed and removed.

A folder a run, with what was asked for, the time spent so far and the checkpoints; it goes when its training is done.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sentiment.core.atomic import replacing
from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError, UnderWayError
from sentiment.core.locks import alone, held
from sentiment.core.settings import Settings
from sentiment.stores.registry.entries import is_run_id
from sentiment.stores.registry.runs import Runs
from sentiment.training.config.train import TrainConfig, TrainingsConfig
from sentiment.training.results import TrainingsResult, UnfinishedTraining

log = logging.getLogger(__name__)
_ASKED, _LOCK = "asked.json", "at-work.lock"
# What a part that came to its end leaves, a fold or a seed, so that it is not made again.
FIGURES = "figures.json"


class Asked(BaseModel):
    """What a training was asked for, where (empty: in a shell), and the seconds of all its attempts until now."""

    model_config = ConfigDict(frozen=True)

    config: TrainConfig | None
    airflow_run: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Unfinished:
    """A folder with what a training left, or is at work on: `step` is its last checkpoint's, 0 where there is none."""

    folder: Path
    asked: Asked | None
    at_work: bool
    step: int
    size: int
    changed: float

    @classmethod
    def of(cls, folder: Path) -> Unfinished:
        """Look at a folder; its size is in bytes, and `changed` the Unix time of its newest file."""
        stats = list(_stats(folder))
        return cls(
            folder=folder,
            asked=_read(folder),
            at_work=held(folder / _LOCK),
            step=_last_step(folder),
            size=sum(one.st_size for one in stats),
            changed=max((one.st_mtime for one in stats), default=time.time()),
        )

    @property
    def run_id(self) -> str:
        """The run in MLflow."""
        return self.folder.name


def folder_of(settings: Settings, run_id: str) -> Path:
    """Return where a training of a run keeps what it can go on from."""
    return settings.home / "training" / run_id


def unfinished(settings: Settings) -> list[Unfinished]:
    """Return what all trainings of this home have left or are at work on, the newest first."""
    folders = [folder for folder in (settings.home / "training").glob("*") if folder.is_dir()]
    return sorted(map(Unfinished.of, folders), key=lambda one: -one.changed)


def interrupted(config: TrainConfig, settings: Settings) -> str:
    """Return the run of the same training, begun in a shell, that was interrupted; empty when there is none.

    Raises UnderWayError when it is not interrupted but under way.
    """
    same = [
        one for one in unfinished(settings) if one.asked and not one.asked.airflow_run and one.asked.config == config
    ]
    for one in same:
        if one.at_work:
            raise under_way(one.run_id)
    return same[0].run_id if same else ""


def asked_of(run_id: str, settings: Settings) -> TrainConfig:
    """Return what an interrupted training was asked for; ContractError when it left nothing that says so."""
    folder = folder_of(settings, run_id)
    asked = _read(folder)
    if asked is None or asked.config is None:
        raise ContractError(f"run {run_id!r} left nothing to go on from; `sentiment trainings` lists those that did")
    if held(folder / _LOCK):
        raise under_way(run_id)
    return asked.config


@contextmanager
def at_work(folder: Path, config: TrainConfig | None, context: Context) -> Iterator[Path]:
    """Work alone on a training's folder; it is removed at the end, and stays when there is something to go on from.

    Measurements have no `config` and begin anew. An interruption says how to go on. Raises UnderWayError when
    another process is at work on it.
    """
    with alone(folder / _LOCK, under_way(folder.name)):
        before, kept, run = _read(folder), True, context.run_id if "dag" in context.provenance else ""
        _write(folder, Asked(config=config, airflow_run=run, seconds=before.seconds if before else 0))
        try:
            yield folder
            kept = False
        except KeyboardInterrupt as interrupt:
            more = [_how_to_go_on(folder, config.snapshot)] if config else []
            raise KeyboardInterrupt("; ".join([*map(str, interrupt.args), *more])) from None
        finally:
            if not (kept and config and _worth_keeping(folder)):
                shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """The seconds of a training over all its attempts, kept in its folder for the next one."""

    def __init__(self, folder: Path) -> None:
        asked = _read(folder)
        self._folder, self._before, self._began = folder, asked.seconds if asked else 0.0, time.monotonic()

    def seconds(self) -> float:
        """Return them until now."""
        return self._before + time.monotonic() - self._began

    def note(self) -> None:
        """Keep them, should this attempt not come to its end."""
        if asked := _read(self._folder):
            _write(self._folder, asked.model_copy(update={"seconds": self.seconds()}))


def listed(config: TrainingsConfig, context: Context) -> TrainingsResult:
    """Return the trainings that have not come to their end, once those that are to be removed are; their runs end.

    Raises ContractError for a run that left nothing and for one that is at work; then nothing is removed.
    """
    there = unfinished(context.settings)
    removed = [one for one in there if not one.at_work] if config.remove == ("all",) else _named(config.remove, there)
    for one in removed:
        with alone(one.folder / _LOCK, _at_work_again(one)):  # it may have been taken up meanwhile
            shutil.rmtree(one.folder)
    _end_runs([one.run_id for one in removed], context.settings)
    kept = [_row(one, context.now.timestamp()) for one in there if one not in removed]
    freed = sum(one.size for one in removed) / 1e6
    return TrainingsResult(trainings=kept, removed=[one.run_id for one in removed], freed_megabytes=freed)


def _end_runs(run_ids: list[str], settings: Settings) -> None:
    """End runs that nobody goes on with as failed, as far as MLflow answers and knows them."""
    try:
        for run_id in filter(is_run_id, run_ids):
            if (runs := Runs(settings)).has(run_id):
                runs.handle(run_id).give_up()
    except (ContractError, ConcurrentWriteError, UnavailableError) as error:
        log.warning("a run that was killed may still be RUNNING in MLflow: %s", error)


def _at_work_again(one: Unfinished) -> ContractError:
    return ContractError(f"run {one.run_id} is training again: interrupt it first; it was not removed")


def _named(run_ids: tuple[str, ...], there: list[Unfinished]) -> list[Unfinished]:
    by_run = {one.run_id: one for one in there}
    for run_id in run_ids:
        if run_id not in by_run:
            raise ContractError(f"run {run_id!r} left nothing; `sentiment trainings` lists those that did")
        if by_run[run_id].at_work:
            raise ContractError(f"run {run_id} is still training: interrupt it first; nothing was removed")
    return [by_run[run_id] for run_id in dict.fromkeys(run_ids)]


def _row(one: Unfinished, now: float) -> UnfinishedTraining:
    config = one.asked.config if one.asked else None
    return UnfinishedTraining(
        run_id=one.run_id,
        state="training" if one.at_work else "interrupted",
        family=config.family if config else "",
        train_reviews=config.train_reviews if config else None,
        step=one.step,
        megabytes=round(one.size / 1e6, 1),
        hours=round(max(0.0, now - one.changed) / 3600, 1),
    )


def _how_to_go_on(folder: Path, snapshot: str) -> str:
    if not _worth_keeping(folder):
        return "there was no checkpoint yet: the same command begins anew"
    step = _last_step(folder)
    where = f" after step {step}" if step else ""
    # Without it the same command takes a snapshot of its own as soon as the lake has grown.
    return f"the same command with --snapshot {snapshot}, or `sentiment train --resume {folder.name}`, goes on{where}"


def under_way(run_id: str = "") -> UnderWayError:
    """Say that another process trains the same; as which run, where that is known."""
    named = f", as run {run_id}" if run_id else ""
    return UnderWayError(
        f"the same training is under way already{named}; wait for it, or change what is asked for, such as the seed"
    )


def _stats(folder: Path) -> Iterator[os.stat_result]:
    """Give what is known of a folder's files; those that go meanwhile, as old checkpoints do, are passed over."""
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(inside, name).stat()


def _last_step(folder: Path) -> int:
    found = (re.fullmatch(r"checkpoint-(\d+)", one.name) for one in folder.glob("checkpoint-*"))
    return max((int(match[1]) for match in found if match), default=0)


def _worth_keeping(folder: Path) -> bool:
    """Tell whether there is a checkpoint, or the figures of a fold or a seed."""
    return any(any(folder.rglob(name)) for name in ("checkpoint-*", FIGURES))


def _read(folder: Path) -> Asked | None:
    """Return what was asked for; None where nothing says so, or another version of the platform wrote it."""
    try:
        return Asked.model_validate(json.loads((folder / _ASKED).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def _write(folder: Path, asked: Asked) -> None:
    with replacing(folder / _ASKED) as aside:
        aside.write_text(asked.model_dump_json(), encoding="utf-8")
