"""Trains a recurrent network that is divided over two processes, in as many such pairs as share out the reviews.

The counterpart of `neural.py` for what transformers' Trainer cannot do; same plan, optimiser, records and figures.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from transformers import get_scheduler, set_seed

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import suitable_threads, training_precision
from sentiment.training.imbalance import validated
from sentiment.training.job import OnLog
from sentiment.training.models.build import build_model
from sentiment.training.models.recurrent import RecurrentClassifier
from sentiment.training.neural import as_fitted
from sentiment.training.staged.batches import StageBatches
from sentiment.training.staged.checkpoints import Progress, StageCheckpoints
from sentiment.training.staged.network import StagedNetwork, average_gradients, clip_gradients
from sentiment.training.teaching.loss import loss_of
from sentiment.training.trainer import SCHEDULES, adamw, not_a_number


def fit_staged(
    config: TrainConfig, train: LabelledReviews, validation: LabelledReviews, workdir: Path, on_log: OnLog | None = None
) -> Fitted:
    """Train as one of `processes * stages` processes under torchrun; all return the best network, whole.

    Processes 2n and 2n + 1 are pair n and hold the network together; gradients are averaged over the pairs. Raises
    ContractError when the loss is no longer a number, and where the precision would need a loss scale.
    """
    if training_precision(config.precision, config.family) == "fp16":
        raise ContractError("a network in stages trains without loss scaling; choose precision bf16 or fp32")
    set_seed(config.seed)
    model, tokenizer_json = build_model(config, train)
    tokenizer = ReviewTokenizer.from_json(tokenizer_json, config.max_length, config.head_share)
    mesh = _mesh(config.processes)
    batches = StageBatches(config, tokenizer, train, validation, mesh.get_local_rank("pairs"))
    # The configuration lets only recurrent families have stages.
    training = _StagedTraining(config, cast("RecurrentClassifier", model), batches, mesh, workdir, on_log)
    with suitable_threads(config.family):
        training.run()
    model.load_state_dict(training.best_parameters())
    return as_fitted(config, tokenizer_json, model, training.progress.history, workdir)


class _StagedTraining:
    """One process's part of a training."""

    def __init__(
        self,
        config: TrainConfig,
        network: RecurrentClassifier,
        batches: StageBatches,
        mesh: DeviceMesh,
        workdir: Path,
        on_log: OnLog | None,
    ) -> None:
        self._config, self._batches, self._plan, self._mesh = config, batches, batches.plan, mesh
        self._loss = loss_of(config, batches.train)
        precision = training_precision(config.precision, config.family)
        self._staged = StagedNetwork(network, self._loss, mesh.get_group("stages"), _device(), precision)
        self._optimizer = adamw(network, config, self._staged.parameters)
        schedule = SCHEDULES[config.schedule]
        self._schedule = get_scheduler(schedule, self._optimizer, self._plan.warmup, self._plan.steps)
        self._checkpoints = StageCheckpoints(workdir, self._staged.parameters, self._optimizer, self._schedule)
        self.progress = Progress()
        self._on_log = on_log
        self._losses: list[float] = []

    def run(self) -> None:
        """Go on from the last checkpoint until the last step, or until validations bring nothing better."""
        self.progress = self._checkpoints.load_last() or self.progress
        started, first = time.monotonic(), self.progress.step
        for batches in self._batches.steps(first):
            if self.progress.waited >= self._config.patience:
                break
            self._step(batches)
            if self.progress.step % self._plan.validate_every == 0 or self.progress.step == self._plan.steps:
                self._validate()
                self._checkpoints.save(self.progress)
        seconds = time.monotonic() - started
        self._record({"train_runtime": seconds, "train_steps_per_second": (self.progress.step - first) / seconds})

    def best_parameters(self) -> dict[str, Tensor]:
        """Return the parameters of the whole network at its best validation."""
        return self._checkpoints.whole(self.progress.best_step)

    def _step(self, batches: list[dict[str, Tensor]]) -> None:
        step = self.progress.step + 1
        # Anew each step, so that no generator's state has to be kept: a resumed training draws the same dropout.
        torch.manual_seed(self._config.seed + step * distributed.get_world_size() + distributed.get_rank())
        self._staged.train()
        self._optimizer.zero_grad()
        losses = [self._staged.backward(batch, 1 / len(batches)) for batch in batches]
        loss = float(_summed(torch.stack(losses).sum())) / self._config.processes
        if not math.isfinite(loss):
            raise not_a_number(f"the loss became {loss}", step, self._config)
        average_gradients(self._staged.parameters.values(), self._mesh.get_group("pairs"))
        norm = clip_gradients(self._staged.parameters.values(), self._config.clip_norm, self._mesh.get_group("stages"))
        self._optimizer.step()
        self._schedule.step()
        self.progress.step = step
        self._losses.append(loss)
        if step % self._plan.log_every == 0:
            rate = self._schedule.get_last_lr()[0]
            self._record({"loss": float(np.mean(self._losses)), "grad_norm": norm, "learning_rate": rate})
            self._losses.clear()

    def _validate(self) -> None:
        labels, logits = torch.from_numpy(self._batches.validation_labels), self._validation_logits()
        if not torch.isfinite(logits).all():
            raise not_a_number("a validation logit became NaN or infinite", self.progress.step, self._config)
        figures = validated(self._config, labels.numpy(), logits.numpy())
        self._record({"eval_loss": float(self._loss(logits, labels))} | {f"eval_{k}": v for k, v in figures.items()})
        better = figures["macro_f1"] > self.progress.best_score
        self.progress.waited = 0 if better else self.progress.waited + 1
        if better:
            self.progress.best_step, self.progress.best_score = self.progress.step, figures["macro_f1"]

    def _validation_logits(self) -> Tensor:
        self._staged.train(False)
        logits = torch.zeros(len(self._batches.validation_labels), 2, device=_device())
        for rows, batch in self._batches.validations():
            found = self._staged.logits(batch)
            if found is not None:
                logits[rows] = found[: len(rows)]
        return _summed(logits).cpu()

    def _record(self, figures: dict[str, float]) -> None:
        record = {"step": self.progress.step, "epoch": self.progress.step / self._plan.an_epoch, **figures}
        self.progress.history.append(record)
        if self._on_log:
            self._on_log(record)


def _summed(value: Tensor) -> Tensor:
    """Add up over all processes what all but the one that knows it have as zero."""
    distributed.all_reduce(value)
    return value


def _mesh(pairs: int) -> DeviceMesh:
    device = _device()
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return init_device_mesh(device.type, (pairs, 2), mesh_dim_names=("pairs", "stages"))


def _device() -> torch.device:
    """Return this process's own device."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return torch.device("cuda", torch.cuda.current_device())
