"""Trains one candidate under MLflow's eyes: snapshot in, run with model, figures, tables and report out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.core.context import Context
from sentiment.core.labelled import LabelledReviews
from sentiment.core.locks import alone
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.datasets.manifest import SPLITS, require_manifest
from sentiment.datasets.snapshot import read_split, read_with_products, snapshot_folder, used_reviews
from sentiment.evaluation.assessment import Assessment, Decision, assess
from sentiment.evaluation.metrics import evaluate
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.handle import RunHandle
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.optimisation import Precision
from sentiment.training.config.train import TrainConfig
from sentiment.training.costs import costs
from sentiment.training.dossier import (
    REPORT,
    Training,
    description,
    known_by_heart,
    no_better_than_chance,
    result,
    scarce,
    too_few,
    write_dossier,
)
from sentiment.training.fit import fit, trained_on
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.folds import FoldFigures, cross_validate, summary
from sentiment.training.job import OnLog, Record
from sentiment.training.mixing import Mixed, drawn, said_of_mixed, with_mixed
from sentiment.training.results import TrainResult
from sentiment.training.selection import said_of_selection, training_sample
from sentiment.training.settings import effective_settings, remarks, run_name
from sentiment.training.teaching.lessons import counts, lessons, said_of
from sentiment.training.unfinished import Clock, at_work, folder_of, interrupted, under_way
from sentiment.training.warm_start import said_of_start

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

# What of a training's records is drawn over its steps; the validations' other figures stand, of the checkpoint that was
# chosen and calibrated, as `validation_...`.
_CURVES = ("loss", "learning_rate", "grad_norm", "epoch", "eval_loss", "eval_accuracy", "eval_macro_f1")


@dataclass(frozen=True)
class _Splits:
    """The reviews of a training; validation chooses checkpoint and decision, the test is the same for every candidate.

    Train and validation are samples of the snapshot's; `mixed` are of other snapshots, to learn from. `tested` are the
    products of the test reviews.
    """

    train: LabelledReviews
    validation: LabelledReviews
    test: LabelledReviews
    tested: list[str]
    mixed: tuple[Mixed, ...]

    @classmethod
    def read(cls, config: TrainConfig, folder: str, context: Context) -> _Splits:
        train = training_sample(config, folder, context)
        return cls(
            train,
            read_split(folder, "validation", config.evaluation_reviews),
            *read_with_products(folder, "test", config.test_reviews),
            drawn(config, len(train), context),
        )

    def by_name(self) -> dict[str, LabelledReviews]:
        return {name: getattr(self, name) for name in SPLITS}

    def judges(self) -> dict[str, np.ndarray]:
        """Return the labels of the reviews by which a training is judged."""
        return {"validation": self.validation.labels, "test": self.test.labels}

    def sizes(self) -> dict[str, int]:
        return {name: len(reviews) for name, reviews in self.by_name().items()}


def train_candidate(config: TrainConfig, context: Context, resumed: str = "") -> TrainResult:
    """Train on the snapshot that `config` names and return run and figures on the test reviews.

    A retry goes on with the run and the last checkpoint; so does, in a shell, the same training after one that was
    interrupted, and one with the run `resumed`. Raises ConcurrentWriteError when that is under way in another process.
    """
    registry = Registry(context.settings)
    if resumed or "dag" in context.provenance:  # Airflow's tries know their run
        return _trained(config, registry, context, resumed)
    with _alone(config, context.settings) as begun:
        return _trained(config, registry, context, begun if begun and registry.has(begun) else "")


def _trained(config: TrainConfig, registry: Registry, context: Context, resumed: str) -> TrainResult:
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    splits = _Splits.read(config, folder, context)
    learnt_from = with_mixed(lessons(config, splits.train, context), splits.mixed)
    note = _note(config, folder, splits, learnt_from, said_of_start(config, context))
    counting = effective_settings(config, trained_on(config, learnt_from))
    context.progress(f"training {run_name(config)} on {len(splits.train):,} reviews{note and '; '}{note}")
    tags = {"family": config.family, "snapshot": config.snapshot}
    # The folder outlives the run: its checkpoints go when MLflow has heard that all is done.
    with ExitStack() as kept, registry.run(run_name(config), counting, tags, context, resumed) as run:
        workdir = kept.enter_context(at_work(folder_of(context.settings, run.run_id), config, context))
        _log_reviews(run, config, folder, splits, learnt_from)
        folds = _cross_validated(run, config, folder, workdir / "folds", context)
        clock = Clock(workdir)
        on_log = _log_to(run, context.progress, config.epochs, clock)
        with registry.system_metrics(run.run_id):
            fitted = fit(config, learnt_from, splits.validation, workdir, context.settings, on_log)
        training = Training(
            run_id=run.run_id,
            name=run_name(config),
            config=config,
            fitted=fitted,
            reviews=splits.sizes(),
            seconds=clock.seconds(),
            settings=counting,
            note=note,
            folds=folds,
        )
        context.progress(f"evaluating on {len(splits.test):,} test reviews")
        judged = _judged(training, splits, registry, workdir / "dossier")
    pages = {"report": registry.artifact_address(training.run_id, REPORT), "experiment": registry.runs_address()}
    return judged.model_copy(update={name: address for name, address in pages.items() if address})


def _log_reviews(
    run: RunHandle, config: TrainConfig, folder: str, splits: _Splits, learnt_from: LabelledReviews
) -> None:
    manifest, mixed = require_manifest(folder), [other.reviews for other in splits.mixed]
    run.log_reviews([*used_reviews(folder, manifest, splits.by_name()), *(other.used for other in splits.mixed)])
    run.log_metrics(counts(config, learnt_from) | ({"mixed_reviews": sum(map(len, mixed))} if mixed else {}))
    run.log_json(manifest.as_json(), "snapshot.json")


def _note(config: TrainConfig, folder: str, splits: _Splits, learnt_from: LabelledReviews, started: str) -> str:
    """Say what of the training is not as it was asked for, or as one would think."""
    few = [started, too_few(config, splits.sizes()), scarce(splits.judges()), said_of_selection(config, folder)]
    beside = [said_of(config, learnt_from), said_of_mixed(splits.mixed), known_by_heart(splits.train, splits.test)]
    said = [*few, *beside, *remarks(config, trained_on(config, learnt_from))]
    return "; ".join(filter(None, said))


@contextmanager
def _alone(config: TrainConfig, settings: Settings) -> Iterator[str]:
    """Train so alone in a shell, from before there is a run; gives what `interrupted` returns.

    Raises UnderWayError when another process does.
    """
    interrupted(config, settings)  # which names the run, where there is one
    asked = sha256(config.model_dump_json().encode()).hexdigest()[:16]
    with alone(settings.home / "training" / f"{asked}.lock", under_way()):
        yield interrupted(config, settings)


def _judged(training: Training, splits: _Splits, registry: Registry, dossier: Path) -> TrainResult:
    """Measure a trained model, leave everything that is said of it in its run, and return the verb's result."""
    assessment, figures, warning = _assessed(training.fitted, training.config, splits)
    run = registry.handle(training.run_id)
    run.log_metrics({**figures, **costs(training)})
    if warning:
        log.warning("%s", warning)
    run.log_folder(write_dossier(dossier, training, assessment, splits.test, warning))
    trained = result(training, assessment, warning)
    run.describe(description(trained, registry.artifact_page(training.run_id, REPORT)))
    return trained


def _cross_validated(
    run: RunHandle, config: TrainConfig, snapshot: str, workdir: Path, context: Context
) -> list[FoldFigures]:
    """Return every fold's row, logged as a table, with mean and deviation over the folds as metrics.

    The reviews follow from their number and the seed alone, so that candidates of other sizes, of `fold_reviews` and
    more, share their folds.
    """
    if not config.folds:
        return []
    count = min(config.fold_reviews, config.train_reviews)
    train, products = read_with_products(snapshot, "train", count, config.seed)

    def on_log(record: Record) -> None:
        of_fold = min(record.get("epoch", config.epochs) / config.epochs, 1)
        context.progress("cross-validating, per cent", round(100 * (record["fold"] - 1 + of_fold) / config.folds), 100)

    context.progress(f"cross-validating, {config.folds} folds")
    apart = require_manifest(snapshot).apart(train.keys, products)
    rows = cross_validate(config, train, apart, workdir, context.settings, on_log)
    shown = summary(rows)
    run.log_metrics({f"folds_{name}": shown[name] for name in shown if "accuracy" in name or "macro_f1" in name})
    run.log_json({"folds": rows, "summary": shown}, "cross_validation.json")
    return rows


def _assessed(fitted: Fitted, config: TrainConfig, splits: _Splits) -> tuple[Assessment, dict[str, float], str]:
    """Return the assessment, the figures that become metrics of the run, and a warning or nothing."""
    validation = predict_logits(fitted, splits.validation, config.precision)
    decision = Decision.fitted(validation, splits.validation.labels, config.tune_threshold, config.weighted)

    def predict(titles: list[str], texts: list[str]) -> np.ndarray:
        return decision.calibration.probability(_logits(fitted, titles, texts, config.precision))

    of_test = predict_logits(fitted, splits.test, config.precision)
    assessment = assess(decision, of_test, splits.test, splits.tested, predict)
    chosen_on = decision.calibration.probability(validation)
    figures = decision.figures()
    for name, value in evaluate(splits.validation.labels, chosen_on, decision.threshold).items():
        figures[f"validation_{name}"] = value
    figures |= {f"test_{name}": value for name, value in assessment.figures.items()}
    probabilities = {"validation": chosen_on, "test": assessment.probability}
    called = {split: probability >= decision.threshold for split, probability in probabilities.items()}
    labels = {"validation": splits.validation.labels, "test": splits.test.labels}
    return assessment, figures, no_better_than_chance(config, called, labels, assessment)


def _logits(fitted: Fitted, titles: list[str], texts: list[str], precision: Precision) -> np.ndarray:
    import numpy as np

    nobody_knows = np.zeros(len(texts), np.int64)
    return predict_logits(fitted, LabelledReviews.of([""] * len(texts), titles, texts, nobody_knows), precision)


def _log_to(run: RunHandle, on_progress: OnProgress, epochs: float, clock: Clock) -> OnLog:
    def on_log(record: Record) -> None:
        clock.note()
        step, epoch = int(record.get("step", 0)), float(record.get("epoch", 0.0))
        run.log_metrics({name: record[name] for name in _CURVES if name in record}, step)
        if "epoch" in record:  # the linear family has none: it is solved at once
            on_progress("training, per cent", round(100 * min(epoch / epochs, 1)), 100)

    return on_log
