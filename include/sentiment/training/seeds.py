"""One candidate trained with several seeds: as many runs, and the result of the one that is best on validation."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from sentiment.core.context import Context
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import snapshot_folder
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig
from sentiment.training.results import SeedRun, TrainResult
from sentiment.training.unfinished import FIGURES, at_work, folder_of

_CHOSEN_BY = "validation_macro_f1"


def train_over_seeds(config: TrainConfig, context: Context) -> TrainResult:
    """Train with `config.seeds` seeds, `config.seed` being the first, and return the result of the best on validation.

    It names every run, for `compare`. A training without chance is made once, and the note says so. The same command
    after one that was interrupted trains no seed again that had come to its end.
    """
    seeds = range(config.seed, config.seed + config.seeds)
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    available = require_manifest(folder).splits["train"].reviews
    note = ""
    if len(seeds) > 1 and config.gives_one_model(available):
        seeds = seeds[:1]
        note = f"with all {available:,} training reviews every seed gives the same linear model: it was trained once"
    name = f"seeds-{sha256(config.model_dump_json().encode()).hexdigest()[:16]}"
    workdir = folder_of(context.settings, name)
    try:
        with at_work(workdir, config, context):
            trained = {seed: _once(workdir / str(seed), _of_seed(config, seed), context) for seed in seeds}
            if len(trained) > 1:
                return _over(trained, Registry(context.settings))
    except KeyboardInterrupt:
        done = ", ".join(str(seed) for seed in seeds if (workdir / str(seed) / FIGURES).is_file()) or "none"
        on = f"the same command with --snapshot {config.snapshot} goes on after the last checkpoint, if there was one"
        raise KeyboardInterrupt(f"{on}; seeds that are done: {done}") from None
    (result,) = trained.values()
    notes = "; ".join(filter(None, (result.note, note)))
    return result.model_copy(update={"note": notes}) if note else result


def _of_seed(config: TrainConfig, seed: int) -> TrainConfig:
    return config.model_copy(update={"seed": seed, "seeds": 1})


def _over(trained: Mapping[int, TrainResult], registry: Registry) -> TrainResult:
    """Return the result of the seed that is best on validation, with the figures of all."""
    runs = [_seed_run(seed, result, registry) for seed, result in trained.items()]
    chosen = max(runs, key=lambda run: run.validation_macro_f1)
    return trained[chosen.seed].model_copy(update={"runs": tuple(runs)})


def _seed_run(seed: int, result: TrainResult, registry: Registry) -> SeedRun:
    return SeedRun(
        seed=seed,
        run_id=result.run_id,
        validation_macro_f1=round(registry.trained(result.run_id).metrics[_CHOSEN_BY], 4),
        accuracy=result.accuracy,
        macro_f1=result.macro_f1,
    )


def _once(folder: Path, config: TrainConfig, context: Context) -> TrainResult:
    """Train a seed, or read what came of it before an interruption."""
    figures = str(folder / FIGURES)
    if done := _done(figures, context):
        return done
    result = train_candidate(config, context)
    # Before anything else is asked of MLflow, whose answer may fail to come.
    storage.write_bytes(figures, result.model_dump_json(exclude_unset=True).encode())
    return result


def _done(figures: str, context: Context) -> TrainResult | None:
    """Return what a seed came to, if that can be read and its run is still there."""
    content = storage.read_bytes(figures)
    try:
        done = TrainResult.model_validate_json(content or b"")
    except ValidationError:
        return None
    return done if Registry(context.settings).has(done.run_id) else None
