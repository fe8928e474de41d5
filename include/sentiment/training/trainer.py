"""The Trainer that all neural families share: our loss, our optimiser groups, our order of reviews, our figures.

The groups are AdamW's, with weight decay and layer-wise decay of the learning rate: which parameters learn how fast.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn, optim
from transformers import EvalPrediction, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import get_parameter_names

from sentiment.core.errors import ContractError
from sentiment.training.augmentation.consistency import inconsistency
from sentiment.training.averaging import AveragingTrainer
from sentiment.training.batches import SimilarLengths
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.hardware import training_precision
from sentiment.training.imbalance import Loss, validated
from sentiment.training.job import OnLog
from sentiment.training.settings import StepPlan

# What transformers calls the schedules.
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}

_LAYER = re.compile(r"layers?\.(\d+)\.")
# Parameters without a number that lie below the first layer: embeddings, and the positions that MPNet's layers share.
_BELOW = ("embedding", "relative_attention")


class NeuralTrainer(AveragingTrainer):
    """Goes through reviews in batches of similar length, with our loss, and stops at a loss that is no number.

    Under torchrun it is one of several processes of DistributedDataParallel: accelerate's BatchSamplerShard deals the
    batches out in turn, filling the last round from the first, and process 0 writes the checkpoints.
    """

    loss_is_scaled_for_ga = False

    def __init__(self, config: TrainConfig, loss: Loss, **kwargs: Any) -> None:
        super().__init__(config.averaging, compute_metrics=self._figures, **kwargs)
        self._config = config
        self._loss = loss
        self.model_accepts_loss_kwargs = False
        self._order = self._similar_lengths()
        self.add_callback(_EpochTeller(self._order))

    def compute_loss(  # type: ignore[override]  # the Trainer passes names
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        """Return the loss of a batch, with the logits when they are asked for; copies stand after the reviews."""
        logits = model(inputs["input_ids"], inputs["attention_mask"])
        reviews = len(inputs["labels"])
        loss = self._loss(logits[:reviews].float(), inputs["labels"])
        if "copied" in inputs:
            loss = loss + self._config.consistency * inconsistency(logits.float(), inputs["copied"], reviews)
        return (loss, {"logits": logits}) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take a step as the Trainer does; raises ContractError when its loss is NaN or infinite."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise not_a_number(f"the loss became {loss.item()}", self.state.global_step + 1, self._config)
        return loss

    def create_optimizer(self, model: Any = None) -> optim.Optimizer:
        """Return AdamW over our groups."""
        if self.optimizer is None:
            network: Any = model or self.model
            self.optimizer = adamw(network, self._config)
        return self.optimizer

    def _get_learning_rate(self) -> float:
        # With a decay by layers the first group, which the Trainer logs, is the embeddings'; asked for is the head's.
        schedule: Any = self.lr_scheduler
        return float(max(schedule.get_last_lr()))

    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        return self._order

    def _similar_lengths(self) -> SimilarLengths:
        dataset: Any = self.train_dataset
        lengths = [len(example["input_ids"]) for example in dataset]
        # What a step takes follows one another: of similar length, so that no process waits for long, and in the same
        # order when memory asks for half the batch and twice the accumulation.
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return SimilarLengths(lengths, size, self.args.seed, getattr(dataset, "set_epoch", None))

    def _figures(self, prediction: EvalPrediction) -> dict[str, float]:
        # The Trainer gives tuples for models of several outputs; ours has one.
        logits = np.asarray(prediction.predictions)
        if not np.isfinite(logits).all():
            raise not_a_number("a validation logit became NaN or infinite", self.state.global_step, self._config)
        return validated(self._config, np.asarray(prediction.label_ids), logits)


class _EpochTeller(TrainerCallback):
    """Tells the order which epoch begins.

    The Trainer and accelerate do so too, but neither reaches it through what skips the batches of a resumed epoch in
    several processes, which would then go on in the order of the first one.
    """

    def __init__(self, order: SimilarLengths) -> None:
        self._order = order

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the Trainer; within an epoch that is gone on with, `state.epoch` has a fraction."""
        self._order.set_epoch(int(state.epoch))


class Reporter(TrainerCallback):
    """Hands every log record on, with the step that it belongs to."""

    def __init__(self, on_log: OnLog | None) -> None:
        self._on_log = on_log

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Called by the Trainer for training losses, validations and the final summary."""
        if self._on_log and logs:
            self._on_log({"step": state.global_step, **logs})


def adamw(model: nn.Module, config: TrainConfig, names: Collection[str] | None = None) -> optim.AdamW:
    """Return AdamW for what trains in the model, or for those of its parameters that are named.

    Biases and the parameters of normalisations have no weight decay.
    """
    no_decay = [r"bias", r"layernorm", r"(?:^|\.|_)norm(?:$|\.)"]
    decayed = get_parameter_names(model, [nn.LayerNorm], no_decay)  # type: ignore[no-untyped-call]
    groups = parameter_groups(model, config.peak_learning_rate, config.layer_decay, config.weight_decay, decayed, names)
    betas = (config.beta1, config.beta2)
    return optim.AdamW(groups, lr=config.peak_learning_rate, betas=betas, eps=config.epsilon)


def parameter_groups(
    model: nn.Module,
    learning_rate: float,
    layer_decay: float,
    weight_decay: float,
    decayed: Collection[str],
    only: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Return groups of what trains: the head at `learning_rate`, each encoder layer at `layer_decay` of the one above.

    The embeddings lie below the first layer. Only parameters whose names are in `decayed` have weight decay. With
    `only` the names of the parameters to group are given.
    """
    names = [name for name, _ in model.named_parameters()]
    layers = 1 + max((_number(name) for name in names), default=-1)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and (only is None or name in only):
            below, decays = _layers_below_the_head(name, layers), name in decayed
            fresh = {
                "params": [],
                "lr": learning_rate * layer_decay**below,
                "weight_decay": weight_decay if decays else 0.0,
            }
            groups.setdefault((below, decays), fresh)["params"].append(parameter)
    return list(groups.values())


def not_a_number(what: str, step: int, config: TrainConfig) -> ContractError:
    """Return the error that ends a training; `what` says what became NaN or infinite, such as "the loss became nan"."""
    return ContractError(
        f"{what} at step {step} with learning_rate={config.peak_learning_rate}, schedule={config.schedule}, "
        f"batch_size={config.batch_size}, accumulation={config.accumulation}, precision={config.precision}, "
        f"clip_norm={config.clip_norm}, seed={config.seed}; lower the learning rate or choose precision=fp32"
    )


def training_arguments(config: TrainConfig, reviews: int, workdir: Path) -> TrainingArguments:
    """Return the Trainer's arguments for a training on so many reviews, with its checkpoints in `workdir`."""
    precision, plan = training_precision(config.precision, config.family), StepPlan.of(config, reviews)
    arguments = TrainingArguments(
        output_dir=str(workdir),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=evaluation_batch(config),
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.epochs,
        learning_rate=config.peak_learning_rate,
        lr_scheduler_type=SCHEDULES[config.schedule],
        warmup_steps=plan.warmup,
        max_grad_norm=config.clip_norm,
        activation_checkpointing=config.gradient_checkpointing,
        eval_strategy="steps",
        eval_steps=plan.validate_every,
        save_strategy="steps",
        save_steps=plan.validate_every,
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,  # patience survives a crash
        logging_steps=plan.log_every,
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
        use_cpu=not torch.cuda.is_available(),
        # Named in one process, it would be taken for a group that somebody opened.
        ddp_backend=None if config.processes == 1 else "nccl" if torch.cuda.is_available() else "gloo",
        # An encoder of the hub's may have layers that our head does not use.
        ddp_find_unused_parameters=config.family in ENCODER_FAMILIES,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=precision == "bf16",
        fp16=precision == "fp16",
    )
    return _on_one_gpu(arguments)


def _on_one_gpu(arguments: TrainingArguments) -> TrainingArguments:
    # With more than one in sight the Trainer would multiply the batch by them, as nn.DataParallel, and not say so.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def evaluation_batch(config: TrainConfig) -> int:
    """Return how many reviews a validation takes at once: without gradients more fit than in a training batch."""
    return min(128, 4 * config.batch_size)


def _layers_below_the_head(name: str, layers: int) -> int:
    number = _number(name)
    if number >= 0:
        return layers - number
    return layers + 1 if layers and any(part in name for part in _BELOW) else 0


def _number(name: str) -> int:
    found = _LAYER.search(name)
    return int(found.group(1)) if found else -1
