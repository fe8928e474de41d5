"""What each process of a parallel training runs: torchrun starts this file."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

import psutil

# Run as a file, Python puts this folder first in the path, where `fit` or `models` would hide other packages.
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from sentiment.core.environment import as_soon_as
from sentiment.core.errors import ContractError
from sentiment.core.provenance import lives
from sentiment.training.job import Failure, Job


def main() -> int:
    """Train the job's model together with the other processes; 0 when it is trained, 1 when this process gave up."""
    parser = argparse.ArgumentParser(description="One process of a parallel training.")
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--caller", type=int, help="the process of this machine that the training is for")
    given = parser.parse_args()
    job = Job(given.workdir)
    watch(job, os.getppid(), given.caller)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    # Torch reads it when it is imported, below.
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    from sentiment.training.hardware import is_out_of_memory

    try:
        _train(job)
    except ContractError as error:
        job.fail(Failure("contract", str(error)))
        return 1
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        job.fail(Failure("memory", str(error)))
        return 1
    return 0


def watch(job: Job, parent: int, caller: int | None = None) -> None:
    """End this process when the training is called off, or when torchrun, its parent, or its caller is gone."""
    called_by = psutil.Process(caller) if caller else None

    def is_over() -> bool:
        return os.getppid() != parent or job.stopped() or not (called_by is None or lives(called_by))

    as_soon_as(is_over, lambda: os._exit(1))


def _train(job: Job) -> None:
    from torch import distributed

    first = int(os.environ["RANK"]) == 0
    config, train, validation = job.read()
    on_log = job.log if first else None
    if config.stages > 1:
        from sentiment.training.staged.train import fit_staged

        fitted = fit_staged(config, train, validation, job.workdir, on_log)
    else:
        from sentiment.training.neural import fit_once

        fitted = fit_once(config, train, validation, job.workdir, on_log)
    job.note_memory(int(os.environ["RANK"]))
    if distributed.is_initialized():
        distributed.barrier()  # what each process held is there when the model is
    if first:
        fitted.save(job.fitted)
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
