"""A whole search on one machine: opens the study, starts its workers, and concludes when they have ended.

A worker that is killed costs its trial and stops nobody.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentiment.core.context import Context
from sentiment.core.environment import usable_cores
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.settings import Settings
from sentiment.stores.registry.studies import StudyRuns
from sentiment.tuning.config import StudyConfig, TuneConfig
from sentiment.tuning.results import StudyResult
from sentiment.tuning.search import finished, search
from sentiment.tuning.storage import AWAY, load_study
from sentiment.tuning.study import conclude_study, open_study
from sentiment.tuning.trial import reason_of

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds


def tune(config: TuneConfig, context: Context) -> StudyResult:
    """Search with as many workers as `config` says and return what conclude_study returns.

    Interrupted, or left by a server, and called again with the same configuration, it goes on.
    """
    opened = open_study(config, context)
    study = StudyConfig(study=opened.study)
    on = f"the same command with --snapshot {opened.snapshot} goes on with the study {opened.study}"
    try:
        with _told(opened.run_id, context.settings):
            if config.workers > 1:
                logs = context.settings.home / "tuning" / opened.run_id
                logs.mkdir(parents=True, exist_ok=True)
                with _workers(study, config.workers, context.settings, logs) as workers:
                    _wait(workers, study, logs, context)
            # Alone, or after the workers: what those that died have left.
            search(study, context)
            return conclude_study(study, context)
    except KeyboardInterrupt as interrupt:
        anew = "the trials that were under way begin anew"
        raise KeyboardInterrupt("; ".join([*map(str, interrupt.args), on, anew])) from None
    except UnavailableError as error:
        raise UnavailableError(f"{error}; {on}") from None


@contextmanager
def _told(run_id: str, settings: Settings) -> Iterator[None]:
    """End the search's run as failed where the block breaks off, as far as MLflow lets us; going on opens it again."""
    try:
        yield
    except BaseException as error:
        try:
            StudyRuns(settings).end(run_id, "failed", reason_of(error))
        except (ContractError, ConcurrentWriteError, UnavailableError) as why:
            log.warning("run %s has not ended in MLflow yet: %s", run_id, why)
        raise


@contextmanager
def _workers(study: StudyConfig, count: int, settings: Settings, logs: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start processes of the command line; those that still run when the block ends are stopped.

    Those of a process that was killed stop by themselves.
    """
    command = [sys.executable, "-m", "sentiment", "search", f"--study={study.study}", f"--caller={os.getpid()}"]
    workers = []
    try:
        for number in range(1, count + 1):
            environment = _environment(settings, count) | _device(number)
            with _log(logs, number).open("wb") as file:
                workers.append(subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT))
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def _log(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}.log"


def _wait(workers: list[subprocess.Popen[bytes]], config: StudyConfig, logs: Path, context: Context) -> None:
    study, tuning = load_study(config.study, context.settings)
    while any(worker.poll() is None for worker in workers):
        with suppress(*AWAY):  # for a moment perhaps, and a worker in the middle of a trial needs no study
            context.progress("trials", min(finished(study), tuning.size), tuning.size)
        time.sleep(LOOK_EVERY)
    for number, worker in enumerate(workers, 1):
        if worker.returncode:
            log.warning("worker %d ended with %d; its log is %s", number, worker.returncode, _log(logs, number))


def _environment(settings: Settings, workers: int) -> dict[str, str]:
    """Give the workers these settings, and each its share of the cores: more threads than cores slow all of them."""
    cores = str(max(1, usable_cores() // workers))
    return {"OMP_NUM_THREADS": cores, **os.environ, **settings.as_environment(), "TOKENIZERS_PARALLELISM": "false"}


def _device(number: int) -> dict[str, str]:
    """Give a worker one of the GPUs that this process sees, in turn: left to themselves all would take the first."""
    import torch

    if not (count := torch.cuda.device_count()):
        return {}
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(device) for device in range(count)]
    return {"CUDA_VISIBLE_DEVICES": devices[(number - 1) % count].strip()}
