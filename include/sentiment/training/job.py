"""The folder by which a training goes to the processes that make it, and its records and result come back.

JSON, Parquet and safetensors alone. In cluster mode the folder must be one that driver and executors share.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pyarrow import parquet

from sentiment.core.atomic import replacing
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.training.config.train import TrainConfig

# A log record of a training: figures by their names, and the step that they belong to.
Record = dict[str, float]
# Called with each of them, as it comes.
OnLog = Callable[[Record], None]
# What ended a training that was not finished: a broken contract, too little memory on the device, a lost process.
FailureKind = Literal["contract", "memory", "lost"]


@dataclass(frozen=True)
class Failure:
    """Why the processes of a training gave up, in the words of the first that did."""

    kind: FailureKind
    message: str


@dataclass(frozen=True)
class Memory:
    """The most that one process of a training held, in bytes: of the machine's memory, and of its GPU's."""

    host: int
    gpu: int = 0

    @classmethod
    def of_this_process(cls) -> Memory:
        """Return the peaks of this process until now."""
        import torch

        gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        unit = 1 if sys.platform == "darwin" else 1024  # a Mac gives bytes, Linux KiB
        return cls(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, gpu)


@dataclass(frozen=True)
class Job:
    """A training under way in other processes; `workdir` is the folder of its checkpoints."""

    workdir: Path

    @property
    def folder(self) -> Path:
        """Where the training's description, records and result lie."""
        return self.workdir / "job"

    @property
    def output(self) -> Path:
        """What the processes print."""
        return self.folder / "output.log"

    @property
    def fitted(self) -> Path:
        """Where the trained model comes to lie."""
        return self.folder / "fitted"

    def write(self, config: TrainConfig, train: LabelledReviews, validation: LabelledReviews) -> None:
        """Describe the training; what an earlier try left of records and results is removed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for split, reviews in (("train", train), ("validation", validation)):
            parquet.write_table(_table(reviews), self.folder / f"{split}.parquet")
        (self.folder / "config.json").write_text(config.model_dump_json(), encoding="utf-8")

    def read(self) -> tuple[TrainConfig, LabelledReviews, LabelledReviews]:
        """Return what `write` was given."""
        config = TrainConfig.model_validate_json((self.folder / "config.json").read_text(encoding="utf-8"))
        return config, self._reviews("train"), self._reviews("validation")

    def log(self, record: Record) -> None:
        """Add a record for the parent to read."""
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")

    def logged(self, seen: int) -> Iterator[Record]:
        """Give the whole records after the first `seen` ones."""
        path = self.folder / "log.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        yield from map(json.loads, lines[seen:])

    def fail(self, failure: Failure) -> None:
        """Say why this process gives up; of several, one is kept."""
        with replacing(self.folder / "failure.json") as aside:
            aside.write_text(json.dumps(asdict(failure)), encoding="utf-8")

    def failure(self) -> Failure:
        """Return why there is no result: what a process said, or else the last that was printed."""
        path = self.folder / "failure.json"
        if path.exists():
            return Failure(**json.loads(path.read_text(encoding="utf-8")))
        printed = self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""
        return Failure("lost", "\n".join(printed.splitlines()[-40:]))

    def note_memory(self, rank: int) -> None:
        """Say how much the process of a rank has held."""
        (self.folder / f"memory-{rank}.json").write_text(json.dumps(asdict(Memory.of_this_process())), encoding="utf-8")

    def memory(self) -> tuple[Memory, ...]:
        """Return what each process held, as far as they said it."""
        said = sorted(self.folder.glob("memory-*.json"))
        return tuple(Memory(**json.loads(file.read_text(encoding="utf-8"))) for file in said)

    def stop(self) -> None:
        """Ask all processes to end."""
        (self.folder / "stop").touch()

    def stopped(self) -> bool:
        """Say whether the processes were asked to end."""
        return (self.folder / "stop").exists()

    def _reviews(self, split: str) -> LabelledReviews:
        table = parquet.read_table(self.folder / f"{split}.parquet")
        columns = {name: table[name].to_pylist() for name in ("keys", "titles", "texts", "categories")}
        arrays = {name: table[name].to_numpy() for name in table.column_names if name not in columns}
        return (TaughtReviews if "log_odds" in arrays else LabelledReviews)(**columns, **arrays)


def _table(reviews: LabelledReviews) -> pa.Table:
    return pa.table(dict(vars(reviews)))
