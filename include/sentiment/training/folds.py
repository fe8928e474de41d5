"""Stratified k-fold cross-validation of a training configuration, by product, on a sample of its reviews."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS
from sentiment.core.settings import Settings
from sentiment.core.wording import counted
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import evaluate
from sentiment.stores import files as storage
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.job import OnLog
from sentiment.training.results import OverFolds
from sentiment.training.unfinished import FIGURES

# Reviews, seconds, what the fold decided by, and the figures of `evaluate`, by their names.
FoldFigures = dict[str, float]
# On one of so many parts outside a fold checkpoint, calibration and threshold are chosen: the fold decides nothing.
_VALIDATION_PARTS = 10


@dataclass(frozen=True)
class _Sample:
    """Reviews, and of each the product; what holds one review of a product out holds all of them out."""

    reviews: LabelledReviews
    products: np.ndarray

    def __len__(self) -> int:
        return len(self.reviews)

    def take(self, rows: np.ndarray) -> _Sample:
        """Return the reviews at the given row numbers, in their order."""
        return _Sample(self.reviews.take(rows), self.products[rows])

    def parts(self, count: int, seed: int, least: int) -> list[tuple[_Sample, _Sample]]:
        """Return `count` pairs of the rest and what is held out: all reviews of some products, labels shared evenly.

        Pairs of which a side has no review of a label are left out; ContractError when fewer than `least` remain.
        """
        from sklearn.model_selection import StratifiedGroupKFold

        labels, products = self.reviews.labels, len(set(self.products))
        # Of one product, or of reviews of which no label has two, nothing can be held out, and sklearn raises.
        most = min(count, products, int(np.bincount(labels).max()))
        folds = StratifiedGroupKFold(max(2, most), shuffle=True, random_state=seed)
        found = [
            sides
            for sides in (folds.split(np.zeros(len(self)), labels, self.products) if most > 1 else ())
            if all(np.bincount(labels[rows], minlength=len(LABELS)).all() for rows in sides)
        ]
        if len(found) < least:
            raise ContractError(
                f"{counted(products, 'product')} cannot be shared out to {count} parts with reviews of each label; "
                "raise fold_reviews, or lower folds"
            )
        return [(self.take(rest), self.take(held_out)) for rest, held_out in found]


def cross_validate(
    config: TrainConfig,
    reviews: LabelledReviews,
    products: Sequence[str],
    workdir: Path,
    settings: Settings,
    on_log: OnLog | None = None,
) -> list[FoldFigures]:
    """Train once without each of `config.folds` folds of the first `config.fold_reviews` reviews, and measure on it.

    No product, of which `products` names one a review, has reviews on both sides. Returns a row of figures a fold.
    `on_log` gets the training's records with `fold` in them. A finished fold leaves its row in `workdir`, an unfinished
    one its checkpoints, so that a second call goes on where the first one ended. Raises ContractError when there are
    too few products or reviews of a class, or when `workdir` belongs to another training.
    """
    from sentiment.training.checkpoints import claim

    sample = _Sample(reviews, np.array(products, object)).take(np.arange(min(len(reviews), config.fold_reviews)))
    _require_enough(config, sample)
    claim(workdir, config, sample.reviews, sample.reviews)
    rows = []
    # All before the first is trained: what cannot be shared out is refused at once.
    parts = [
        (rest.parts(_VALIDATION_PARTS, config.seed, 1)[0], held_out)
        for rest, held_out in sample.parts(config.folds, config.seed, config.folds)
    ]
    for fold, (sides, held_out) in enumerate(parts, start=1):
        folder = workdir / f"fold-{fold}"
        done = storage.read_bytes(str(folder / FIGURES))
        if done is None:
            train = partial(fit, workdir=folder / "training", settings=settings, on_log=_with_fold(fold, on_log))
            rows.append(_measure(config, sides, held_out.reviews, train))
            storage.write_bytes(str(folder / FIGURES), json.dumps(rows[-1]).encode())
            shutil.rmtree(folder / "training", ignore_errors=True)
        else:
            rows.append(json.loads(done))
    return [{"fold": fold, **row} for fold, row in enumerate(rows, start=1)]


def over_folds(rows: Sequence[FoldFigures]) -> OverFolds:
    """Return of a cross-validation what the result of the training says."""
    found = summary(rows)
    names = ("accuracy", "macro_f1", "recall_negative")
    means = {name: round(found[f"{name}_mean"], 4) for name in names}
    deviations = {f"{name}_std": round(found[f"{name}_std"], 4) for name in names}
    reviews = sum(int(row["test_reviews"]) for row in rows)
    return OverFolds(folds=len(rows), reviews=reviews, **means, **deviations)


def summary(rows: Sequence[FoldFigures]) -> dict[str, float]:
    """Return `NAME_mean` and `NAME_std` of every figure over the folds; the deviation is the sample's (k - 1)."""
    figures = {name: [row[name] for row in rows] for name in rows[0] if name != "fold"}
    means = {f"{name}_mean": float(np.mean(values)) for name, values in figures.items()}
    return means | {f"{name}_std": float(np.std(values, ddof=1)) for name, values in figures.items()}


def _require_enough(config: TrainConfig, sample: _Sample) -> None:
    if config.folds < 2:
        raise ContractError(
            f"a cross-validation needs 2 folds or more, not {config.folds}; set folds, to 5 for example"
        )
    counts = np.bincount(sample.reviews.labels, minlength=len(LABELS))
    if counts.min() < 2 * config.folds:
        found = ", ".join(f"{count} {name}" for name, count in zip(LABELS, counts, strict=True))
        raise ContractError(
            f"{config.folds} folds need {2 * config.folds} reviews of each label, and the sample has {found}; "
            "raise fold_reviews, or lower folds"
        )
    products = len(set(sample.products))
    if products < config.folds:
        raise ContractError(
            f"{config.folds} folds need as many products, and the sample is of {products}; raise fold_reviews, or "
            "lower folds"
        )


def _measure(
    config: TrainConfig, sides: tuple[_Sample, _Sample], held_out: LabelledReviews, train: Callable[..., Fitted]
) -> FoldFigures:
    """Train on one side of what a fold leaves, choose on the other, and measure on the fold."""
    started = time.monotonic()
    training, validation = sides
    chosen_on = validation.reviews
    fitted = train(config, training.reviews, chosen_on)
    validated = predict_logits(fitted, chosen_on, config.precision)
    decision = Decision.fitted(validated, chosen_on.labels, config.tune_threshold, config.weighted)
    probability = decision.calibration.probability(predict_logits(fitted, held_out, config.precision))
    return {
        "train_reviews": len(training),
        "test_reviews": len(held_out),
        "seconds": time.monotonic() - started,
        **decision.figures(),
        **evaluate(held_out.labels, probability, decision.threshold),
    }


def _with_fold(fold: int, on_log: OnLog | None) -> OnLog | None:
    return (lambda record: on_log({**record, "fold": fold})) if on_log else None
