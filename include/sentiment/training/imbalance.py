"""What is done about the rare class: more reviews of it, a loss in which it weighs more, another threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS, UNLABELLED
from sentiment.engine.calibration import positive_probability
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.training.config.optimisation import ImbalanceOptions

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Logits [reviews, 2] and labels [reviews] in, the mean loss out; or, where nothing is reduced, the loss of each.
Loss = Callable[[Tensor, Tensor], Tensor]
Reduction = Literal["mean", "none"]


def training_loss(
    config: ImbalanceOptions, labels: np.ndarray, label_smoothing: float, reduction: Reduction = "mean"
) -> Loss:
    """Return the loss that the configuration asks for, its class weights counted on the training labels [n].

    With two logits -z/2 and z/2, as the recurrent families give them, cross-entropy is the binary cross-entropy of z.
    Class weights are 1 in the mean of all reviews, and a mean loss is divided by its reviews and not by their weights,
    so that a review counts for as much in a batch of one.
    """
    if config.imbalance == "focal":
        return lambda logits, wanted: focal_loss(logits, wanted, config.focal_gamma, config.focal_alpha, reduction)
    weights = class_weights(labels) if config.imbalance == "class_weights" else None

    def cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
        weight = None if weights is None else torch.as_tensor(weights, dtype=logits.dtype, device=logits.device)
        each = functional.cross_entropy(
            logits, wanted, weight=weight, label_smoothing=label_smoothing, reduction="none"
        )
        return each.mean() if reduction == "mean" else each

    return cross_entropy


def validated(config: ImbalanceOptions, labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return the figures of `evaluate` on validation, for labels [n] and logits [n, 2], uncalibrated.

    Where the threshold is tuned they are those at the tuned one. A remedy moves log odds by a constant above all, which
    that threshold takes back: at 0.5 checkpoint, patience and search would go by what nobody gets.
    """
    probability = positive_probability(logits)
    threshold = fit_threshold(probability, labels) if config.tune_threshold else 0.5
    return evaluate(labels, probability, threshold)


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Return float64 [2], n / (2 * reviews of the class): the same total weight for both classes."""
    counts = np.bincount(labels, minlength=len(LABELS))
    weights: np.ndarray = len(labels) / (len(LABELS) * counts)
    return weights


def focal_loss(logits: Tensor, labels: Tensor, gamma: float, alpha: float, reduction: Reduction = "mean") -> Tensor:
    """Return the mean of -a_t (1 - p_t)^gamma log p_t, with a_t = alpha for positive and 1 - alpha for negative labels.

    Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, ICCV 2017, equation 5.
    """
    log_p = functional.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    balance = torch.where(labels == 1, alpha, 1 - alpha).to(log_p.dtype)
    each: Tensor = -balance * (1 - log_p.exp()) ** gamma * log_p
    return each.mean() if reduction == "mean" else each


NEIGHBOURS = 5


def oversampled(reviews: LabelledReviews, seed: int) -> LabelledReviews:
    """Return all reviews and, after them, ones of the rarer label drawn again until both are equally many."""
    from imblearn.over_sampling import RandomOverSampler

    labelled = np.flatnonzero(reviews.labels != UNLABELLED)
    drawn, _ = RandomOverSampler(random_state=seed).fit_resample(labelled[:, None], reviews.labels[labelled])
    again = drawn.ravel()[len(labelled) :]
    return reviews.take(np.concatenate([np.arange(len(reviews)), again]))


def synthesised(features: csr_matrix, labels: np.ndarray, seed: int) -> tuple[csr_matrix, np.ndarray]:
    """Return features [n, f] and labels [n] with points between neighbours of the rarer label, until both are equal.

    Chawla, Bowyer, Hall, Kegelmeyer: SMOTE, JAIR 16, 2002. Raises ContractError when there are too few neighbours.
    """
    from imblearn.over_sampling import SMOTE

    rare = int(np.bincount(labels).min())
    if rare <= NEIGHBOURS:
        raise ContractError(
            f"smote needs more than {NEIGHBOURS} training reviews of the rarer label and has {rare}; give more "
            "reviews, or choose imbalance=oversampling"
        )
    made, wanted = SMOTE(k_neighbors=NEIGHBOURS, random_state=seed).fit_resample(features, labels)
    return made, wanted
