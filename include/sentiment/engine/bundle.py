"""A bundle: the folder that scoring needs and nothing else, described by bundle.json with a sha256 of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sentiment.core.atomic import replacing
from sentiment.core.config import Share
from sentiment.core.errors import ContractError
from sentiment.core.names import LABELS, NEEDS_REVIEW_BELOW, EngineName, Family
from sentiment.engine.calibration import Calibration

FP32_MODEL, INT8_MODEL, FP16_MODEL = "model.onnx", "model.int8.onnx", "model.fp16.onnx"
STATIC_INT8_MODEL, STATIC_INT8_WEIGHTS = "model.static-int8.xml", "model.static-int8.bin"
GATE, TOKENIZER, DESCRIPTION = "gate.npz", "tokenizer.json", "bundle.json"
REQUIRED = (FP32_MODEL, TOKENIZER)


class Thresholds(BaseModel):
    """From which positive probability a review is positive, and below which confidence a person should look at it.

    `review_error` and `review_share` tell what `needs_review` was fitted to on validation reviews, if to anything: the
    share of wrong labels among those that nobody looks at, or the share of reviews that somebody looks at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    positive: Share = 0.5
    needs_review: Share = NEEDS_REVIEW_BELOW
    review_error: Share | None = None
    review_share: Share | None = None


class Depth(BaseModel):
    """How far a gate reaches: no text is within it that is too short, too strange, or tells too little.

    That is one with under `fewest_tokens`, one of whose bigrams the gate learnt from less than the share
    `known_bigrams`, and one whose log odds are nearer to those of an empty text than `least_evidence`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fewest_tokens: int = Field(0, ge=0)
    known_bigrams: Share = 0.0
    least_evidence: float = Field(0.0, ge=0)


class GateRule(BaseModel):
    """When the gate answers, what it adds where it does not, and how the pair decides.

    Its probability is that of its log odds divided by `temperature`; at most `negative_below` it answers negative, from
    `positive_from` on positive, if the text is within the depth `answers`. Between them the log odds of encoder and
    gate are added, each times its weight, and the bias, if the text is within the depth `heard`; else the network
    speaks alone. `thresholds` are those of gate and network together. A bundle of an earlier version has neither depths
    nor thresholds: its gate may answer any text, and the network's own thresholds decide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(gt=0)
    negative_below: Share
    positive_from: Share
    encoder_weight: float
    gate_weight: float
    bias: float = 0.0
    answers: Depth = Depth()
    heard: Depth = Depth()
    thresholds: Thresholds | None = None


class Bundle(BaseModel):
    """What bundle.json holds; `engines` are those that passed the parity check, the fastest first.

    `temperature`, `bias` and `thresholds` are those of the network alone, and of the whole bundle where it has no gate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...] = LABELS
    family: Family
    max_length: int = Field(ge=1)
    head_share: Share
    truncation: Literal["head_and_tail"] = "head_and_tail"
    thresholds: Thresholds = Thresholds()
    temperature: float = Field(1.0, gt=0)
    bias: float = 0.0
    engines: tuple[EngineName, ...] = Field(("onnxruntime-int8", "onnxruntime-fp32"), min_length=1)
    gate: GateRule | None = None
    # Below this share of known pieces a review has no sure answer. A bundle of before has none of its own: with 0.25,
    # numbers, base64 and look-alike letters have no sure answer, and hardly an English review loses its own.
    known_share: Share = 0.25
    # Codes of those that it learnt from; in another one a review has no sure answer. A bundle of before names none.
    languages: tuple[str, ...] = ()
    provenance: dict[str, str] = {}
    metrics: dict[str, float] = {}
    sha256: dict[str, str] = {}

    @property
    def calibration(self) -> Calibration:
        """What turns the network's logits into probabilities."""
        return Calibration(self.temperature, self.bias)

    def thresholds_of(self, cascade: bool) -> Thresholds:
        """Return how the bundle decides with its gate, or without."""
        return self.gate.thresholds if cascade and self.gate and self.gate.thresholds else self.thresholds


@contextmanager
def assembled(destination: Path) -> Iterator[Path]:
    """Give a folder beside `destination` to fill, and put it in its place when the block ends without an error.

    Readers see the old bundle or the whole new one; a failed build leaves nothing.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with replacing(destination) as aside:
        aside.mkdir()
        yield aside


def seal(folder: Path, description: Bundle) -> Bundle:
    """Write bundle.json, last and in one step, with the sha256 of all files in `folder`; returns what was written."""
    files = sorted({*REQUIRED, *(file.name for file in folder.iterdir())} - {DESCRIPTION})
    sealed = description.model_copy(update={"sha256": {name: _sha256(folder / name) for name in files}})
    with replacing(folder / DESCRIPTION) as draft:
        draft.write_text(sealed.model_dump_json(indent=1), encoding="utf-8")
    return sealed


def add_figures(folder: Path, figures: Mapping[str, float]) -> Bundle:
    """Write what was measured of a sealed bundle into its bundle.json, and return that."""
    bundle = read_bundle(folder)
    return seal(folder, bundle.model_copy(update={"metrics": {**bundle.metrics, **figures}}))


def read_bundle(folder: Path) -> Bundle:
    """Return the description of a bundle, after checking every file of it.

    Raises ContractError naming the file that is missing or is not the one that was exported.
    """
    try:
        bundle = Bundle.model_validate_json((folder / DESCRIPTION).read_bytes())
    except (OSError, ValidationError) as error:
        raise ContractError(f"{folder} is no bundle of this version: {error}; export the model anew") from error
    for name in sorted({*REQUIRED, *bundle.sha256}):
        _verify(folder / name, bundle.sha256.get(name))
    return bundle


def identity(folder: Path) -> str:
    """Return what tells a bundle from all others: of bundle.json, which holds the hash of every other file, its own."""
    return _sha256(folder / DESCRIPTION)[:16]


def _verify(file: Path, expected: str | None) -> None:
    found = _sha256(file) if file.is_file() else "missing"
    if found != expected:
        raise ContractError(
            f"{file} is {found} where bundle.json says sha256 {expected}; fetch it again or export the model anew"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
