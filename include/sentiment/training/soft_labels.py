"""Makes soft labels: as many models as folds, each trained without the products that it then labels.

What is done lies under HOME/soft-labels/RUN, a part a fold, so that the same question goes on where it was interrupted,
or is answered at once.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from pydantic import ValidationError

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS, UNLABELLED
from sentiment.datasets.folds import fold_of
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import read_split, read_with_products, snapshot_folder
from sentiment.datasets.unlabelled import obtain_unlabelled, read_unlabelled
from sentiment.engine.calibration import log_odds, logistic
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import evaluate
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.mixing import MixingOptions
from sentiment.training.config.optimisation import Precision
from sentiment.training.config.selection import SelectionOptions
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.job import OnLog, Record
from sentiment.training.models.encoders import require_at_hand
from sentiment.training.results import SoftLabelsResult
from sentiment.training.teaching.kept import Kept, at_work, folds, take_over
from sentiment.training.teaching.table import TABLE, as_table, folder_of, write_table

# What of a run's settings is not the teacher's: this machine says the number format, and we say folds and reviews.
_OF_THE_RUN_ALONE = {"precision", "folds", "fold_reviews", "preset", "teacher"}
_OF_THE_RUN_ALONE |= {*SelectionOptions.model_fields, *MixingOptions.model_fields}
# So many reviews are labelled between two words about it.
_LABELLED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Material:
    """The reviews to label, with the fold [n] of each, from 1; and those on which each model's checkpoint is chosen.

    The first `trained_on` reviews are those that models are trained on, each without its fold; so are, where stars are
    learnt, the first `starred` of those without a label.
    """

    reviews: LabelledReviews
    folds: np.ndarray
    validation: LabelledReviews
    trained_on: int
    starred: int

    @property
    def labelled(self) -> np.ndarray:
        """Whether each review has a label, and can be trained on."""
        found: np.ndarray = self.reviews.labels != UNLABELLED
        return found

    def lessons_without(self, fold: int) -> LabelledReviews:
        """Return what the model of a fold is trained on."""
        labelled = self.labelled & (np.arange(len(self.reviews)) < self.trained_on)
        starred = ~self.labelled & (np.cumsum(~self.labelled) <= self.starred)
        return self.reviews.take(np.flatnonzero((self.folds != fold) & (labelled | starred)))

    def require_lessons(self) -> None:
        """Raise ContractError where what is outside a fold cannot teach a model to label it."""
        for fold in sorted({*self.folds.tolist()}):
            if len({*self.lessons_without(fold).labels.tolist()} - {UNLABELLED}) < len(LABELS):
                raise ContractError(
                    f"fold {fold} of the products leaves no training reviews of both labels; name fewer folds or more "
                    "train_reviews, or take a run on a snapshot with split random"
                )

    def sizes(self) -> dict[str, int]:
        """Return how many reviews are labelled that have stars for a label, and how many that have none."""
        return {"train_reviews": int(self.labelled.sum()), "unlabelled_reviews": int((~self.labelled).sum())}


def make_soft_labels(config: SoftLabelsConfig, context: Context, begun: Kept | None = None) -> SoftLabelsResult:
    """Train a model a fold with the settings of the run that `config` names, and write what each says of its fold.

    `begun` is what an interrupted making has kept, in whose run this one goes on. Raises ContractError when the run is
    no training, or there is too little to train a model without a fold.
    """
    registry = Registry(context.settings)
    training = teacher_of(registry.trained(config.model), config)
    require_at_hand(training, context.settings)
    material = read_material(training, config, context)
    name, tags = f"soft-labels-{training.family}", {"family": training.family, "snapshot": training.snapshot}
    resumed = begun.run_id if begun and registry.has(begun.run_id) else ""
    with registry.run(name, config.model_dump(exclude_none=True), tags, context, resumed) as run:
        run.log_metrics(material.sizes())
        folder = folder_of(context.settings, run.run_id)
        with at_work(folder), registry.system_metrics(run.run_id):
            if begun and not resumed:  # its run was removed from MLflow, and what it had made is as good
                take_over(folder_of(context.settings, begun.run_id), folder)
            kept = Kept(run_id=run.run_id, config=config, seconds=begun.seconds if begun else 0.0)
            table, seconds = _all_parts(training, material, kept, folder, context)
            write_table(folder / TABLE, table)
            figures = _out_of_fold(material, table)
            result = _result(training, material, kept, folder, figures | {"seconds": seconds})
            run.log_file(folder / TABLE)
            run.log_metrics({f"out_of_fold_{name}": value for name, value in figures.items()} | {"seconds": seconds})
            run.describe("\n\n".join(result.sentences()))
            kept.model_copy(update={"seconds": seconds, "result": result}).write(folder)
            for part in folds(folder):
                part.unlink()
    return result


def teacher_of(run: TrainedRun, config: SoftLabelsConfig) -> TrainConfig:
    """Return the training of a fold's model: the run's settings, in the number format of the machine that makes it.

    Raises ContractError for a run that is no training, that was itself taught, or is of another version.
    """
    run.require(("family", "snapshot"))
    if run.params.get("teacher"):
        raise ContractError(
            f"run {run.run_id} was taught itself, by a teacher that knows the labels of every fold; take a run that "
            "learnt from the stars alone"
        )
    if run.params.get("warm_start"):
        raise ContractError(
            f"run {run.run_id} started from a model that has learnt from the reviews of every fold; take a run that "
            "started from the pretrained encoder"
        )
    given = {name: value for name, value in run.params.items() if name in TrainConfig.model_fields}
    given = {name: value for name, value in given.items() if name not in _OF_THE_RUN_ALONE}
    if config.train_reviews:
        given["train_reviews"] = str(config.train_reviews)
    try:
        return TrainConfig.model_validate(given)
    except ValidationError as error:
        raise ContractError(
            f"run {run.run_id} has settings that are none of this version: {error.errors()[0]['msg']}; train it anew, "
            "and take the new run"
        ) from error


def read_material(training: TrainConfig, config: SoftLabelsConfig, context: Context) -> Material:
    """Read the snapshot's training reviews, as many as the teacher's training takes, and those without a label."""
    folder = snapshot_folder(Lake(context.settings.lake_root), training.snapshot)
    manifest = require_manifest(folder)
    available, starred = manifest.splits["train"].reviews, 0
    count = max(training.train_reviews, config.labelled_reviews or 0)
    train, products = read_with_products(folder, "train", count, training.seed)
    if config.unlabelled_reviews != 0:
        found = obtain_unlabelled(folder, context)
        limit = config.unlabelled_reviews or round(found.reviews * len(train) / available)
        unlabelled, of_these = read_unlabelled(folder, found, limit, training.seed)
        if training.star_weight and manifest.dataset == "lake":  # in proportion, as a training takes them
            starred = round(found.reviews * min(training.train_reviews, len(train)) / available)
        train, products = train.and_then(unlabelled), products + of_these
    fold = np.array([fold_of(held_out, config.folds) for held_out in manifest.apart(train.keys, products)])
    validation = read_split(folder, "validation", training.evaluation_reviews)
    material = Material(train, fold, validation, training.train_reviews, starred)
    material.require_lessons()
    return material


def _all_parts(
    training: TrainConfig, material: Material, kept: Kept, folder: Path, context: Context
) -> tuple[pa.Table, float]:
    """Return the table of all folds, and the seconds of all attempts; what is done already is read."""
    began, parts = time.monotonic() - kept.seconds, []
    kept.write(folder)
    for fold in sorted({*material.folds.tolist()}):
        part = folder / f"fold-{fold}.parquet"
        if not part.is_file():
            write_table(part, _labelled(training, material, kept.config, fold, folder / f"fold-{fold}", context))
            shutil.rmtree(folder / f"fold-{fold}", ignore_errors=True)
            kept.model_copy(update={"seconds": time.monotonic() - began}).write(folder)
        parts.append(parquet.read_table(part))
    return pa.concat_tables(parts), time.monotonic() - began


def _labelled(
    training: TrainConfig, material: Material, config: SoftLabelsConfig, fold: int, workdir: Path, context: Context
) -> pa.Table:
    """Train without a fold, and return what the model says of it: its log odds, calibrated on validation."""
    learnt_from, validation = material.lessons_without(fold), material.validation
    asked = material.reviews.take(np.flatnonzero(material.folds == fold))
    step = f"fold {fold} of {config.folds}"
    context.progress(f"{step}: training {training.family} on {len(learnt_from):,} reviews")
    on_log = _telling(f"{step}: training, per cent", training.epochs, context)
    fitted = fit(training, learnt_from, validation, workdir, context.settings, on_log)
    chosen_on = predict_logits(fitted, validation, training.precision)
    decision = Decision.fitted(chosen_on, validation.labels, False, training.weighted)
    odds = decision.calibration.scaled(_log_odds(fitted, asked, training.precision, f"{step}: labelling", context))
    return as_table(asked.keys, odds, config.model, fold)


def _log_odds(
    fitted: Fitted, reviews: LabelledReviews, precision: Precision, step: str, context: Context
) -> np.ndarray:
    odds = np.empty(len(reviews))
    for begin in range(0, len(reviews), _LABELLED_AT_ONCE):
        rows = np.arange(begin, min(begin + _LABELLED_AT_ONCE, len(reviews)))
        context.progress(step, begin, len(reviews))
        odds[rows] = log_odds(predict_logits(fitted, reviews.take(rows), precision))
    context.progress(step, len(reviews), len(reviews))
    return odds


def _telling(step: str, epochs: float, context: Context) -> OnLog:
    def on_log(record: Record) -> None:
        if "epoch" in record:
            context.progress(step, round(100 * min(record["epoch"] / epochs, 1)), 100)

    return on_log


def _result(
    training: TrainConfig, material: Material, kept: Kept, folder: Path, figures: dict[str, float]
) -> SoftLabelsResult:
    return SoftLabelsResult(
        run_id=kept.run_id,
        teacher=kept.config.model,
        family=training.family,
        snapshot=training.snapshot,
        table=str(folder / TABLE),
        folds=kept.config.folds,
        **material.sizes(),
        accuracy=round(figures["accuracy"], 4),
        macro_f1=round(figures["macro_f1"], 4),
        seconds=round(figures["seconds"], 1),
    )


def _out_of_fold(material: Material, table: pa.Table) -> dict[str, float]:
    """Return the figures of the soft labels against the labels, of the reviews that have both."""
    said = dict(zip(table["review_key"].to_pylist(), table["log_odds"].to_pylist(), strict=True))
    labelled = material.reviews.take(np.flatnonzero(material.labelled))
    return evaluate(labelled.labels, logistic(np.array([said[key] for key in labelled.keys])))
