"""Train any neural family: build it, let the Trainer go through the reviews, and take what memory allows."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed
from transformers.utils.logging import disable_progress_bar

from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.augmentation.consistency import CopiedExamples
from sentiment.training.batches import collate, examples
from sentiment.training.checkpoints import claim, has_ended, last_checkpoint
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted
from sentiment.training.hardware import is_out_of_memory, suitable_threads, with_smaller_batches
from sentiment.training.job import OnLog, Record
from sentiment.training.models.build import build_model
from sentiment.training.models.encoders import with_encoder_at_hand
from sentiment.training.models.start import with_start_at_hand
from sentiment.training.teaching.loss import loss_of
from sentiment.training.trainer import NeuralTrainer, Reporter, training_arguments

if TYPE_CHECKING:
    from sentiment.training.models.classifier import EncoderClassifier

log = logging.getLogger(__name__)


def fit_neural(
    config: TrainConfig,
    train: LabelledReviews,
    validation: LabelledReviews,
    workdir: Path,
    settings: Settings,
    on_log: OnLog | None = None,
) -> Fitted:
    """Train the family and return the checkpoint with the best macro F1 on validation.

    A device that runs out of memory gets half the batch and twice the accumulation, and training goes on from the
    last checkpoint. Raises ContractError when the loss is no longer a number, or one review does not fit.
    """
    claim(workdir, config, train, validation)
    config = with_start_at_hand(with_encoder_at_hand(config, settings), workdir, settings)
    while True:
        try:
            return fit_once(config, train, validation, workdir, on_log)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            config = with_smaller_batches(config, error)
        # Outside the handler, whose traceback keeps the batch alive.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def fit_once(
    config: TrainConfig, train: LabelledReviews, validation: LabelledReviews, workdir: Path, on_log: OnLog | None = None
) -> Fitted:
    """Train as `fit_neural` does, in a `workdir` that is claimed and on an encoder that is at hand.

    Too little memory is an error of torch.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # bars are for terminals, not for the logs of tasks
    set_seed(config.seed)
    model, tokenizer_json = build_model(config, train)
    tokenizer = ReviewTokenizer.from_json(tokenizer_json, config.max_length, config.head_share)
    trainer = NeuralTrainer(
        config,
        loss_of(config, train),
        model=model,
        args=training_arguments(config, len(train), workdir),
        train_dataset=_training_examples(config, tokenizer, train),
        # By length, for the Trainer validates in order and pads every batch to its longest.
        eval_dataset=sorted(examples(tokenizer, validation), key=lambda example: len(example["input_ids"])),
        data_collator=lambda batch: collate(tokenizer, batch),
        callbacks=[EarlyStoppingCallback(config.patience), Reporter(on_log)],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(workdir)
    log.info("training %s on %d reviews, from %s", config.family, len(train), checkpoint or "the beginning")
    if checkpoint and has_ended(checkpoint):
        trainer.take_best(checkpoint)
    else:
        with suitable_threads(config.family):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    # What has the network compute in half precision is the Trainer's, and would stay in its place.
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    if config.pretrained_share:
        from sentiment.training.models.interpolation import mix_in_pretrained

        mix_in_pretrained(cast("EncoderClassifier", model), config)  # only encoders have a share
    return as_fitted(config, tokenizer_json, model, trainer.state.log_history, workdir)


def _training_examples(config: TrainConfig, tokenizer: ReviewTokenizer, train: LabelledReviews) -> Any:
    plain = examples(tokenizer, train)
    return CopiedExamples(plain, train, tokenizer, config.seed) if config.consistency else plain


def as_fitted(config: TrainConfig, tokenizer_json: str, model: Any, history: list[Record], workdir: Path) -> Fitted:
    """Return a trained model with its sizes, without what only learnt stars.

    The adapters of family lora are kept in `workdir` and merged.
    """
    model.eval()
    if config.star_weight:
        model.forget_stars()
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    parameters, trainable = sum(size for size, _ in sizes), sum(size for size, trains in sizes if trains)
    log.info("%d of %d parameters were trained, %.2f %%", trainable, parameters, 100 * trainable / parameters)
    return Fitted(
        model=model,
        tokenizer_json=tokenizer_json,
        family=config.family,
        max_length=config.max_length,
        head_share=config.head_share,
        history=history,
        parameters=parameters,
        trainable=trainable,
        adapter=_merged(model, workdir / "adapter") if config.family == "lora" else None,
    )


def _merged(model: Any, folder: Path) -> Path:
    from sentiment.training.models.adapters import merge_adapters

    merge_adapters(model, folder)
    return folder
