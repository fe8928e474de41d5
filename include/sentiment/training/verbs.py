"""Training a candidate."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.datasets.verbs import on_a_snapshot
from sentiment.training.config.train import TrainingsConfig, TrainRequest
from sentiment.training.results import TrainingsResult, TrainResult


def train(config: TrainRequest, context: Context) -> TrainResult:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.models.encoders import require_at_hand
    from sentiment.training.unfinished import asked_of

    resumed = asked_of(config.resume, context.settings) if config.resume else None
    training = resumed or config.training()
    require_at_hand(training, context.settings)
    training = on_a_snapshot(training, context)
    from sentiment.training.candidate import train_candidate
    from sentiment.training.seeds import train_over_seeds

    if training.seeds > 1:
        return train_over_seeds(training, context)
    return train_candidate(training, context, config.resume)


def trainings(config: TrainingsConfig, context: Context) -> TrainingsResult:
    """List what unfinished trainings keep, and remove it where that is asked for."""
    from sentiment.training.unfinished import listed

    return listed(config, context)


TRAIN = Verb(
    name="train",
    config=TrainRequest,
    result=TrainResult,
    run=train,
    group="Models",
    example="--family encoder --train-reviews 12000 --epochs 2",
    heavy=True,
)
TRAININGS = Verb(
    name="trainings",
    config=TrainingsConfig,
    result=TrainingsResult,
    run=trainings,
    group="Models",
    example="--remove RUN",
)
