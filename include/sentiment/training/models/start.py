"""The model and the tokenizer that a training of an encoder begins with: pretrained, or from an earlier training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training.config.train import TrainConfig
from sentiment.training.models.encoders import build_encoder, encoder_tokenizer

if TYPE_CHECKING:
    from sentiment.training.models.classifier import EncoderClassifier


def with_start_at_hand(config: TrainConfig, workdir: Path, settings: Settings) -> TrainConfig:
    """Name the model to start from by its folder, below `workdir`, once it is copied there from its run."""
    if not config.warm_start:
        return config
    from sentiment.stores.registry.versions import Registry

    shutil.rmtree(workdir / "start", ignore_errors=True)
    folder = Registry(settings).download(config.warm_start, "model", workdir / "start")
    return config.model_copy(update={"warm_start": str(folder)})


def starting_model(config: TrainConfig) -> tuple[EncoderClassifier, str]:
    """Return the model of a configuration whose encoder and start are at hand, and its tokenizer.json's content.

    The head of one that is only pretrained is new, its first values following torch's seed. Raises ContractError when
    one of the two cannot be read.
    """
    if not config.warm_start:
        return build_encoder(config.encoder, config.head, config.pooling), encoder_tokenizer(config.encoder)
    from safetensors import SafetensorError

    from sentiment.training.models.classifier import EncoderClassifier

    folder = Path(config.warm_start)
    try:
        return EncoderClassifier.load(folder), (folder / "tokenizer.json").read_text(encoding="utf-8")
    except (OSError, ValueError, SafetensorError) as error:
        raise ContractError(
            f"the model to start from is not whole ({error}): its run was killed while it was kept, or files of it "
            "were lost; start from another run"
        ) from error
