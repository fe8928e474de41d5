"""Train any neural family with transformers' Trainer: what to log, when to evaluate, when to stop, where to go on from.

Knows the Trainer and nothing of the lake, MLflow or export.
"""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.utils.logging import disable_progress_bar

from sentiment.config import TrainConfig
from sentiment.datasets.labelled import LabelledReviews
from sentiment.errors import ContractError
from sentiment.evaluation.calibration import positive_probability
from sentiment.evaluation.metrics import evaluate
from sentiment.models.build import build_model
from sentiment.scoring.tokens import ReviewTokenizer
from sentiment.training.batches import SimilarLengths, collate, examples
from sentiment.training.checkpoints import PlainCheckpointTrainer, claim, last_checkpoint
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import training_precision
from sentiment.training.losses import Loss, training_loss
from sentiment.training.optimiser import parameter_groups

log = logging.getLogger(__name__)

LOGS_A_RUN = 50
EVALUATION_BATCH = 128
# The floor and the names of transformers' schedules.
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}

OnLog = Callable[[dict[str, Any]], None]


def fit_neural(
    config: TrainConfig, train: LabelledReviews, validation: LabelledReviews, workdir: Path, on_log: OnLog | None = None
) -> Fitted:
    """Train the family and return the checkpoint with the best macro F1 on validation.

    A device that runs out of memory gets half the batch and twice the accumulation, and training goes on from the
    last checkpoint. Raises ContractError when the loss is no longer a number, or one review does not fit.
    """
    claim(workdir, config, train, validation)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # bars are for terminals, not for the logs of tasks
    while True:
        try:
            return _fit(config, train, validation, workdir, on_log)
        except torch.OutOfMemoryError as error:
            config = _with_smaller_batches(config, error)
        # Outside the handler, whose traceback keeps the batch alive.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _fit(
    config: TrainConfig, train: LabelledReviews, validation: LabelledReviews, workdir: Path, on_log: OnLog | None
) -> Fitted:
    set_seed(config.seed)
    model, tokenizer_json = build_model(config, train)
    tokenizer = ReviewTokenizer.from_json(tokenizer_json, config.max_length, config.head_share)
    trainer = _NeuralTrainer(
        config,
        training_loss(config, train.labels, config.label_smoothing),
        model=model,
        args=_arguments(config, len(train), workdir),
        train_dataset=examples(tokenizer, train),
        # By length, for the Trainer validates in order and pads every batch to its longest.
        eval_dataset=sorted(examples(tokenizer, validation), key=lambda example: len(example["input_ids"])),
        data_collator=lambda batch: collate(tokenizer, batch),
        compute_metrics=_metrics,
        callbacks=[EarlyStoppingCallback(config.patience), _Reporter(on_log)],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(workdir)
    log.info("training %s on %d reviews, from %s", config.family, len(train), checkpoint or "the beginning")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return _fitted(config, tokenizer_json, model, trainer.state.log_history)


def _with_smaller_batches(config: TrainConfig, error: Exception) -> TrainConfig:
    if config.batch_size == 1:
        raise ContractError(
            "one review does not fit into the device's memory; lower max_length, take a smaller encoder, or turn "
            "gradient_checkpointing on"
        ) from error
    smaller = {"batch_size": config.batch_size // 2, "accumulation": config.accumulation * 2}
    log.warning("out of memory with batches of %d; going on with %s", config.batch_size, smaller)
    return config.model_copy(update=smaller)


class _NeuralTrainer(PlainCheckpointTrainer):
    """Goes through reviews in batches of similar length, with our loss, and stops at a loss that is no number."""

    loss_is_scaled_for_ga = False

    def __init__(self, config: TrainConfig, loss: Loss, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._config = config
        self._loss = loss
        self.model_accepts_loss_kwargs = False

    def compute_loss(  # type: ignore[override]  # the Trainer passes names
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        """Return the loss of a batch, with the logits when they are asked for."""
        logits = model(inputs["input_ids"], inputs["attention_mask"])
        loss = self._loss(logits.float(), inputs["labels"])
        return (loss, {"logits": logits}) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take a step as the Trainer does; raises ContractError when its loss is NaN or infinite."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            config = self._config
            raise ContractError(
                f"the loss became {loss.item()} at step {self.state.global_step + 1} with learning_rate="
                f"{config.peak_learning_rate}, batch_size={config.batch_size}, precision={config.precision}, "
                f"clip_norm={config.clip_norm}, seed={config.seed}; lower the learning rate or choose precision=fp32"
            )
        return loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return AdamW over the groups of `optimiser.py`."""
        if self.optimizer is None:
            network: Any = model or self.model
            config = self._config
            groups = parameter_groups(
                network,
                config.peak_learning_rate,
                config.layer_decay,
                config.weight_decay,
                set(self.get_decay_parameter_names(network)),
            )
            betas = (config.beta1, config.beta2)
            self.optimizer = torch.optim.AdamW(groups, lr=config.peak_learning_rate, betas=betas, eps=config.epsilon)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        dataset: Any = train_dataset or self.train_dataset
        lengths = [len(example["input_ids"]) for example in dataset]
        return SimilarLengths(lengths, self.args.train_batch_size, self.args.seed)


class _Reporter(TrainerCallback):
    """Hands every log record on, with the step that it belongs to."""

    def __init__(self, on_log: OnLog | None) -> None:
        self._on_log = on_log

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Called by the Trainer for training losses, validations and the final summary."""
        if self._on_log and logs:
            self._on_log({"step": state.global_step, **logs})


def _arguments(config: TrainConfig, reviews: int, workdir: Path) -> TrainingArguments:
    passes = math.ceil(reviews / config.batch_size / config.processes)
    steps = math.ceil(math.ceil(passes / config.accumulation) * config.epochs)
    precision = training_precision(config.precision)
    every = config.evaluate_every or math.ceil(steps / config.evaluations)
    warmup = math.ceil(steps * config.warmup_share) if config.warmup_steps is None else config.warmup_steps
    return TrainingArguments(
        output_dir=str(workdir),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.epochs,
        learning_rate=config.peak_learning_rate,
        lr_scheduler_type=SCHEDULES[config.schedule],
        warmup_steps=warmup,
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip_norm,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,  # patience survives a crash
        logging_steps=max(1, steps // LOGS_A_RUN),
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=precision == "bf16",
        fp16=precision == "fp16",
    )


def _metrics(prediction: EvalPrediction) -> dict[str, float]:
    # The Trainer gives tuples for models of several outputs; ours has one.
    return evaluate(np.asarray(prediction.label_ids), positive_probability(np.asarray(prediction.predictions)))


def _fitted(config: TrainConfig, tokenizer_json: str, model: torch.nn.Module, history: list[dict[str, Any]]) -> Fitted:
    model.eval()
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return Fitted(
        model=model,
        tokenizer_json=tokenizer_json,
        family=config.family,
        max_length=config.max_length,
        head_share=config.head_share,
        history=history,
        parameters=sum(size for size, _ in sizes),
        trainable=sum(size for size, trains in sizes if trains),
    )
