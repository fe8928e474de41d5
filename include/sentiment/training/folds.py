"""Stratified k-fold cross-validation of a training configuration, on a sample of the reviews to train on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS
from sentiment.core.settings import Settings
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
# Of the reviews outside a fold; on them checkpoint, calibration and threshold are chosen: the fold decides nothing.
_VALIDATION_SHARE = 0.1


def cross_validate(
    config: TrainConfig, reviews: LabelledReviews, workdir: Path, settings: Settings, on_log: OnLog | None = None
) -> list[FoldFigures]:
    """Train once without each of `config.folds` folds of the first `config.fold_reviews` reviews, and measure on it.

    Returns a row of figures a fold. `on_log` gets the training's records with `fold` in them. A finished fold leaves
    its row in `workdir`, an unfinished one its checkpoints, so that a second call goes on where the first one ended.
    Raises ContractError when there are too few reviews of a class, or when `workdir` belongs to another training.
    """
    from sentiment.training.checkpoints import claim

    sample = reviews.take(np.arange(min(len(reviews), config.fold_reviews)))
    _require_enough(config, sample)
    claim(workdir, config, sample, sample)
    rows = []
    for fold, (rest, held_out) in enumerate(_folds(config, sample.labels), start=1):
        folder = workdir / f"fold-{fold}"
        done = storage.read_bytes(str(folder / FIGURES))
        if done is None:
            train = partial(fit, workdir=folder / "training", settings=settings, on_log=_with_fold(fold, on_log))
            rows.append(_measure(config, sample.take(rest), sample.take(held_out), train))
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


def _require_enough(config: TrainConfig, sample: LabelledReviews) -> None:
    if config.folds < 2:
        raise ContractError(
            f"a cross-validation needs 2 folds or more, not {config.folds}; set folds, to 5 for example"
        )
    counts = np.bincount(sample.labels, minlength=len(LABELS))
    if counts.min() < 2 * config.folds:
        found = ", ".join(f"{count} {name}" for name, count in zip(LABELS, counts, strict=True))
        raise ContractError(
            f"{config.folds} folds need {2 * config.folds} reviews of each label, and the sample has {found}; "
            "raise fold_reviews, or lower folds"
        )


def _folds(config: TrainConfig, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    yield from folds.split(np.zeros(len(labels)), labels)


def _measure(
    config: TrainConfig, rest: LabelledReviews, held_out: LabelledReviews, train: Callable[..., Fitted]
) -> FoldFigures:
    from sklearn.model_selection import train_test_split

    started = time.monotonic()
    training, validation = train_test_split(
        np.arange(len(rest)), test_size=_VALIDATION_SHARE, stratify=rest.labels, random_state=config.seed
    )
    chosen_on = rest.take(validation)
    fitted = train(config, rest.take(training), chosen_on)
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
