"""What a contender is: a name, what it needs, how it gets ready, and a function from reviews to probabilities.

Also what several of them share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sentiment.core.text import characters
from sentiment.engine.calibration import Calibration
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment_benchmarks.scoring.material import Material

# Takes titles and texts and returns positive probabilities, float [reviews]; this is what is timed.
Score = Callable[[Sequence[str], Sequence[str]], np.ndarray]

Decides = Literal["network", "bundle", "itself"]

# What everybody who batches in order of arrival takes: the size of the published recipes.
BATCH = 32


class LeftOutError(Exception):
    """A contender cannot take part with this model; the message says why."""


@dataclass(frozen=True)
class Contender:
    """`prepare` is not timed, and what it opens it hands to the stack; `package` has to be importable for it.

    `ours` are what the ratios are against, for what runs `under_spark` those that do, because a job has costs of its
    own. `slow` ones may score fewer reviews. `decides` tells whose probabilities it gives, and so at whose threshold
    they are judged: the bundle's network's, the bundle's with its gate, or its own, one half. `note` stands in the
    table.
    """

    name: str
    prepare: Callable[[Material, ExitStack], Score]
    package: str | None = None
    ours: bool = False
    slow: bool = False
    decides: Decides = "network"
    under_spark: bool = False
    note: str = ""


def joined(titles: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return title and text as one, as the bundle's own tokenizer joins them."""
    return [characters.joined(title, text) for title, text in zip(titles, texts, strict=True)]


def scored_in_batches(
    logits: Callable[[list[str]], np.ndarray], calibration: Calibration, titles: Sequence[str], texts: Sequence[str]
) -> np.ndarray:
    """Return the probabilities of what `logits` says of batches of 32 in the order in which the reviews arrive."""
    whole = joined(titles, texts)
    batches = [logits(whole[start : start + BATCH]) for start in range(0, len(whole), BATCH)]
    return calibration.probability(np.concatenate(batches))


def plain_tokenizer(material: Material) -> Any:
    """Return the model's tokenizer as its library gives it: cut at the model's length, padded to the longest."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(material.tokenizer_json)
    padding = {name: (tokenizer.padding or {}).get(name) for name in ("pad_id", "pad_token")}
    tokenizer.enable_truncation(material.description.max_length)
    tokenizer.enable_padding(**{name: value for name, value in padding.items() if value is not None})
    return tokenizer


def encoder_of(material: Material) -> Any:
    """Return the trained `EncoderClassifier`; raises LeftOutError for a model of another kind."""
    if material.description.family not in ENCODER_FAMILIES:
        raise LeftOutError(f"the model is of family {material.description.family}, no encoder")
    return material.fitted.model.eval()
