"""What a neural training minimises, and how much each class weighs in it. Knows logits and labels alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sentiment.core.names import LABELS
from sentiment.training.config.optimisation import ImbalanceOptions

# Logits [reviews, 2] and labels [reviews] in, the mean loss out.
Loss = Callable[[Tensor, Tensor], Tensor]


def training_loss(config: ImbalanceOptions, labels: np.ndarray, label_smoothing: float) -> Loss:
    """Return the loss that the configuration asks for, its class weights counted on the training labels [n].

    With two logits -z/2 and z/2, as the recurrent families give them, cross-entropy is the binary cross-entropy of z.
    """
    if config.imbalance == "focal":
        return lambda logits, wanted: focal_loss(logits, wanted, config.focal_gamma, config.focal_alpha)
    weights = class_weights(labels) if config.imbalance == "class_weights" else None

    def cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
        weight = None if weights is None else torch.as_tensor(weights, dtype=logits.dtype, device=logits.device)
        return functional.cross_entropy(logits, wanted, weight=weight, label_smoothing=label_smoothing)

    return cross_entropy


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Return float64 [2], n / (2 * reviews of the class): the same total weight for both classes."""
    counts = np.bincount(labels, minlength=len(LABELS))
    weights: np.ndarray = len(labels) / (len(LABELS) * counts)
    return weights


def focal_loss(logits: Tensor, labels: Tensor, gamma: float, alpha: float) -> Tensor:
    """Return the mean of -a_t (1 - p_t)^gamma log p_t, with a_t = alpha for positive and 1 - alpha for negative labels.

    Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, ICCV 2017, equation 5.
    """
    log_p = functional.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    balance = torch.where(labels == 1, alpha, 1 - alpha).to(log_p.dtype)
    return (-balance * (1 - log_p.exp()) ** gamma * log_p).mean()
