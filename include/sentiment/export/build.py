"""From a trained model to a bundle: models for engines, parity, the cascade, seal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS, EngineName
from sentiment.engine.bundle import FP32_MODEL, INT8_MODEL, TOKENIZER, Bundle, GateRule, Thresholds, assembled, seal
from sentiment.engine.calibration import confidence, log_odds
from sentiment.engine.cascade import Gate
from sentiment.engine.engines import open_engine
from sentiment.engine.language import foreign, languages
from sentiment.engine.scorer import infer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import decision_figures, decisions, fit_review_limit, review_figures
from sentiment.export.cascade import BothOdds, Stress, fit_rule
from sentiment.export.config import ExportConfig
from sentiment.export.engines import fastest_first, remove_unread, write_models
from sentiment.export.parity import check_parity
from sentiment.export.results import FEWEST_TO_JUDGE_A_GATE, GATE_JUDGED_ON
from sentiment.export.stress import stress_texts, texts_without_opinion
from sentiment.training.cascade import fit_gate
from sentiment.training.fitted import Fitted

# Of real reviews so many may be too strange to have a sure answer: those of other languages are about as many. A review
# of which half is known always may have one, and one of which less is known than an eighth of the middle never may.
_FEW, _MOST_KNOWN = 0.005, 0.5
# A language of fewer training reviews was hardly learnt: of those of electronics a hundredth are Spanish.
_LEARNT = 0.05
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ExportData:
    """What a bundle is made with beside the model: training reviews, for scales and gate, and validation reviews.

    `others` are of further snapshots that it learnt from, each with how many of them there were to one of its own.
    """

    train: LabelledReviews
    validation: LabelledReviews
    others: tuple[tuple[float, LabelledReviews], ...] = ()


@dataclass(frozen=True)
class Built:
    """The figures of bundle.json, why engines were left out of it, in a clause each, and what languages it learnt."""

    figures: dict[str, float]
    left_out: dict[EngineName, str]
    languages: tuple[str, ...]


def build_bundle(
    fitted: Fitted,
    data: ExportData,
    config: ExportConfig,
    destination: Path,
    provenance: dict[str, str],
    decision: Decision,
) -> Built:
    """Write the bundle of a trained model to the folder `destination`, and return what is to be said of it.

    `decision` is that of the network alone; a gate brings the threshold of the pair. Raises ContractError, and leaves
    whatever was at `destination`, when the exported model does not decide as the trained one.
    """
    with assembled(destination) as folder:
        (folder / TOKENIZER).write_text(fitted.tokenizer_json, encoding="utf-8")
        models = write_models(fitted, folder, _first(data.train, config.calibration_reviews), config.engines)
        parity = check_parity(fitted, folder, data.validation, config, decision, models.engines)
        remove_unread(folder, parity.engines)
        speeds = fastest_first(folder, parity.engines, fitted.tokenizer, data.validation)
        judges = _first(data.validation, config.cascade_validation)
        learnt = _languages([(1.0, _first(data.train, config.cascade_validation)), *data.others])
        unlimited = _described(fitted, decision, tuple(speeds), provenance, judges, learnt)
        shipped = _Shipped(folder, fitted, unlimited)
        seen = shipped.seen(judges)
        thresholds, limits = _limited(unlimited.thresholds, decision.calibration.probability(seen.logits), seen, config)
        description = unlimited.model_copy(update={"thresholds": thresholds})
        rule, gate_figures = _gate(shipped, data, config, seen, decision)
        metrics = {
            **parity.figures,
            **_sizes(folder),
            **{f"engine_reviews_per_second_{name}": speed for name, speed in speeds.items()},
            **{f"alone_{name}": value for name, value in limits.items()},
            **gate_figures,
            "known_share": description.known_share,
            "validation_macro_f1": gate_figures["cascade_macro_f1"] if rule else _macro_f1(seen, decision),
        }
        seal(folder, description.model_copy(update={"gate": rule, "metrics": metrics}))
    return Built(metrics, models.left_out | parity.left_out, description.languages)


def _described(
    fitted: Fitted,
    decision: Decision,
    engines: tuple[EngineName, ...],
    provenance: dict[str, str],
    judges: LabelledReviews,
    learnt: tuple[str, ...],
) -> Bundle:
    return Bundle(
        family=fitted.family,
        max_length=fitted.max_length,
        head_share=fitted.head_share,
        temperature=decision.temperature,
        bias=decision.bias,
        thresholds=Thresholds(positive=decision.threshold),
        engines=engines,
        provenance=provenance,
        known_share=_known_share(fitted, judges),
        languages=learnt,
    )


@dataclass(frozen=True)
class _Seen:
    """Reviews, their token ids, the logits [n, 2] of the engine that is shipped, and where enough is known."""

    reviews: LabelledReviews
    ids: list[np.ndarray]
    logits: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class _Shipped:
    """A bundle in the making: its folder, whose it is, and what is known of it without a gate."""

    folder: Path
    fitted: Fitted
    bundle: Bundle

    def seen(self, reviews: LabelledReviews) -> _Seen:
        """Return what the engine that is shipped makes of reviews."""
        tokenizer = self.fitted.tokenizer
        ids = tokenizer.whole(reviews.titles, reviews.texts)
        logits = infer(open_engine(self.folder, self.bundle.engines[0], 2), tokenizer, ids)
        known = tokenizer.knowledge.shares(ids) >= self.bundle.known_share
        known &= ~foreign(languages(reviews.titles, reviews.texts), self.bundle.languages)
        return _Seen(reviews, ids, logits, known)


def _limited(
    thresholds: Thresholds, probability: np.ndarray, seen: _Seen, config: ExportConfig
) -> tuple[Thresholds, dict[str, float]]:
    """Return thresholds that say, as was wished, what needs a person, and what that gives on validation."""
    sure = confidence(probability, thresholds.positive).astype(np.float32)
    sure[~seen.known] = 0
    wrong = (probability >= thresholds.positive) != (seen.reviews.labels == 1)
    wished = {"review_error": config.review_error, "review_share": config.review_share}
    limit = thresholds.needs_review
    if set(wished.values()) != {None}:
        limit = fit_review_limit(sure, wrong, config.review_error, config.review_share)
    limited = thresholds.model_copy(update={"needs_review": limit, **wished})
    return limited, {"review_below": limit, **review_figures(sure < limit, wrong)}


def _gate(
    shipped: _Shipped, data: ExportData, config: ExportConfig, seen: _Seen, decision: Decision
) -> tuple[GateRule | None, dict[str, float]]:
    """Fit the gate, its rule and what needs a person, and leave it in the folder where it is of use."""
    if not config.cascade or shipped.fitted.family == "linear":
        return None, {}
    rarer = float(np.bincount(seen.reviews.labels, minlength=len(LABELS)).min())
    if rarer < FEWEST_TO_JUDGE_A_GATE:
        return None, {"gate_share": 0.0, GATE_JUDGED_ON: rarer}
    tokenizer, train = shipped.fitted.tokenizer, _first(data.train, config.cascade_reviews)
    if not _of_both_labels(train):
        raise ContractError(f"the gate's {len(train):,} reviews are all of one label; raise cascade_reviews")
    gate = fit_gate(tokenizer.whole(train.titles, train.texts), train.labels, seed=0)
    judged = _judged(gate, seen, decision)
    nothing = texts_without_opinion()
    kinds = {kind: texts for kind, texts in stress_texts(seen.reviews).items() if _of_both_labels(texts)}
    stress = Stress(
        {kind: _judged(gate, shipped.seen(texts), decision) for kind, texts in kinds.items()},
        gate.read(tokenizer.whole([""] * len(nothing), nothing)),
    )
    rule, figures = fit_rule(judged, stress, shipped.fitted.max_length)
    if not rule:
        return None, figures
    used = {"gate_reviews": float(len(train)), GATE_JUDGED_ON: rarer}
    gate.save(shipped.folder)
    thresholds, limits = _limited(rule.thresholds or Thresholds(), judged.pair(rule)[0], seen, config)
    limits = {f"cascade_{name}": value for name, value in limits.items()}
    return rule.model_copy(update={"thresholds": thresholds}), {**figures, **limits, **used}


def _of_both_labels(reviews: LabelledReviews) -> bool:
    return len(np.unique(reviews.labels)) == len(LABELS)


def _judged(gate: Gate, seen: _Seen, decision: Decision) -> BothOdds:
    return BothOdds(log_odds(seen.logits), gate.read(seen.ids), seen.reviews.labels, seen.known, decision)


def _macro_f1(seen: _Seen, decision: Decision) -> float:
    """Return the macro F1 of the network alone, as it is shipped."""
    probability = decision.calibration.probability(seen.logits)
    return float(decision_figures(decisions(seen.reviews.labels, probability, decision.threshold))["macro_f1"])


def _known_share(fitted: Fitted, validation: LabelledReviews) -> float:
    """Return the share of known pieces that all but few validation reviews reach; below it no answer is sure."""
    tokenizer = fitted.tokenizer
    shares = tokenizer.knowledge.shares(tokenizer.whole(validation.titles, validation.texts))
    few, middle = np.quantile(shares, (_FEW, 0.5), method="lower")
    return float(np.clip(few, max(0.0, middle / 8), _MOST_KNOWN))


def _first(reviews: LabelledReviews, count: int) -> LabelledReviews:
    return reviews.take(np.arange(min(count, len(reviews))))


def _languages(read: Sequence[tuple[float, LabelledReviews]]) -> tuple[str, ...]:
    """Return the languages that a model learns: those of a twentieth of the training reviews each, or more.

    `read` are samples of what it reads, each with its weight.
    """
    shares: dict[str, float] = defaultdict(float)
    for weight, reviews in read:
        for language in filter(None, languages(reviews.titles, reviews.texts)):
            shares[language] += weight / len(reviews)
    enough = _LEARNT * sum(weight for weight, _ in read) - _ROUNDING
    return tuple(sorted(language for language, share in shares.items() if share >= enough))


def _sizes(folder: Path) -> dict[str, float]:
    models = {"fp32_megabytes": folder / FP32_MODEL, "int8_megabytes": folder / INT8_MODEL}
    return {name: model.stat().st_size / 1e6 for name, model in models.items() if model.exists()}
