"""Score reviews with a bundle: tokenise, batch by length, infer in onnxruntime, decide.

Runs in scoring workers, so it imports onnxruntime, tokenizers and NumPy and never a training library; it knows nothing
of Spark, tables or where the bundle came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from sentiment.evaluation.calibration import positive_probability
from sentiment.export.bundle import FP32_MODEL, INT8_MODEL, TOKENIZER, Bundle, read_bundle
from sentiment.scoring.tokens import ReviewTokenizer, length_batches

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Padded tokens a batch: on a CPU larger ones leave its caches and gain nothing, smaller ones pay a call each.
TOKEN_BUDGET = 4_096

Precision = Literal["int8", "fp32"]


@dataclass(frozen=True)
class Decisions:
    """What a bundle makes of n probabilities; every array has length n, `label` holds "negative" or "positive"."""

    label: np.ndarray
    positive_probability: np.ndarray
    confidence: np.ndarray
    needs_review: np.ndarray


class Scorer:
    """A loaded bundle. It keeps the order of the reviews and gives empty arrays for none."""

    def __init__(self, bundle: Bundle, tokenizer: ReviewTokenizer, session: InferenceSession) -> None:
        self.bundle = bundle
        self._tokenizer = tokenizer
        self._session = session

    @classmethod
    def load(cls, bundle: Path, precision: Precision = "int8", threads: int = 1) -> Scorer:
        """Check a bundle's files and load it; raises ContractError naming the file that is not as exported."""
        description = read_bundle(bundle)
        tokenizer = ReviewTokenizer(bundle / TOKENIZER, description.max_length, description.head_share)
        return cls(description, tokenizer, open_session(bundle / model_file(precision), threads))

    def logits(self, titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return float32 logits [reviews, 2], negative first, before temperature."""
        return infer(self._session, self._tokenizer, titles, texts)

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return the calibrated positive probabilities, float32 [reviews]."""
        return positive_probability(self.logits(titles, texts), self.bundle.temperature)

    def decide(self, probabilities: np.ndarray) -> Decisions:
        """Turn positive probabilities [reviews] into labels, confidences and the need of a person's look."""
        thresholds = self.bundle.thresholds
        negative, positive = self.bundle.labels
        confidence = np.maximum(probabilities, 1 - probabilities)
        return Decisions(
            label=np.where(probabilities >= thresholds.positive, positive, negative),
            positive_probability=probabilities,
            confidence=confidence,
            needs_review=confidence < thresholds.needs_review,
        )


def model_file(precision: Precision) -> str:
    """Return the name of the model of this precision inside a bundle."""
    return INT8_MODEL if precision == "int8" else FP32_MODEL


def open_session(model: Path, threads: int) -> InferenceSession:
    """Open an ONNX file on the CPU with a fixed number of threads."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Batches have a shape each: a memory plan for every shape would be kept for ever and hardly be met again.
    options.enable_mem_pattern = False
    return InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def infer(
    session: InferenceSession, tokenizer: ReviewTokenizer, titles: Sequence[str], texts: Sequence[str]
) -> np.ndarray:
    """Return float32 logits [reviews, 2] in the reviews' order, computed in batches of similar length."""
    ids = tokenizer.encode(titles, texts)
    logits = np.empty((len(ids), 2), np.float32)
    for rows in length_batches([len(review) for review in ids], TOKEN_BUDGET):
        input_ids, attention_mask = tokenizer.pad([ids[row] for row in rows])
        (logits[rows],) = session.run(None, {"input_ids": input_ids, "attention_mask": attention_mask})
    return logits
