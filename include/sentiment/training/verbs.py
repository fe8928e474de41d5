"""Training a candidate."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.datasets.verbs import on_a_snapshot
from sentiment.training.config.train import TrainConfig
from sentiment.training.results import TrainResult


def train(config: TrainConfig, context: Context) -> TrainResult:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.candidate import train_candidate
    from sentiment.training.seeds import train_over_seeds

    train_it = train_candidate if config.seeds == 1 else train_over_seeds
    return train_it(on_a_snapshot(config, context), context)


TRAIN = Verb(
    name="train",
    config=TrainConfig,
    result=TrainResult,
    run=train,
    group="Models",
    example="--family encoder --train-reviews 12000 --epochs 2",
    heavy=True,
)
