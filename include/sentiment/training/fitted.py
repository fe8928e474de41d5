"""What every training returns: a model with its tokenizer and its history, to be carried in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import Family
from sentiment.engine.tokens import ReviewTokenizer, length_batches
from sentiment.training.config.architecture import ENCODER_FAMILIES, RECURRENT_FAMILIES
from sentiment.training.config.optimisation import Precision
from sentiment.training.job import Memory

if TYPE_CHECKING:
    from torch import nn

_BATCH_TOKENS = 8_192
DESCRIPTION = ("family", "max_length", "head_share", "history", "parameters", "trainable")


@dataclass(frozen=True)
class Fitted:
    """A trained model; `model(input_ids, attention_mask)` gives logits [reviews, 2].

    `history` holds the log records of the training in order, `parameters` and `trainable` count numbers in the model
    while it was trained. `adapter` is the folder with what family lora learnt, beside the model that has it merged in,
    and `memory` what each process held that trained it, where they were others than the caller's; neither is saved with
    the model.
    """

    model: nn.Module
    tokenizer_json: str
    family: Family
    max_length: int
    head_share: float
    history: list[dict[str, float]]
    parameters: int
    trainable: int
    adapter: Path | None = None
    memory: tuple[Memory, ...] = ()

    @property
    def tokenizer(self) -> ReviewTokenizer:
        """The tokenizer with the window that the model was trained on."""
        return ReviewTokenizer.from_json(self.tokenizer_json, self.max_length, self.head_share)

    def save(self, folder: Path) -> None:
        """Write model.safetensors, config.json, tokenizer.json and fitted.json."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder)  # type: ignore[operator]  # every family's module has it
        (folder / "tokenizer.json").write_text(self.tokenizer_json, encoding="utf-8")
        described = {name: getattr(self, name) for name in DESCRIPTION}
        (folder / "fitted.json").write_text(json.dumps(described, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Fitted:
        """Read what `save` wrote; raises ContractError when the folder does not hold it."""
        try:
            described = json.loads((folder / "fitted.json").read_text(encoding="utf-8"))
            tokenizer_json = (folder / "tokenizer.json").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ContractError(f"{folder} holds no trained model: {error}; train it again") from error
        return cls(model=_module(described["family"]).load(folder), tokenizer_json=tokenizer_json, **described)


def predict_logits(fitted: Fitted, reviews: LabelledReviews, precision: Precision = "fp32") -> np.ndarray:
    """Return float32 logits [reviews, 2] computed by torch, in batches of similar length, on the model's device.

    With the `precision` of its training a network computes in the number format in which it was trained.
    """
    import torch

    from sentiment.training.hardware import computing_in, suitable_threads

    device = next(fitted.model.parameters()).device
    tokenizer = fitted.tokenizer
    ids = tokenizer.encode(reviews.titles, reviews.texts)
    logits = np.empty((len(ids), 2), np.float32)
    fitted.model.eval()
    with torch.inference_mode(), suitable_threads(fitted.family), computing_in(precision, fitted.family):
        for rows in length_batches([len(review) for review in ids], _BATCH_TOKENS):
            batch = (torch.from_numpy(part).to(device) for part in tokenizer.pad([ids[row] for row in rows]))
            logits[rows] = fitted.model(*batch).float().cpu().numpy()
    return logits


def _module(family: str) -> Any:
    """The class of a family's module; each has `save(folder)` and `load(folder)`."""
    if family == "linear":
        from sentiment.training.models.linear import HashedLinear

        return HashedLinear
    if family in ENCODER_FAMILIES:
        from sentiment.training.models.classifier import EncoderClassifier

        return EncoderClassifier
    if family in RECURRENT_FAMILIES:
        from sentiment.training.models.recurrent import RecurrentClassifier

        return RecurrentClassifier
    raise ContractError(f"the family {family!r} is unknown to this version; known are {', '.join(get_args(Family))}")
