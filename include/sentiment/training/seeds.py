"""One candidate trained with several seeds: as many runs, and the result of the one that is best on validation."""

from __future__ import annotations

from sentiment.core.context import Context
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig, gives_one_model
from sentiment.training.results import SeedRun, TrainResult

_CHOSEN_BY = "validation_macro_f1"


def train_over_seeds(config: TrainConfig, context: Context) -> TrainResult:
    """Train with `config.seeds` seeds, `config.seed` being the first, and return the result of the best on validation.

    It names every run, for `compare`. A training without chance is made once, and the note says so.
    """
    seeds = range(config.seed, config.seed + config.seeds)
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    available = require_manifest(folder).splits["train"].reviews
    note = ""
    if len(seeds) > 1 and gives_one_model(config.family, config.imbalance, config.train_reviews, available):
        seeds = seeds[:1]
        note = f"with all {available:,} training reviews every seed gives the same linear model: it was trained once"
    results = [_train(config.model_copy(update={"seed": seed, "seeds": 1}), context) for seed in seeds]
    if len(results) == 1:
        result, _ = results[0]
        notes = "; ".join(filter(None, (result.note, note)))
        return result.model_copy(update={"note": notes}) if note else result
    chosen, _ = max(results, key=lambda one: one[1].validation_macro_f1)
    return chosen.model_copy(update={"runs": tuple(run for _, run in results)})


def _train(config: TrainConfig, context: Context) -> tuple[TrainResult, SeedRun]:
    result = train_candidate(config, context)
    kept = Registry(context.settings).trained(result.run_id).metrics
    run = SeedRun(
        seed=config.seed,
        run_id=result.run_id,
        validation_macro_f1=round(kept[_CHOSEN_BY], 4),
        accuracy=result.accuracy,
        macro_f1=result.macro_f1,
    )
    return result, run
