"""How a study looks for settings: what a trial may choose, who chooses, and which trial is stopped early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from pydantic import JsonValue

from sentiment.training.config.train import TrainConfig
from sentiment.tuning.config import TuneConfig

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

# Of the trials that reach a rung the better half goes on. Three quarters would go with Optuna's 4, after a quarter of
# a training in which the learning rate has hardly left its warm-up.
KEPT = 2
# TPE's own 10 random trials before it learns from any would be most of a study of 12.
RANDOM_SHARE, RANDOM_AT_LEAST = 1 / 3, 4


def suggest(config: TuneConfig, trial: Trial) -> TrainConfig:
    """Return the training of one trial; the choices are kept in the study."""
    chosen: dict[str, JsonValue] = {
        name: trial.suggest_float(name, low, high, log=True) for name, (low, high) in config.ranges.items()
    }
    for name, values in config.choices.items():
        chosen[name] = trial.suggest_categorical(name, list(values))
    return config.candidate(**chosen)


def pruner(config: TuneConfig) -> BasePruner:
    """Return asynchronous successive halving (Li et al. 2020) over validations, or what never prunes.

    A trial's resource is the number of its validations and not of its steps, which differ between batch sizes.
    """
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=KEPT) if config.prune else NopPruner()


class SeededSampler(BaseSampler):
    """TPE with a constant liar, or random choice; what a trial gets follows from seed, its number and what is known.

    A sampler that is seeded once gives every worker, and every worker that starts anew, the same first choices.
    """

    def __init__(self, config: TuneConfig) -> None:
        self._config = config
        self._chooses: BaseSampler = self._seeded(0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Called by Optuna when a trial begins."""
        self._chooses = self._seeded(trial.number)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the sampler chooses together."""
        return self._chooses.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose that."""
        return self._chooses.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Choose what is left, by itself."""
        return self._chooses.sample_independent(study, trial, param_name, param_distribution)

    def _seeded(self, number: int) -> BaseSampler:
        # Seeds of neighbouring trials of neighbouring studies must not meet.
        seed = (self._config.seed * 10_007 + number) % 2**32
        # The trials of a grid are queued with all that they vary; see `search.queue_grid`.
        if self._config.sampler in {"random", "grid"}:
            return RandomSampler(seed)
        at_random = max(RANDOM_AT_LEAST, round(self._config.trials * RANDOM_SHARE))
        return TPESampler(n_startup_trials=at_random, constant_liar=True, seed=seed)
