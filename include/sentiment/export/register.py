"""From a training run to a registered version: fetch the model, build its bundle, measure what will run, register."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import read_split, snapshot_folder
from sentiment.engine.bundle import add_figures
from sentiment.engine.scorer import BY_GATE, Answers, Scorer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.behaviour.suite import BEHAVIOUR, run_behaviour
from sentiment.evaluation.errors import ConfidenceRow, confidence_histogram
from sentiment.evaluation.metrics import evaluate, review_figures
from sentiment.evaluation.predictions import OF_BUNDLE, write_predictions
from sentiment.export.build import Built, ExportData, build_bundle
from sentiment.export.config import ExportConfig
from sentiment.export.results import ConfidenceBand, ExportResult
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.pages import DESCRIPTION
from sentiment.stores.registry.versions import Registry
from sentiment.training.fitted import Fitted
from sentiment.training.warm_start import lineage, snapshots_of

_JUDGED = ("accuracy", "macro_f1", "false_negative_rate_negatives", "log_loss", "ece")
# What bundle.json is told of the test reviews, beside what it says of validation.
_OF_TEST = {
    *("accuracy", "macro_f1", "ece", "test_review_share", "test_unreviewed_error", "test_gate_share"),
    *("test_confident_reviews", "test_confident_error"),
}
# Enough for a ratio of costs: 2 s of a small encoder on one thread. Noise only slows, so the faster pass counts.
_TIMED_REVIEWS, _PASSES = 200, 2


def export_and_register(config: ExportConfig, registry: Registry, context: Context) -> ExportResult:
    """Export a run's model, check its parity on validation reviews, measure the bundle on the test, register it.

    The figures of promotion are those of the bundle that scoring will run, not those of the model in torch; its
    predictions and its behaviour are kept with the version.
    """
    run = registry.trained(config.run_id)
    run.require(("snapshot", "family", "test_reviews"), ("temperature",))
    before = tuple(sorted(known.version for known in registry.versions() if known.run_id == run.run_id))
    folder = snapshot_folder(Lake(context.settings.lake_root), run.params["snapshot"])
    with TemporaryDirectory() as scratch:
        fitted = Fitted.load(registry.download(run.run_id, "model", Path(scratch)))
        bundle, evidence = Path(scratch) / "bundle", Path(scratch) / "evidence"
        context.progress("exporting, quantising, checking parity and fitting the cascade")
        decision = decision_of(run)
        origin = _origin(run) | context.provenance
        data = replace(_read(folder, config), others=_of_others(run, registry, config, context.settings))
        built = build_bundle(fitted, data, config, bundle, origin, decision)
        context.progress("measuring the bundle on the test reviews")
        test = read_split(folder, "test", int(run.params["test_reviews"]))
        measured, bands = _measured(bundle, test, evidence)
        add_figures(bundle, {f"test_{name.removeprefix('test_')}": measured[name] for name in _OF_TEST & {*measured}})
        figures = {f"bundle_{name}": value for name, value in {**built.figures, **measured}.items()}
        found = _result(run, built, measured, bands)
        described = "\n\n".join(found.said_of_bundle())
        version = registry.register(bundle, evidence, run.run_id, _tags(run, found, measured), figures, described)
    made = found.model_copy(update={"version": version} | ({"exported_before": before} if before else {}))
    # The run's own description speaks of the network alone.
    said = [run.tags.get(DESCRIPTION, ""), " ".join(made.sentences())]
    registry.handle(run.run_id).describe("\n\n".join(filter(None, said)))
    return made


def measure_speed(bundle: Path, reviews: LabelledReviews) -> float:
    """Return reviews a second of a bundle on one thread, tokenising counted, on at most 200 of the reviews."""
    scorer = Scorer.load(bundle, threads=1)
    sample = reviews.take(np.arange(min(_TIMED_REVIEWS, len(reviews))))
    scorer.probabilities(sample.titles[:8], sample.texts[:8])

    def seconds() -> float:
        started = time.perf_counter()
        scorer.probabilities(sample.titles, sample.texts)
        return time.perf_counter() - started

    return len(sample) / min(seconds() for _ in range(_PASSES))


def _measured(
    bundle: Path, test: LabelledReviews, evidence: Path
) -> tuple[dict[str, float], tuple[ConfidenceBand, ...]]:
    """Measure a bundle on test reviews and leave its predictions and its behaviour in the folder `evidence`."""
    scorer = Scorer.load(bundle, threads=2)
    answers = scorer.answer(test.titles, test.texts)
    probability = answers.positive_probability
    write_predictions(evidence / OF_BUNDLE, test.keys, test.labels, probability)
    behaviour = run_behaviour(scorer.probabilities, scorer.thresholds.positive)
    (evidence / BEHAVIOUR).write_text(json.dumps(behaviour, indent=1), encoding="utf-8")
    figures = evaluate(test.labels, probability, scorer.thresholds.positive)
    measured = {name: figures[name] for name in _JUDGED} | {"reviews_per_second": measure_speed(bundle, test)}
    measured |= {"threshold": scorer.thresholds.positive, "review_below": scorer.thresholds.needs_review}
    wrong = (probability >= scorer.thresholds.positive) != (test.labels == 1)
    reviewed = review_figures(scorer.decide(answers).needs_review, wrong)
    rows = confidence_histogram(test.labels, probability, scorer.thresholds.positive)
    measured |= {f"test_{name}": value for name, value in (reviewed | _of_surest(rows[-1])).items()}
    if scorer.bundle.gate:
        measured |= _of_gate(scorer, answers, test)
    return measured, tuple(ConfidenceBand(**row) for row in rows)


def _of_surest(row: ConfidenceRow) -> dict[str, float]:
    reviews = row["reviews"]
    return {"confident_reviews": float(reviews), "confident_error": row["errors"] / reviews if reviews else 0.0}


def _of_gate(scorer: Scorer, answers: Answers, test: LabelledReviews) -> dict[str, float]:
    """Return the share of the test reviews that the gate answers, and its accuracy on those, if there are any."""
    gated = answers.decided_by == BY_GATE
    right = (answers.positive_probability >= scorer.thresholds.positive) == (test.labels == 1)
    share = {"test_gate_share": float(gated.mean())}
    return share | ({"test_gate_accuracy": float(right[gated].mean())} if gated.any() else {})


def _read(folder: str, config: ExportConfig) -> ExportData:
    """Read as many reviews as parity, calibration, languages, gate and what needs a person are fitted on."""
    of_gate = config.cascade_reviews if config.cascade else 0
    return ExportData(
        read_split(folder, "train", max(config.calibration_reviews, config.cascade_validation, of_gate)),
        read_split(folder, "validation", max(config.parity_reviews, config.cascade_validation)),
    )


def _of_others(
    run: TrainedRun, registry: Registry, config: ExportConfig, settings: Settings
) -> tuple[tuple[float, LabelledReviews], ...]:
    """Return samples of the other snapshots that a run, and those that it started from, learnt from.

    Each comes with how many of its reviews there were to one of the run's own snapshot. What is gone is passed over.
    """
    lake, learnt = Lake(settings.lake_root), dict[str, tuple[float, float]]()
    with suppress(ContractError):
        for trained in lineage(run.run_id, registry):
            own, *mixed = snapshots_of(trained)
            learnt = {own: (1.0, 0.0), **dict.fromkeys(mixed, _share_of_each(trained, len(mixed)))} | learnt
    found = []
    for name in learnt.keys() - {run.params["snapshot"]}:
        with suppress(ContractError):
            sample, (weight, beside) = _sample(lake, name, config), learnt[name]
            if beside and len(sample) < config.cascade_validation:  # that is all that it holds
                weight = min(weight, len(sample) / beside)
            found.append((weight, sample))
    return tuple(found)


def _share_of_each(trained: TrainedRun, mixed: int) -> tuple[float, float]:
    """Return how many reviews of each of so many mixed snapshots there were to one of a run's own, and its own ones.

    Of a run that does not say how many there were, it is what was asked for, and 0.
    """
    taken, own = (trained.metrics.get(name, 0.0) for name in ("mixed_reviews", "train_reviews_used"))
    share = taken / own if taken and own else float(trained.params.get("mixed_share", 0))
    return share / max(1, mixed), own


def _sample(lake: Lake, snapshot: str, config: ExportConfig) -> LabelledReviews:
    return read_split(snapshot_folder(lake, snapshot), "train", config.cascade_validation)


def _result(
    run: TrainedRun, built: Built, measured: dict[str, float], bands: tuple[ConfidenceBand, ...]
) -> ExportResult:
    """Return what came of an export, before it has a version."""
    return ExportResult(
        version=0,
        run_id=run.run_id,
        family=run.params["family"],
        **{name: round(value, 6) for name, value in measured.items()},
        **_network_alone(run, built.figures),
        bundle={name: round(value, 6) for name, value in built.figures.items()},
        confidence=bands,
        languages=built.languages,
        **({"left_out": built.left_out} if built.left_out else {}),
    )


def _network_alone(run: TrainedRun, built: dict[str, float]) -> dict[str, float]:
    """Return what stands beside the figures of a gate and its network: the network's own, and what each learnt from."""
    if "gate_reviews" not in built:
        return {}
    own = {"train_reviews": "train_reviews_used", "accuracy": "test_accuracy", "macro_f1": "test_macro_f1"}
    found = {f"network_{name}": run.metrics[metric] for name, metric in own.items() if metric in run.metrics}
    return found | {"gate_reviews": built["gate_reviews"]}


def decision_of(run: TrainedRun) -> Decision:
    """Return how the network alone decides; a run of before has no bias."""
    figures = {name: run.metrics[name] for name in ("temperature", "threshold", "bias") if name in run.metrics}
    return Decision(**{"threshold": 0.5, **figures}, tuned=run.params.get("tune_threshold") == "True")


def _origin(run: TrainedRun) -> dict[str, str]:
    # A network that learnt its words from nothing names no encoder.
    named = ["snapshot", *(name for name in ("encoder", "train_reviews") if name in run.params)]
    origin = {"run_id": run.run_id, **{name: run.params[name] for name in named}}
    # A folder's place on this machine is nobody's business where the bundle goes.
    folder = Path(origin.get("encoder", ""))
    return origin | {"encoder": folder.name} if folder.is_absolute() else origin


def _tags(run: TrainedRun, result: ExportResult, measured: dict[str, float]) -> dict[str, str]:
    """Return what a version is judged and shown by; what decides stands there whole, figures with six digits."""
    figures = {name: value for name, value in result if isinstance(value, int | float) and name != "version"}
    return {
        "family": run.params["family"],
        "snapshot": run.params["snapshot"],
        "test_reviews": run.params["test_reviews"],
        **{name: str(value) if isinstance(value, int) else f"{value:.6f}" for name, value in figures.items()},
        **{name: str(measured[name]) for name in ("threshold", "review_below")},
        "validation_macro_f1": f"{result.bundle['validation_macro_f1']:.6f}",
    }
