"""What a training cost: its time, what it learnt from, and the memory that its processes held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentiment.training.job import Memory

if TYPE_CHECKING:
    from sentiment.training.dossier import Training


def costs(training: Training) -> dict[str, float]:
    """Return seconds, parameters, reviews and the memory of a finished training, as MLflow names them."""
    found = {
        "training_seconds": training.seconds,
        "parameters": training.fitted.parameters,
        "trainable_parameters": training.fitted.trainable,
        "train_reviews_used": training.reviews["train"],
        "test_reviews_used": training.reviews["test"],
    }
    return found | _peaks(training.fitted.memory or (Memory.of_this_process(),))


def _peaks(memory: Sequence[Memory]) -> dict[str, float]:
    """Return the most that one of the processes held, and what all did together, in megabytes."""
    held = {"memory": [one.host / 1e6 for one in memory], "gpu": [one.gpu / 1e6 for one in memory if one.gpu]}
    largest = {f"peak_{kind}_megabytes": max(each) for kind, each in held.items() if each}
    return largest | {f"peak_{kind}_megabytes_in_all": sum(each) for kind, each in held.items() if len(each) > 1}
