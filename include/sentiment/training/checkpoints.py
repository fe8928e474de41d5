"""A Trainer whose checkpoints are safetensors and JSON alone, so that resuming a training unpickles nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerState

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.training.config.train import TrainConfig

log = logging.getLogger(__name__)

GENERATORS = "generators-{}.json"
# What is written last, so what has it was whole once.
STATE = "trainer_state.json"
# What else a checkpoint has, of a network in one piece or in two stages. Generators may be missing: see below.
_PARTS = (
    {"model.safetensors", "optimizer.safetensors", "optimizer.json"},
    {f"{name}-{stage}.safetensors" for name in ("stage", "optimizer") for stage in (0, 1)}
    | {"optimizer-0.json", "optimizer-1.json"},
)


def claim(workdir: Path, config: TrainConfig, train: LabelledReviews, validation: LabelledReviews) -> None:
    """Mark `workdir` as this training's, so that no other one goes on from its checkpoints.

    What a kill, a full disk or a torn write left of a checkpoint is said and removed, before any process reads it.
    Raises ContractError when the folder is another training's: other settings, other reviews, or another
    teacher.
    """
    keys = hashlib.sha256("\n".join([*train.keys, "", *validation.keys]).encode("utf-8", "replace")).hexdigest()
    said = {"said": hashlib.sha256(train.log_odds.tobytes()).hexdigest()} if isinstance(train, TaughtReviews) else {}
    content = json.dumps({"config": config.model_dump(mode="json"), "reviews": keys, **said}, sort_keys=True)
    mark = workdir / "training.json"
    if mark.exists() and mark.read_text(encoding="utf-8") != content:
        raise ContractError(f"{workdir} holds checkpoints of another training; give an empty folder, or remove it")
    workdir.mkdir(parents=True, exist_ok=True)
    with replacing(mark) as aside:
        aside.write_text(content, encoding="utf-8")
    for folder in _by_step(workdir):
        if lacks := _lacks(folder):
            log.warning("%s is no whole checkpoint (%s) and is removed", folder, lacks)
            shutil.rmtree(folder)


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
    """Take on what `save_optimizer` wrote; raises ContractError when the optimizer has other groups than that one."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in load_file(folder / f"{stem}.safetensors").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups, progress = _read(folder / f"{stem}.json")
    try:
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except ValueError as error:
        raise ContractError(
            f"{folder} was written by another version, which groups what it trains otherwise ({error}); remove "
            f"{folder.parent} and train anew"
        ) from error
    schedule.load_state_dict(progress)


def last_checkpoint(workdir: Path) -> Path | None:
    """Return the newest whole checkpoint: all of its files are there and can be read to their ends."""
    return next((folder for folder in reversed(_by_step(workdir)) if not _lacks(folder)), None)


def has_ended(checkpoint: Path) -> bool:
    """Tell whether the Trainer wrote a checkpoint as its last: after all its steps, or when its patience was over.

    It does not look itself, and would train on from there.
    """
    ended: bool = _read(checkpoint / STATE)["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"]
    return ended


class PlainCheckpointTrainer(Trainer):
    """The Trainer of one process (or of DistributedDataParallel), with the pickled parts of its checkpoints replaced.

    Stock checkpoints hold training_args.bin, optimizer.pt, scheduler.pt, scaler.pt and rng_state.pth, all by pickle.
    """

    def take_best(self, checkpoint: Path) -> None:
        """Take on the best network of a training that ended with this checkpoint, and its history."""
        self.state = TrainerState.load_from_json(str(checkpoint / STATE))
        self.state.best_model_checkpoint = str(_best(checkpoint) or checkpoint)
        self._load_best_model()

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
        kept = Path(checkpoint or "") / "scaler.json"
        # A checkpoint of a GPU that needed no scaling has none: scaling begins anew on one that does.
        if checkpoint is not None and scaler is not None and kept.is_file():
            scaler.load_state_dict(_read(kept))

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


def _by_step(workdir: Path) -> list[Path]:
    return sorted(workdir.glob("checkpoint-[0-9]*"), key=lambda folder: int(re.sub(r"\D", "", folder.name)))


def _lacks(folder: Path) -> str:
    """Say what a checkpoint lacks, the one with the best network so far included; nothing when it is whole."""
    broken = _broken(folder)
    best = None if broken else _best(folder)
    if best and best != folder and (lost := _broken(best)):
        return f"of the best one before it, {lost}"
    return broken


def _broken(folder: Path) -> str:
    names = {file.name for file in folder.glob("*")}
    missing = min(({STATE, *parts} - names for parts in _PARTS), key=len)
    if missing:
        return f"{min(missing)} is missing"
    return next((f"{name} breaks off" for name in sorted(names) if not _readable(folder / name)), "")


def _readable(file: Path) -> bool:
    """Tell whether a file is JSON, or safetensors of the length that its head tells; others are not asked."""
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt"):
                pass
        elif file.suffix == ".json":
            _read(file)
    except (ValueError, SafetensorError):
        return False
    return True


def _best(folder: Path) -> Path | None:
    """Return the checkpoint that a training will end with if it finds none better."""
    state = _read(folder / STATE)
    step = state.get("best_global_step") or state.get("best_step")
    return folder.with_name(f"checkpoint-{step}") if step else None


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
