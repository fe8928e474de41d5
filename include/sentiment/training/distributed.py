"""Trains in several processes, which torchrun starts, or Spark's TorchDistributor on a cluster; this one watches them.

How they train is `worker.py` and what it calls.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

import psutil

from sentiment.core.environment import usable_cores
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.core.wording import counted
from sentiment.stores.spark import running, session
from sentiment.stores.spark_jobs import is_local_master
from sentiment.training.checkpoints import claim
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import device_here, with_smaller_batches
from sentiment.training.job import Failure, Job, OnLog
from sentiment.training.models.encoders import with_encoder_at_hand
from sentiment.training.models.start import with_start_at_hand

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


_WORKER = Path(__file__).with_name("worker.py")
_LOOKS_EVERY_SECONDS = 0.2


class WorkerLostError(RuntimeError):
    """A process of a parallel training died; trying again goes on from the last checkpoint."""


# Runs the processes of a job to their end, handing their records on; returns what the distributor raised, if it did.
Launch = Callable[[Job, OnLog | None], BaseException | None]


def fit_distributed(
    config: TrainConfig,
    train: LabelledReviews,
    validation: LabelledReviews,
    workdir: Path,
    settings: Settings,
    on_log: OnLog | None = None,
    threads: int | None = None,
) -> Fitted:
    """Train in `config.processes * config.stages` processes and return what `fit` returns.

    Under a local Spark master they are processes of this machine, and no session is opened; under another one each is a
    task of a barrier job, and `workdir`, the encoder's folder and this package must have the same paths there. Every
    process computes with `threads` threads; when that is not given, they share the machine's cores, or take
    `spark.task.cpus` each.

    Every process meets the same order of reviews and takes its share of each step's. Process 0 writes checkpoints and
    logs. Raises ContractError for what a process says a person must mend, and WorkerLostError when one died.
    """
    claim(workdir, config, train, validation)
    config, job = with_start_at_hand(with_encoder_at_hand(config, settings), workdir, settings), Job(workdir)
    with _launcher(config.processes * config.stages, settings, threads) as launch:
        while True:
            job.write(config, train, validation)
            cause = launch(job, on_log)
            if (job.fitted / "fitted.json").exists():
                adapter = workdir / "adapter"  # of family lora; a saved model does not carry it
                own = adapter if adapter.is_dir() else None
                fitted = Fitted.load(job.fitted)
                fitted.model.to(device_here())  # as training leaves it in one process, which goes on to measure it
                return replace(fitted, adapter=own, memory=job.memory())
            config = _after(job.failure(), config, cause)


def lacking_devices(processes: int, settings: Settings) -> str:
    """Say which GPUs a training in so many processes lacks; empty where each has one, or this machine has none."""
    import torch

    if not (is_local_master(settings.spark_master) and torch.cuda.is_available()):
        return ""
    found = torch.cuda.device_count()
    return f"this machine has {counted(found, 'GPU')} for {processes} processes" if found < processes else ""


@contextmanager
def _launcher(processes: int, settings: Settings, threads: int | None) -> Iterator[Launch]:
    master = settings.spark_master
    if is_local_master(master):
        if lacking := lacking_devices(processes, settings):
            raise ContractError(
                f"{lacking}; lower processes or stages, or set CUDA_VISIBLE_DEVICES to nothing to train on the CPU"
            )
        yield partial(_run_here, processes, threads or max(1, usable_cores() // processes))
    else:
        with session(settings, "train", shared=running()) as spark:
            yield partial(_run_on_cluster, spark, processes, threads)


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


def _run_here(processes: int, threads: int, job: Job, on_log: OnLog | None) -> None:
    """Run them under torchrun, which shares the GPUs out by rank.

    They meet in a file, for what torchrun has them meet by over TCP is open to the network and unpickles what it is
    told; and they speak over the loopback.
    """
    torchrun = ["-m", "torch.distributed.run", "--nnodes=1", f"--nproc_per_node={processes}"]
    meeting = ["--rdzv-backend=c10d", "--rdzv-conf=store_type=file", f"--rdzv-id={uuid4()}", "--local-addr=127.0.0.1"]
    worker = [str(_WORKER), str(job.workdir), f"--threads={threads}", f"--caller={os.getpid()}"]
    log.info("training in %d processes of %d threads on this machine", processes, threads)
    with job.output.open("ab") as output, TemporaryDirectory() as folder:
        running = subprocess.Popen(
            [sys.executable, *torchrun, *meeting, f"--rdzv-endpoint={folder}/meeting", f"--log-dir={folder}", *worker],
            # Without a number of threads torchrun warns and takes 1.
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "GLOO_SOCKET_IFNAME": _loopback()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _follow(lambda: _has_ended(running), job, on_log)
        finally:
            running.wait()


def _loopback() -> str:
    """Return the name that this machine has for its loopback, lo or lo0."""
    named = psutil.net_if_addrs().items()
    return next((name for name, addresses in named if any(one.address == "127.0.0.1" for one in addresses)), "lo")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_LOOKS_EVERY_SECONDS)
    return process.returncode is not None


def _run_on_cluster(
    spark: SparkSession, processes: int, threads: int | None, job: Job, on_log: OnLog | None
) -> BaseException | None:
    """Run them as tasks of Spark."""
    from pyspark.ml.torch.distributor import TorchDistributor

    on_gpu = int(spark.conf.get("spark.task.resource.gpu.amount", "0") or 0) > 0
    threads = threads or int(spark.conf.get("spark.task.cpus", "1") or 1)
    distributor = TorchDistributor(processes, local_mode=False, use_gpu=on_gpu)
    log.info("training in %d processes of %d threads under %s", processes, threads, spark.conf.get("spark.master"))
    with job.output.open("a", encoding="utf-8") as output, redirect_stdout(_OfThisThread(output)), _threads_of(threads):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(distributor.run, str(_WORKER), str(job.workdir), f"--threads={threads}")
            _follow(lambda: bool(wait([running], timeout=_LOOKS_EVERY_SECONDS).done), job, on_log)
        return running.exception()


def _follow(ended: Callable[[], bool], job: Job, on_log: OnLog | None) -> None:
    """Hand records on until the processes have ended; they are stopped when the caller is, or raises.

    `ended` waits for a moment and says whether they have.
    """
    seen = 0
    try:
        while True:
            last = ended()
            for record in job.logged(seen):
                seen += 1
                if on_log:
                    on_log(record)
            if last:
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
