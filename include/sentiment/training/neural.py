"""Fine-tune an encoder with transformers' Trainer: what to log, when to evaluate, when to stop, where to go on from.

Knows the Trainer and nothing of the lake, MLflow or export.
"""

from __future__ import annotations

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
from sentiment.models.classifier import EncoderClassifier
from sentiment.models.encoders import build_encoder, encoder_tokenizer
from sentiment.scoring.tokens import ReviewTokenizer
from sentiment.training.batches import SimilarLengths, collate, examples
from sentiment.training.checkpoints import PlainCheckpointTrainer, claim, last_checkpoint
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import training_precision

log = logging.getLogger(__name__)

LOGS_A_RUN = 50
EVALUATION_BATCH = 128


def fit_encoder(
    config: TrainConfig,
    train: LabelledReviews,
    validation: LabelledReviews,
    workdir: Path,
    on_log: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Fine-tune all weights of `config.encoder` and return the checkpoint with the best macro F1 on validation."""
    claim(workdir, config, train, validation)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # bars are for terminals, not for the logs of tasks
    set_seed(config.seed)
    tokenizer_json = encoder_tokenizer(config.encoder)
    tokenizer = ReviewTokenizer.from_json(tokenizer_json, config.max_length, config.head_share)
    model = build_encoder(config.encoder)
    _check_window(model, config)
    trainer = _EncoderTrainer(
        model=model.network,
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
    log.info("training %s on %d reviews, from %s", config.encoder, len(train), checkpoint or "the beginning")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return _fitted(config, tokenizer_json, model, trainer.state.log_history)


class _EncoderTrainer(PlainCheckpointTrainer):
    """Goes through the training reviews in batches of similar length."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        dataset: Any = train_dataset or self.train_dataset
        lengths = [len(example["input_ids"]) for example in dataset]
        return SimilarLengths(lengths, self.args.train_batch_size, self.args.seed)


class _Reporter(TrainerCallback):
    """Hands every log record on, with the step that it belongs to."""

    def __init__(self, on_log: Callable[[dict[str, Any]], None] | None) -> None:
        self._on_log = on_log

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Called by the Trainer for training losses, validations and the final summary."""
        if self._on_log and logs:
            self._on_log({"step": state.global_step, **logs})


def _arguments(config: TrainConfig, reviews: int, workdir: Path) -> TrainingArguments:
    steps = math.ceil(math.ceil(reviews / config.batch_size) * config.epochs)
    precision = training_precision(config.precision)
    every = math.ceil(steps / config.evaluations)
    return TrainingArguments(
        output_dir=str(workdir),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(steps * config.warmup_share),
        weight_decay=config.weight_decay,
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


def _fitted(
    config: TrainConfig, tokenizer_json: str, model: EncoderClassifier, history: list[dict[str, Any]]
) -> Fitted:
    model.eval()
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return Fitted(
        model=model,
        tokenizer_json=tokenizer_json,
        family="encoder",
        max_length=config.max_length,
        head_share=config.head_share,
        history=history,
        parameters=sum(size for size, _ in sizes),
        trainable=sum(size for size, trains in sizes if trains),
    )


def _check_window(model: EncoderClassifier, config: TrainConfig) -> None:
    if config.max_length > model.positions:
        raise ContractError(
            f"max_length {config.max_length} exceeds the {model.positions} positions of {config.encoder}; lower it"
        )
