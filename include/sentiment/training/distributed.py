"""Trains in several processes, which Spark's TorchDistributor starts and ends; this process watches over them.

Knows processes and their folder; how they train is `worker.py` and what it calls.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, TextIO

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.stores.spark import running, session
from sentiment.training.checkpoints import claim
from sentiment.training.config.train import TrainConfig
from sentiment.training.failures import with_smaller_batches
from sentiment.training.fitted import Fitted
from sentiment.training.job import Failure, Job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

OnLog = Callable[[dict[str, Any]], None]

_WORKER = Path(__file__).with_name("worker.py")
_LOOKS_EVERY_SECONDS = 0.2


class WorkerLostError(RuntimeError):
    """A process of a parallel training died; trying again goes on from the last checkpoint."""


def fit_distributed(
    config: TrainConfig,
    train: LabelledReviews,
    validation: LabelledReviews,
    workdir: Path,
    on_log: OnLog | None = None,
    threads: int | None = None,
) -> Fitted:
    """Train in `config.processes * config.stages` processes and return what `fit` returns.

    Under a local Spark master they are processes of this machine; under another one each is a task of a barrier job,
    and `workdir`, the encoder's folder and this package must have the same paths there. Every process computes with
    `threads` threads; when that is not given, they share the machine's cores, or take `spark.task.cpus` each.

    Every process meets the same order of reviews and takes its share of each step's. Process 0 writes checkpoints and
    logs. Raises ContractError for what a process says a person must mend, and WorkerLostError when one died.
    """
    claim(workdir, config, train, validation)
    job = Job(workdir)
    with session(Settings(), "train", shared=running()) as spark:
        while True:
            job.write(config, train, validation)
            cause = _run(spark, config.processes * config.stages, job, threads, on_log)
            if (job.fitted / "fitted.json").exists():
                adapter = workdir / "adapter"  # of family lora; a saved model does not carry it
                return replace(Fitted.load(job.fitted), adapter=adapter if adapter.is_dir() else None)
            config = _after(job.failure(), config, cause)


def _after(failure: Failure, config: TrainConfig, cause: BaseException | None) -> TrainConfig:
    """Return the configuration to go on with after a failure; raises what the caller shall see when there is none."""
    if failure.kind == "contract":
        raise ContractError(failure.message) from cause
    if failure.kind == "memory":
        return with_smaller_batches(config, MemoryError(failure.message))
    raise WorkerLostError(
        f"a process of the training died; try again, it goes on from the last checkpoint. Its last words:\n"
        f"{failure.message}"
    ) from cause


def _run(
    spark: SparkSession, processes: int, job: Job, threads: int | None, on_log: OnLog | None
) -> BaseException | None:
    """Run the processes to their end and hand their records on; returns what the distributor raised, if it did."""
    from pyspark.ml.torch.distributor import TorchDistributor

    master = str(spark.sparkContext.master)
    local = master == "local" or master.startswith("local[")
    if local:
        _require_devices(processes)
    # In local mode torchrun shares the GPUs out by rank; Spark would want them declared as resources of the driver.
    on_gpu = not local and int(spark.conf.get("spark.task.resource.gpu.amount", "0") or 0) > 0
    distributor = TorchDistributor(processes, local_mode=local, use_gpu=on_gpu)
    threads = threads or _threads(spark, processes, local)
    log.info("training in %d processes of %d threads under %s", processes, threads, master)
    with job.output.open("a", encoding="utf-8") as output, redirect_stdout(_OfThisThread(output)), _threads_of(threads):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(distributor.run, str(_WORKER), str(job.workdir), f"--threads={threads}")
            _follow(running, job, on_log)
        return running.exception()


def _follow(running: Future[Any], job: Job, on_log: OnLog | None) -> None:
    """Hand records on until the processes have ended; they are stopped when the caller is, or raises."""
    seen = 0
    try:
        while True:
            ended = bool(wait([running], timeout=_LOOKS_EVERY_SECONDS).done)
            for record in job.logged(seen):
                seen += 1
                if on_log:
                    on_log(record)
            if ended:
                return
    except BaseException:
        job.stop()
        raise


class _OfThisThread(io.TextIOBase):
    """A standard output for the thread that makes it; what the others write goes to a file.

    The distributor prints what the processes print. The caller's standard output may be a result that is parsed.
    """

    def __init__(self, others: TextIO) -> None:
        self._here, self._others, self._thread = sys.stdout, others, get_ident()

    def write(self, text: str) -> int:
        """Write text where the writing thread's belongs."""
        return (self._here if get_ident() == self._thread else self._others).write(text)

    def flush(self) -> None:
        """Flush both."""
        self._here.flush()
        self._others.flush()


def _require_devices(processes: int) -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() < processes:
        raise ContractError(
            f"this machine has {torch.cuda.device_count()} GPUs for {processes} processes; lower processes or stages, "
            "or set CUDA_VISIBLE_DEVICES to nothing to train on the CPU"
        )


def _threads(spark: SparkSession, processes: int, local: bool) -> int:
    if local:
        return max(1, len(os.sched_getaffinity(0)) // processes)
    return int(spark.conf.get("spark.task.cpus", "1") or 1)


@contextmanager
def _threads_of(count: int) -> Iterator[None]:
    """Let torchrun inherit the number of threads; without one it warns and takes 1."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
