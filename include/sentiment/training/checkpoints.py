"""A Trainer whose checkpoints are safetensors and JSON alone, so that resuming a training unpickles nothing."""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.training.config.train import TrainConfig

GENERATORS = "generators-{}.json"


def claim(workdir: Path, config: TrainConfig, train: LabelledReviews, validation: LabelledReviews) -> None:
    """Mark `workdir` as this training's, so that no other one goes on from its checkpoints.

    Raises ContractError when it is another one's: other settings or other reviews.
    """
    keys = hashlib.sha256("\n".join([*train.keys, "", *validation.keys]).encode("utf-8", "replace")).hexdigest()
    content = json.dumps({"config": config.model_dump(mode="json"), "reviews": keys}, sort_keys=True)
    mark = workdir / "training.json"
    if mark.exists() and mark.read_text(encoding="utf-8") != content:
        raise ContractError(f"{workdir} holds checkpoints of another training; give an empty folder, or remove it")
    workdir.mkdir(parents=True, exist_ok=True)
    mark.write_text(content, encoding="utf-8")


def save_optimizer(optimizer: torch.optim.Optimizer, schedule: Any, folder: Path, stem: str = "optimizer") -> None:
    """Write an AdamW and its schedule as `stem`.safetensors and `stem`.json."""
    content = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": value.contiguous()
        for index, values in content["state"].items()
        for name, value in values.items()
    }
    save_file(tensors, folder / f"{stem}.safetensors")
    _write(folder / f"{stem}.json", [content["param_groups"], schedule.state_dict()])


def load_optimizer(optimizer: torch.optim.Optimizer, schedule: Any, folder: Path, stem: str = "optimizer") -> None:
    """Take on what `save_optimizer` wrote."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in load_file(folder / f"{stem}.safetensors").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups, progress = _read(folder / f"{stem}.json")
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    schedule.load_state_dict(progress)


def last_checkpoint(workdir: Path) -> Path | None:
    """Return the newest whole checkpoint; trainer_state.json is what the Trainer writes last."""
    whole = [file.parent for file in workdir.glob("checkpoint-*/trainer_state.json")]
    return max(whole, key=lambda folder: int(re.sub(r"\D", "", folder.name)), default=None)


class PlainCheckpointTrainer(Trainer):
    """The Trainer of one process (or of DistributedDataParallel), with the pickled parts of its checkpoints replaced.

    Stock checkpoints hold training_args.bin, optimizer.pt, scheduler.pt, scaler.pt and rng_state.pth, all by pickle.
    """

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        (Path(output_dir or str(self.args.output_dir)) / "training_args.bin").unlink(missing_ok=True)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self.args.should_save and self.optimizer is not None:
            save_optimizer(self.optimizer, self.lr_scheduler, Path(output_dir))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self.optimizer is not None:
            load_optimizer(self.optimizer, self.lr_scheduler, Path(checkpoint))

    def _save_scaler(self, output_dir: str) -> None:
        scaler = getattr(self.accelerator, "scaler", None)
        if scaler is not None and self.args.should_save:
            _write(Path(output_dir) / "scaler.json", scaler.state_dict())

    def _load_scaler(self, checkpoint: str | None) -> None:
        scaler = getattr(self.accelerator, "scaler", None)
        if checkpoint is not None and scaler is not None:
            scaler.load_state_dict(_read(Path(checkpoint) / "scaler.json"))

    def _save_rng_state(self, output_dir: str) -> None:
        name, keys, *rest = np.random.get_state()
        generators = {
            "python": random.getstate(),
            "numpy": [name, np.asarray(keys).tolist(), *rest],
            "torch": torch.get_rng_state().tolist(),
            "cuda": [state.tolist() for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
        }
        Path(output_dir).mkdir(parents=True, exist_ok=True)  # another process than the first may be here before it
        _write(Path(output_dir) / GENERATORS.format(self.args.process_index), generators)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        file = Path(checkpoint) / GENERATORS.format(self.args.process_index)
        if not file.exists():  # this process died before it wrote, or there were fewer; then it starts from the seed
            return
        generators = _read(file)
        version, internal, gauss = generators["python"]
        random.setstate((version, tuple(internal), gauss))
        np.random.set_state(tuple(generators["numpy"]))
        torch.set_rng_state(torch.tensor(generators["torch"], dtype=torch.uint8))
        # A retry may land on a machine with other GPUs; then their generators start from the seed.
        if len(generators["cuda"]) == torch.cuda.device_count() > 0:
            torch.cuda.set_rng_state_all([torch.tensor(state, dtype=torch.uint8) for state in generators["cuda"]])


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
