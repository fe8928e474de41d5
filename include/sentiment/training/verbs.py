"""Training a candidate."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.verb import Verb
from sentiment.datasets.verbs import on_a_snapshot, require_snapshots
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.config.train import TrainingsConfig, TrainRequest
from sentiment.training.results import SoftLabelsResult, TrainingsResult, TrainResult


def train(config: TrainRequest, context: Context) -> TrainResult:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.mixing import require_mixable
    from sentiment.training.models.encoders import named_in_full, require_at_hand
    from sentiment.training.teaching.lessons import require_teachable, with_teacher_at_hand
    from sentiment.training.unfinished import asked_of
    from sentiment.training.warm_start import begun_from, require_unseen

    resumed = asked_of(config.resume, context.settings) if config.resume else None
    training = begun_from(resumed or named_in_full(config.training()), context)
    require_at_hand(training, context.settings)
    require_snapshots(training.mixed_snapshots, context)
    training = on_a_snapshot(with_teacher_at_hand(training, context), context)
    require_teachable(training, context)
    require_mixable(training, context)
    require_unseen(training, context)
    from sentiment.training.candidate import train_candidate
    from sentiment.training.seeds import train_over_seeds

    if training.seeds > 1:
        return train_over_seeds(training, context)
    return train_candidate(training, context, config.resume)


def trainings(config: TrainingsConfig, context: Context) -> TrainingsResult:
    """List what unfinished trainings keep, and remove it where that is asked for."""
    from sentiment.training.unfinished import listed

    return listed(config, context)


def soft_labels(config: SoftLabelsConfig, context: Context) -> SoftLabelsResult:
    """Train a teacher a fold and write what each says of the reviews of its fold, or say what was written before."""
    from sentiment.stores.registry.entries import require_run_ids
    from sentiment.training.teaching.kept import alone, kept_of

    require_run_ids([config.model])
    with alone(config, context.settings):
        kept = kept_of(config, context.settings)
        if kept and kept.result:
            return kept.result
        from sentiment.training.soft_labels import make_soft_labels

        return make_soft_labels(config, context, kept)


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
SOFT_LABELS = Verb(
    name="soft-labels",
    config=SoftLabelsConfig,
    result=SoftLabelsResult,
    run=soft_labels,
    group="Models",
    example="--model RUN --folds 3",
    heavy=True,
)
