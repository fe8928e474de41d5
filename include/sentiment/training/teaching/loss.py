"""The loss of a training: of labels alone, or of labels and of what a teacher says."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sentiment.core.labelled import LabelledReviews, TaughtReviews
from sentiment.training.config.train import TrainConfig
from sentiment.training.imbalance import Loss, training_loss


def loss_of(config: TrainConfig, train: LabelledReviews) -> Loss:
    """Return the loss of a training on these reviews.

    Without a teacher, log odds that are known are made texts' and taken as they are: at temperature 1.
    """
    if config.teacher:
        return taught_loss(config.teacher_weight, config.teacher_temperature, config.label_smoothing)
    if isinstance(train, TaughtReviews):
        return taught_loss(1.0, 1.0, config.label_smoothing)
    return training_loss(config, train.labels, config.label_smoothing)


def taught_loss(weight: float, temperature: float, label_smoothing: float = 0.0) -> Loss:
    """Return the mean of (1 - w) cross-entropy with the label + w T^2 cross-entropy with the teacher at temperature T.

    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2; T^2 keeps the teacher's
    gradients from shrinking as T grows. Where only one of the two says something, it has the whole weight. Labels
    [reviews] alone, as those of a validation, give plain cross-entropy.
    """

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        if wanted.dim() == 1:
            return functional.cross_entropy(logits, wanted, label_smoothing=label_smoothing)
        labels, odds = wanted.unbind(1)
        unknown, untaught = labels.isnan(), odds.isnan()
        share = torch.where(unknown, 1.0, torch.where(untaught, 0.0, weight))
        classes = labels.nan_to_num().long()
        by_label = functional.cross_entropy(logits, classes, label_smoothing=label_smoothing, reduction="none")
        said = torch.sigmoid(odds.nan_to_num() / temperature)
        asked = (logits[:, 1] - logits[:, 0]) / temperature
        by_teacher = temperature**2 * functional.binary_cross_entropy_with_logits(asked, said, reduction="none")
        return ((1 - share) * by_label + share * by_teacher).mean()

    return loss
