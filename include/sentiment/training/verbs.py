"""Training a candidate."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.core.names import Family
from sentiment.core.verb import Verb, VerbResult
from sentiment.core.wording import interval, percent
from sentiment.datasets.verbs import on_a_snapshot
from sentiment.training.config.train import TrainConfig

Interval = tuple[float, float]


class TrainResult(VerbResult):
    """A finished training: its run in MLflow, and its figures on the test reviews with 95 % intervals [low, high].

    `seconds` are those of the fit. `warning` says that it learnt nothing, `note` that there were fewer reviews than
    were asked for; `report` and `experiment` are addresses of MLflow, where there is a server.
    """

    run_id: str
    family: Family
    snapshot: str
    train_reviews: int
    test_reviews: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    seconds: float
    warning: str | None = None
    note: str | None = None
    report: str | None = None
    experiment: str | None = None

    def sentences(self) -> list[str]:
        """Say the figures, and the warning."""
        accuracy = percent(self.accuracy) + interval(self.accuracy_interval, 100, "%")
        macro_f1 = f"{self.macro_f1:.3f}" + interval(self.macro_f1_interval)
        line = f"{self.family}: accuracy {accuracy}, macro F1 {macro_f1} on the test reviews."
        return [line, self.warning] if self.warning else [line]


def train(config: TrainConfig, context: Context) -> TrainResult:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.candidate import train_candidate

    trained = train_candidate(on_a_snapshot(config, context), context.settings, context.progress)
    return TrainResult.model_validate(trained)


TRAIN = Verb(
    name="train",
    config=TrainConfig,
    result=TrainResult,
    run=train,
    group="Models",
    example="--family encoder --train-reviews 12000 --epochs 2",
    heavy=True,
)
