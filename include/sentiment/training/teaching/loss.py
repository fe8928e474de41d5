"""The loss of a training: of labels alone, or of labels, of what a teacher says, and of stars."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.core.names import LABELS, STAR_THRESHOLDS, UNLABELLED
from sentiment.training.config.train import TrainConfig
from sentiment.training.imbalance import Loss, training_loss


def loss_of(config: TrainConfig, train: LabelledReviews) -> Loss:
    """Return the loss of a training on these reviews; what they know decides which one it is."""
    labels = train.labels[train.labels != UNLABELLED]
    if not isinstance(train, TaughtReviews):
        return training_loss(config, labels, config.label_smoothing)
    by_label = training_loss(config, labels, config.label_smoothing, reduction="none")
    # Soft labels that are no teacher's are learnt as they are.
    temperature = config.teacher_temperature if config.teacher else 1.0
    return taught_loss(by_label, config.teacher_weight, temperature, config.star_weight)


def taught_loss(by_label: Loss, weight: float, temperature: float, star_weight: float = 0.0) -> Loss:
    """Return the mean over the reviews of what each teaches by its label, its soft label and its stars.

    With a teacher's weight w and temperature T that is (1 - w) times the loss of the label + w T^2 times cross-entropy
    with the soft label (Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2; T^2
    keeps the teacher's gradients from shrinking as T grows). Where only one of the two is known, it has the whole
    weight. `star_weight` times the loss of the stars is added. Of what is not known a review teaches nothing. Labels
    [reviews] alone, as those of a validation, give the mean loss of labels.
    """

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        sentiment = logits[:, : len(LABELS)]
        if wanted.dim() == 1:
            return by_label(sentiment, wanted).mean()
        labels, odds, stars = wanted.unbind(1)
        unknown, untaught = labels.isnan(), odds.isnan()
        share = torch.where(untaught, 0.0, torch.where(unknown, 1.0, weight))
        of_labels = by_label(sentiment, labels.nan_to_num().long()).masked_fill(unknown, 0.0)
        each = (1 - share) * of_labels + share * _by_teacher(sentiment, odds, temperature)
        if star_weight:
            each = each + star_weight * star_losses(logits[:, len(LABELS) :], stars)
        return each.mean()

    return loss


def star_losses(logits: Tensor, stars: Tensor) -> Tensor:
    """Return of each review how wrong logits [reviews, thresholds] are about its stars [reviews]; 0 where they are NaN.

    Stars are ordered: each threshold asks whether there are more, and the loss is the mean binary cross-entropy of the
    answers, so that four stars for five are less wrong than one. Li and Lin: Ordinal Regression by Extended Binary
    Classification, NIPS 2006; with a network's outputs as the classifiers: Niu, Zhou, Wang, Gao, Hua: Ordinal
    Regression with Multiple Output CNN for Age Estimation, CVPR 2016.
    """
    thresholds = torch.tensor(STAR_THRESHOLDS, device=logits.device)
    more = (stars[:, None] > thresholds).to(logits.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, more, reduction="none").mean(1)
    return each.masked_fill(stars.isnan(), 0.0)


def _by_teacher(logits: Tensor, odds: Tensor, temperature: float) -> Tensor:
    said = torch.sigmoid(odds.nan_to_num() / temperature)
    asked = (logits[:, 1] - logits[:, 0]) / temperature
    return temperature**2 * functional.binary_cross_entropy_with_logits(asked, said, reduction="none")
