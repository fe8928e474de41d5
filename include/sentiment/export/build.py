"""From a trained model to a bundle: models for engines, parity, the cascade, seal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import EngineName
from sentiment.engine.bundle import FP32_MODEL, INT8_MODEL, TOKENIZER, Bundle, GateRule, Thresholds, assembled, seal
from sentiment.engine.calibration import log_odds
from sentiment.engine.engines import open_engine
from sentiment.engine.scorer import infer
from sentiment.evaluation.assessment import Decision
from sentiment.export.cascade import BothOdds, fit_rule
from sentiment.export.config import ExportConfig
from sentiment.export.engines import fastest_first, remove_unread, write_models
from sentiment.export.parity import check_parity
from sentiment.training.cascade import fit_gate
from sentiment.training.fitted import Fitted

# Of real reviews so many may be too strange to have a sure answer: those of other languages are about as many. A review
# of which half is known always may have one, and one of which less is known than an eighth of the middle never may.
_FEW, _MOST_KNOWN = 0.005, 0.5


@dataclass(frozen=True)
class ExportData:
    """What a bundle is made with beside the model: training reviews, for scales and gate, and validation reviews."""

    train: LabelledReviews
    validation: LabelledReviews


@dataclass(frozen=True)
class Built:
    """The figures of a bundle's bundle.json, and why engines were left out of it, in a clause each."""

    figures: dict[str, float]
    left_out: dict[EngineName, str]


def build_bundle(
    fitted: Fitted,
    data: ExportData,
    config: ExportConfig,
    destination: Path,
    provenance: dict[str, str],
    decision: Decision,
) -> Built:
    """Write the bundle of a trained model to the folder `destination`, and return what is to be said of it.

    A review is positive from the probability `decision.threshold` on, after the logits were divided by
    `decision.temperature`. Raises ContractError, and leaves whatever was at `destination`, when the exported model does
    not decide as the trained one.
    """
    with assembled(destination) as folder:
        (folder / TOKENIZER).write_text(fitted.tokenizer_json, encoding="utf-8")
        models = write_models(fitted, folder, _first(data.train, config.calibration_reviews), config.engines)
        parity = check_parity(fitted, folder, data.validation, config, decision, models.engines)
        remove_unread(folder, parity.engines)
        speeds = fastest_first(folder, parity.engines, fitted.tokenizer, data.validation)
        description = Bundle(
            family=fitted.family,
            max_length=fitted.max_length,
            head_share=fitted.head_share,
            temperature=decision.temperature,
            thresholds=Thresholds(positive=decision.threshold),
            engines=tuple(speeds),
            provenance=provenance,
            known_share=_known_share(fitted, _first(data.validation, config.cascade_validation)),
        )
        rule, gate_figures = _gate(fitted, data, config, folder, description)
        metrics = {
            **parity.figures,
            **_sizes(folder),
            **{f"engine_reviews_per_second_{name}": speed for name, speed in speeds.items()},
            **gate_figures,
            "known_share": description.known_share,
        }
        seal(folder, description.model_copy(update={"gate": rule, "metrics": metrics}))
    return Built(metrics, models.left_out | parity.left_out)


def _gate(
    fitted: Fitted, data: ExportData, config: ExportConfig, folder: Path, bundle: Bundle
) -> tuple[GateRule | None, dict[str, float]]:
    """Fit the gate and its rule, and leave it in the folder where it is of use."""
    if not config.cascade or fitted.family == "linear":
        return None, {}
    tokenizer = fitted.tokenizer
    train, validation = _first(data.train, config.cascade_reviews), _first(data.validation, config.cascade_validation)
    gate = fit_gate(tokenizer.whole(train.titles, train.texts), train.labels, seed=0)
    ids = tokenizer.whole(validation.titles, validation.texts)
    network = log_odds(infer(open_engine(folder, bundle.engines[0], 2), tokenizer, ids)) / bundle.temperature
    judged = BothOdds(network, gate.log_odds(ids), validation.labels, bundle.thresholds.positive)
    rule, figures = fit_rule(judged, bundle.temperature)
    if rule:
        gate.save(folder)
    return rule, figures


def _known_share(fitted: Fitted, validation: LabelledReviews) -> float:
    """Return the share of known pieces that all but few validation reviews reach; below it no answer is sure."""
    tokenizer = fitted.tokenizer
    shares = tokenizer.knowledge.shares(tokenizer.whole(validation.titles, validation.texts))
    few, middle = np.quantile(shares, (_FEW, 0.5), method="lower")
    return float(np.clip(few, max(0.0, middle / 8), _MOST_KNOWN))


def _first(reviews: LabelledReviews, count: int) -> LabelledReviews:
    return reviews.take(np.arange(min(count, len(reviews))))


def _sizes(folder: Path) -> dict[str, float]:
    models = {"fp32_megabytes": folder / FP32_MODEL, "int8_megabytes": folder / INT8_MODEL}
    return {name: model.stat().st_size / 1e6 for name, model in models.items() if model.exists()}
