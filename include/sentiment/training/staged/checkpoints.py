"""Checkpoints of a network in stages: each process writes its own part, the first says when all is there.

Safetensors and JSON alone.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn

from sentiment.training.checkpoints import STATE, last_checkpoint, load_optimizer, save_optimizer


@dataclass
class Progress:
    """How far a training is: steps made, the best of them with its score, validations since, and all log records."""

    step: int = 0
    best_step: int = 0
    best_score: float = -1.0
    waited: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class StageCheckpoints:
    """Checkpoints under `workdir` of the process of this rank; those of ranks 0 and 1 are the whole network.

    The other pairs hold the same, so they write nothing and read what their counterpart wrote.
    """

    def __init__(
        self, workdir: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, schedule: Any
    ) -> None:
        self._workdir, self._parameters, self._optimizer, self._schedule = workdir, parameters, optimizer, schedule
        self._rank = distributed.get_rank()
        self._stage = self._rank % 2

    def save(self, progress: Progress) -> None:
        """Write a checkpoint; all processes call it together. The best and the last stay."""
        folder = self._folder(progress.step)
        folder.mkdir(parents=True, exist_ok=True)
        if self._rank == self._stage:
            values = {name: value.detach().contiguous() for name, value in self._parameters.items()}
            save_file(values, folder / f"stage-{self._stage}.safetensors")
            save_optimizer(self._optimizer, self._schedule, folder, f"optimizer-{self._stage}")
        distributed.barrier()
        if self._rank == 0:
            (folder / STATE).write_text(json.dumps(asdict(progress)), encoding="utf-8")
            kept = {folder, self._folder(progress.best_step)}
            for other in set(self._workdir.glob("checkpoint-*")) - kept:
                shutil.rmtree(other)
        distributed.barrier()

    def load_last(self) -> Progress | None:
        """Take on the last whole checkpoint, and return how far the training was; None when there is none."""
        folder = last_checkpoint(self._workdir)
        if folder is None:
            return None
        values = load_file(folder / f"stage-{self._stage}.safetensors")
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(values[name])
        load_optimizer(self._optimizer, self._schedule, folder, f"optimizer-{self._stage}")
        return Progress(**json.loads((folder / STATE).read_text(encoding="utf-8")))

    def whole(self, step: int) -> dict[str, Tensor]:
        """Return the parameters of the whole network at a step that was saved."""
        folder = self._folder(step)
        return load_file(folder / "stage-0.safetensors") | load_file(folder / "stage-1.safetensors")

    def _folder(self, step: int) -> Path:
        return self._workdir / f"checkpoint-{step}"
