"""Score reviews with a bundle: tokenise once, the gate answers what it is sure of, the rest is batched by length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.names import EngineChoice, EngineName
from sentiment.engine.bundle import TOKENIZER, Bundle, read_bundle
from sentiment.engine.calibration import confidence, log_odds
from sentiment.engine.cascade import Gate, blended, gate_probability, sure
from sentiment.engine.engines import Engine, open_chosen
from sentiment.engine.knowledge import no_surer
from sentiment.engine.language import foreign, languages
from sentiment.engine.tokens import ReviewTokenizer, length_batches

# What `decided_by` says of the reviews that the gate answered; the others name the model's family.
BY_GATE = "gate"


@dataclass(frozen=True)
class Decisions:
    """What a bundle makes of n answers; every array has length n, `label` holds "negative" or "positive".

    `confidence`, float32 from 0.5 to 1, is that of the label (`engine/calibration.py` defines it).
    """

    label: np.ndarray
    positive_probability: np.ndarray
    confidence: np.ndarray
    needs_review: np.ndarray


@dataclass(frozen=True)
class Answers:
    """The calibrated positive probabilities, float32 [n], whose they are, whether the text is known, and its language.

    `decided_by` holds strings [n], the gate or the family. Where `known`, bool [n], is false, nobody is sure: too much
    of the text is strange, or it is in a language that the bundle did not learn. `language` holds codes, or None.
    """

    positive_probability: np.ndarray
    decided_by: np.ndarray
    known: np.ndarray
    language: np.ndarray


class Scorer:
    """A loaded bundle. It keeps the order of the reviews, scores equal ones once, and gives empty arrays for none.

    `thresholds` are those that it decides by: of gate and network together, or of the network alone.
    """

    def __init__(
        self,
        bundle: Bundle,
        tokenizer: ReviewTokenizer,
        engine: Engine,
        gate: Gate | None = None,
        engine_name: EngineName = "onnxruntime-fp32",
    ) -> None:
        self.bundle, self.engine_name = bundle, engine_name
        self.thresholds = bundle.thresholds_of(cascade=gate is not None)
        self._tokenizer = tokenizer
        self._engine = engine
        self._gate = gate

    @classmethod
    def load(
        cls,
        bundle: Path,
        engine: EngineChoice = "auto",
        cascade: bool = True,
        threads: int = 1,
        review_below: float | None = None,
    ) -> Scorer:
        """Check a bundle's files and load it; without `cascade` the network answers all.

        A person should look at a confidence below `review_below`, or below the bundle's own limit.
        Raises ContractError naming the file that is not as exported, or the engine that is not there.
        """
        description = read_bundle(bundle)
        tokenizer = ReviewTokenizer(bundle / TOKENIZER, description.max_length, description.head_share)
        chosen, network = open_chosen(bundle, engine, description.engines, threads)
        opened = Gate.load(bundle) if cascade and description.gate else None
        scorer = cls(description, tokenizer, network, opened, chosen)
        if review_below is not None:
            scorer.thresholds = scorer.thresholds.model_copy(update={"needs_review": review_below})
        return scorer

    def answer(self, titles: Sequence[str], texts: Sequence[str]) -> Answers:
        """Return every review's probability, who gave it, whether the review is known, and its language."""
        first, back = _distinct(titles, texts)
        distinct = [titles[row] for row in first], [texts[row] for row in first]
        ids, language = self._tokenizer.whole(*distinct), languages(*distinct)
        known = self._tokenizer.knowledge.shares(ids) >= self.bundle.known_share
        known &= ~foreign(language, self.bundle.languages)
        probability, gated = self._probabilities(ids, known)
        who = np.where(gated, BY_GATE, self.bundle.family)
        bounded = no_surer(probability, known, self.thresholds.positive)
        return Answers(bounded[back], who[back], known[back], language[back])

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return the calibrated positive probabilities, float32 [reviews]."""
        return self.answer(titles, texts).positive_probability

    def logits(self, titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return the network's float32 logits [reviews, 2], negative first, before temperature and gate."""
        return self._answered(self._tokenizer.whole(titles, texts))

    def decide(self, answers: Answers) -> Decisions:
        """Turn answers into labels, confidences and the need of a person's look."""
        probability = answers.positive_probability
        negative, positive = self.bundle.labels
        sure = confidence(probability, self.thresholds.positive).astype(np.float32)
        return Decisions(
            label=np.where(probability >= self.thresholds.positive, positive, negative),
            positive_probability=probability,
            confidence=sure,
            needs_review=~answers.known | (sure < self.thresholds.needs_review),
        )

    def _probabilities(self, ids: list[np.ndarray], known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities and where they are the gate's, for whole token ids; the gate answers what is `known`."""
        alone, rule = self.bundle.calibration, self.bundle.gate
        if self._gate is None or rule is None:
            return alone.probability(self._answered(ids)), np.zeros(len(ids), bool)
        read = self._gate.read(ids)
        probability, gated = gate_probability(read.log_odds, rule), sure(read, known, rule)
        left = np.flatnonzero(~gated)
        logits = self._answered([ids[row] for row in left])
        probability[left] = blended(log_odds(logits), read.take(left), rule, alone)
        return probability, gated

    def _answered(self, ids: list[np.ndarray]) -> np.ndarray:
        """Return the network's logits; one that is no number would pass for a negative review of which all are sure."""
        logits = infer(self._engine, self._tokenizer, ids)
        if strange := int(np.count_nonzero(~np.isfinite(logits).all(1))):
            others = [name for name in self.bundle.engines if name != self.engine_name]
            raise ContractError(
                f"the engine {self.engine_name} gave no number for {strange} of {len(logits)} texts; choose another "
                f"engine: {', '.join(others) or 'the bundle has none'}"
            )
        return logits


def infer(engine: Engine, tokenizer: ReviewTokenizer, ids: list[np.ndarray]) -> np.ndarray:
    """Return float32 logits [reviews, 2] of whole token ids, in order, computed in batches of similar length."""
    windows = [tokenizer.window(review) for review in ids]
    logits = np.empty((len(windows), 2), np.float32)
    for rows in length_batches([len(window) for window in windows], engine.tokens_a_call):
        logits[rows] = engine.run(*tokenizer.pad([windows[row] for row in rows]))
    return logits


def _distinct(titles: Sequence[str], texts: Sequence[str]) -> tuple[list[int], np.ndarray]:
    """Return the first row of every distinct review, and for each review the place of its own among those."""
    places: dict[tuple[str, str], int] = {}
    first: list[int] = []
    back = np.empty(len(texts), np.int64)
    for row, review in enumerate(zip(titles, texts, strict=True)):
        place = places.setdefault(review, len(first))
        if place == len(first):
            first.append(row)
        back[row] = place
    return first, back
