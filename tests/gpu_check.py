"""Goes every way that trains or scores on a GPU, in ten minutes on any machine with CUDA, and prints a table of it.

`python tests/gpu_check.py`: a row a way, with accuracy on generated reviews, pace and memory, and under it the machine;
the table is made for docs/benchmarks.md. It ends with 1 when a way fails, and where there is no CUDA device.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import tiny
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.core.settings import Settings
from sentiment.engine.engines import open_engine, require_here
from sentiment.engine.scorer import infer
from sentiment.export.engines import write_models
from sentiment.training.config.train import TrainConfig
from sentiment.training.distributed import fit_distributed
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment_benchmarks.tables import Watch, markdown

NO_CUDA = "there is no CUDA device here: nothing was checked"
# Of generated reviews, whose sentiment two to four words tell, a model that learnt knows so many at least.
LEARNT = 0.9
# Of a probability, between torch in fp32 and an engine in fp16, and one in int8: a CPU without VNNI saturates.
LARGEST_GAP, LARGEST_GAP_OF_INT8 = 0.02, 0.1
# A device that is so small, in bytes, holds MiniLM with its optimiser, and not a batch of 512 reviews beside it.
SMALL_DEVICE = 1_500_000_000
_ENGINES: tuple[EngineName, ...] = ("cuda-fp16", "tensorrt-fp16")

Row = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """What the ways are gone with: a folder to write in, an encoder, and reviews to train, validate and test on."""

    folder: Path
    encoder: str
    train: LabelledReviews
    validation: LabelledReviews
    test: LabelledReviews

    @classmethod
    def of(cls, folder: Path, encoder: str = "all-MiniLM-L6-v2", reviews: int = 8_000) -> Ground:
        """Generate the reviews."""
        return cls(folder, encoder, tiny.reviews(reviews), tiny.reviews(400, seed=1), tiny.reviews(400, seed=2))

    def config(self, **changes: Any) -> TrainConfig:
        """Return a training of an epoch."""
        given = {"encoder": self.encoder, "evaluations": 2, "max_length": 64, "batch_size": 64, **changes}
        return TrainConfig(**given)


def main() -> int:
    """Go all ways and print the table; returns how the program ends."""
    if not torch.cuda.is_available():
        print(NO_CUDA, file=sys.stderr)
        return 1
    with TemporaryDirectory() as folder:
        watch = Watch()
        rows = gone(WAYS, Ground.of(Path(folder)))
    print(f"{markdown(rows)}\n{watch.machine().sentence()}")
    return int(any(row["outcome"].startswith("failed") for row in rows))


def gone(ways: dict[str, Callable[[Ground], Row]], ground: Ground) -> list[Row]:
    """Go each way and return its row; one that fails says why, and the others are gone all the same."""
    rows = []
    for name, way in ways.items():
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        began = time.monotonic()
        try:
            found = {"outcome": "works", **way(ground)}
        except Exception as error:
            found = {"outcome": f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        rows.append({"way": name, **found, "seconds": time.monotonic() - began})
        print(f"{name}: {rows[-1]['outcome']}", file=sys.stderr, flush=True)
    return rows


def trained(**changes: Any) -> Callable[[Ground], Row]:
    """Return the way of a training in this process."""

    def way(ground: Ground) -> Row:
        config = ground.config(**changes)
        workdir = ground.folder / "-".join(str(value) for value in changes.values())
        return _learnt(fit(config, ground.train, ground.validation, workdir, Settings()), ground)

    return way


def resumed(ground: Ground) -> Row:
    """Interrupt a training in fp16 after its first checkpoint and go on: the loss scale comes back as well."""

    def interrupt(record: dict[str, float]) -> None:
        if any(workdir.glob("checkpoint-*")):
            raise InterruptedError

    config, workdir = ground.config(precision="fp16", evaluations=4), ground.folder / "resumed"
    with suppress(InterruptedError):
        fit(config, ground.train, ground.validation, workdir, Settings(), interrupt)
    steps: list[float] = []
    again = fit(config, ground.train, ground.validation, workdir, Settings(), lambda one: steps.append(one["step"]))
    if steps[0] == 1:
        raise RuntimeError("it began anew")
    return _learnt(again, ground)


def distributed(ground: Ground) -> Row:
    """Train under torchrun with NCCL, in as many processes as there are devices."""
    config = ground.config(processes=max(1, torch.cuda.device_count()))
    fitted = fit_distributed(config, ground.train, ground.validation, ground.folder / "distributed", Settings())
    return _learnt(fitted, ground) | {"peak_megabytes": max(one.gpu for one in fitted.memory) / 1e6}


def out_of_memory(ground: Ground) -> Row:
    """Train with batches that the device cannot hold: they are halved until it can."""
    halved: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = halved.append  # type: ignore[method-assign]
    log = logging.getLogger("sentiment.training.hardware")
    log.addHandler(handler)
    try:
        with _small_device():
            config = ground.config(batch_size=512, precision="fp32", max_length=128)
            row = _learnt(fit(config, ground.train, ground.validation, ground.folder / "memory", Settings()), ground)
    finally:
        log.removeHandler(handler)
    if not halved:
        raise RuntimeError("no batch was halved: the device held them all")
    return row | {"outcome": f"works, halved {len(halved)} times"}


def engine(name: EngineName) -> Callable[[Ground], Row]:
    """Return the way of an engine: its model is built, opened on its own provider, and held against torch."""

    def way(ground: Ground) -> Row:
        if reason := _not_here(name):
            return {"outcome": f"not checked: {reason}"}
        _learnt_once(ground)
        fitted = Fitted.load(ground.folder / "kept")  # on the CPU, as an export has it
        folder = ground.folder / name
        folder.mkdir()
        left_out = write_models(fitted, folder, ground.train.take(np.arange(64)), (name,)).left_out
        if name in left_out:
            raise RuntimeError(left_out[name])
        opened, ids = open_engine(folder, name, 2), fitted.tokenizer.whole(ground.test.titles, ground.test.texts)
        infer(opened, fitted.tokenizer, ids)
        began = time.perf_counter()
        logits = infer(opened, fitted.tokenizer, ids)
        pace = len(ids) / (time.perf_counter() - began)
        gap = float(np.abs(_positive(logits) - _positive(predict_logits(fitted, ground.test))).max())
        if gap > (LARGEST_GAP_OF_INT8 if name.endswith("int8") else LARGEST_GAP):
            raise RuntimeError(f"a probability differs from torch's by {gap:.3f}")
        return {"accuracy": _accuracy(logits, ground.test), "reviews_per_second": pace}

    return way


WAYS: dict[str, Callable[[Ground], Row]] = {
    "encoder, bf16": trained(precision="bf16"),
    "encoder, fp16 with a loss scale": trained(precision="fp16"),
    "encoder, fp16, gone on with": resumed,
    "encoder, gradient checkpointing": trained(precision="auto", gradient_checkpointing=True),
    "LoRA, bf16": trained(family="lora", precision="bf16"),
    "GRU, bf16": trained(family="gru", precision="bf16", epochs=3.0),
    "encoder, NCCL": distributed,
    "encoder, out of memory": out_of_memory,
    **{f"engine {name}": engine(name) for name in _ENGINES},
}


def _learnt(fitted: Fitted, ground: Ground) -> Row:
    accuracy = _accuracy(predict_logits(fitted, ground.test), ground.test)
    if accuracy < LEARNT:
        raise RuntimeError(f"the model learnt too little: {accuracy:.1%} of the test reviews")
    seconds = max(record.get("train_runtime", 0.0) for record in fitted.history)
    pace = {"reviews_per_second": len(ground.train) / seconds} if seconds else {}
    peak = {"peak_megabytes": torch.cuda.max_memory_allocated() / 1e6} if torch.cuda.is_available() else {}
    return {"accuracy": accuracy, **pace, **peak}


def _learnt_once(ground: Ground) -> None:
    if not (ground.folder / "kept").exists():
        fitted = fit(ground.config(), ground.train, ground.validation, ground.folder / "to-keep", Settings())
        fitted.save(ground.folder / "kept")


def _not_here(name: EngineName) -> str:
    try:
        require_here(name)
    except Exception as error:
        return str(error)
    return ""


def _accuracy(logits: np.ndarray, test: LabelledReviews) -> float:
    return float((logits.argmax(1) == test.labels).mean())


def _positive(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


@contextmanager
def _small_device() -> Iterator[None]:
    """Let this process have a device of SMALL_DEVICE bytes."""
    if not torch.cuda.is_available():
        yield
        return
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(
        min(1.0, SMALL_DEVICE / torch.cuda.get_device_properties(0).total_memory)
    )
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


if __name__ == "__main__":
    sys.exit(main())
